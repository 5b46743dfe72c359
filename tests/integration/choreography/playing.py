"""Cases are played at the same time, each with a topic and a group of its own on the one Kafka."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.choreography.scene import LONG, Case, Outcome, perform
from tests.parts.kafka import RealKafka

AT_ONCE = 6
"""More only makes each slower on two processors."""

Play = Callable[[Case], Outcome]


def selected(request: pytest.FixtureRequest) -> Sequence[Case]:
    """Return the cases that the selected tests of the module ask for, each once."""
    items = [item for item in request.session.items if isinstance(item, pytest.Function) and item.module is request.module]
    cases = [case for item in items if isinstance(case := item.callspec.params["case"], Case)]
    return list({str(case): case for case in cases}.values())


@contextmanager
def playing(cases: Sequence[Case], kafka: RealKafka, folder: Path, meeting: threading.Barrier | None = None) -> Iterator[Play]:
    """Play ``cases``; the value returns the outcome of one when it is over. A case that fails breaks the ``meeting`` up."""
    meeting = meeting or threading.Barrier(1)

    def play(case: Case, number: int) -> Outcome:
        try:
            return perform(case, kafka, folder / str(number), lambda: meeting.wait(LONG))
        except BaseException:
            meeting.abort()
            raise

    with ThreadPoolExecutor(AT_ONCE, "play") as pool:
        plays = {str(case): pool.submit(play, case, number) for number, case in enumerate(cases)}
        yield lambda case: plays[str(case)].result()
