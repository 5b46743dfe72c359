"""Log ends: where the logs of our partitions end, asked for now and then by a thread of its own, for the lag.

Not on the loop's thread: an answer takes milliseconds when all is well, and as long as its time-out when a broker is away.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Protocol

from sidecar.core.records import TopicPartition
from sidecar.runtime.report import LogEnds

ASK_EVERY = 2.0
ASK_TIMEOUT = 5.0


class Ends(Protocol):
    """Who knows log end offsets."""

    def ends(self, tps: Iterable[TopicPartition], timeout: float) -> dict[TopicPartition, int]:
        """Return them as far as they are known within ``timeout`` seconds."""


class LogEndsWatch:
    """Keeps :attr:`latest` fresh."""

    def __init__(self, ends: Ends, assigned: Callable[[], list[TopicPartition]], clock: Callable[[], float]) -> None:
        """Ask ``ends`` for the partitions that ``assigned`` returns."""
        self.latest = LogEnds({}, clock())
        self._ends = ends
        self._assigned = assigned
        self._clock = clock
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log-ends", daemon=True)

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    def stop(self) -> None:
        """Ask no more; an answer that is under way is not waited for."""
        self._over.set()

    def _run(self) -> None:
        while not self._over.wait(ASK_EVERY):
            self.ask()

    def ask(self) -> None:
        """Ask once. A partition that gets no answer keeps what was last known of it while it is ours; where none gets one all is as old as it was.

        An answer is as old as its question: an end may be from any moment in between.
        """
        tps, now = self._assigned(), self._clock()
        known = self.latest.offsets
        answers = self._ends.ends(tps, ASK_TIMEOUT)
        asked_at = now if answers or not tps else self.latest.asked_at
        self.latest = LogEnds({tp: end for tp in tps if (end := answers.get(tp, known.get(tp))) is not None}, asked_at)
