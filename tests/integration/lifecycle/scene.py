"""The scene of each test here: one topic, one consumer group, one application, and sidecars that come and go between them.

The topic's records are numbered and have no gaps, so what the application took tells all: loss, duplicates, order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.parts.app import Application
from tests.parts.behaviour import Behaviour, accept
from tests.parts.environ import sidecar_environ
from tests.parts.kafka import RealKafka
from tests.parts.kubelet.pod import get
from tests.parts.process import RunningSidecar, SidecarProcess
from tests.parts.topics import committed, create_topic, fresh_name, log_ends, produce_numbered
from tests.parts.waiting import wait_for

LONG = 60.0
"""Seconds within which all that these tests wait for happens, also on a machine that others use too."""


class Scene:
    """A topic and a group of their own. ``settings`` hold for every sidecar: names without ``SIDECAR_``."""

    def __init__(self, kafka: RealKafka, folder: Path, app: Application, partitions: int, settings: Mapping[str, str]) -> None:
        self.kafka = kafka
        self.app = app
        self.topic = fresh_name("orders")
        self.group = fresh_name("group")
        self.partitions = partitions
        self.produced = 0
        self._folder = folder
        self._settings = settings
        create_topic(kafka.bootstrap, self.topic, partitions)

    def produce(self, count: int, padding: int = 0) -> None:
        """Produce ``count`` records more, spread evenly over the partitions, each longer by ``padding`` bytes."""
        numbers = range(self.produced, self.produced + count)
        produce_numbered(self.kafka.bootstrap, self.topic, numbers, self.partitions, padding)
        self.produced += count

    def sidecar(self, **more: str) -> SidecarProcess:
        """Start a sidecar of the group, with ``more`` settings of its own."""
        return SidecarProcess(self.environ(**more), self._folder)

    def environ(self, **more: str) -> dict[str, str]:
        """Return the environment of a sidecar of the group, with ``more`` settings of its own."""
        settings = {"KAFKA__GROUP_ID": self.group, **self._settings, **more}
        return sidecar_environ(self.kafka.bootstrap, self.topic, self.app.url, **settings)

    def wait_taken(self, count: int) -> None:
        """Return when the application has taken ``count`` different records."""
        wait_for(lambda: len(set(self.app.ids)) >= count, f"the application has taken {count} records", LONG)

    def wait_requests(self, count: int) -> None:
        """Return when ``count`` requests have come to the application, answered or not."""
        wait_for(lambda: len(self.app.requests) >= count, f"{count} requests have come", LONG)

    def wait_quiet(self) -> None:
        """Return when the application has treated all that sidecars sent which have ended since."""
        get(self.app.port, "/healthz")  # who had connected before is accepted by now, and counted
        wait_for(lambda: self.app.connections == 0, "the application is at rest", LONG)

    def committed(self) -> dict[int, int]:
        """Return what the group committed, for each partition; 0 where it did not."""
        known = committed(self.kafka.bootstrap, self.group, self.topic)
        return {number: known.get(number, 0) for number in range(self.partitions)}

    def log_ends(self) -> dict[int, int]:
        """Return the log end offset of each partition."""
        return log_ends(self.kafka.bootstrap, self.topic)

    def offsets_taken(self, partition: int) -> list[int]:
        """Return the offsets of a partition as the application took them, duplicates included."""
        return [record.offset for record in self.app.taken.get((self.topic, partition), ())]

    def assert_taken_once_and_committed(self) -> None:
        """Assert that each record below the committed offsets was taken exactly once and in order, and no other."""
        for partition, offset in self.committed().items():
            assert self.offsets_taken(partition) == list(range(offset)), f"partition {partition}, committed {offset}"

    def assert_all_taken_once(self) -> None:
        """Assert the same, and that nothing is left: the commits are at the ends of the log."""
        self.assert_taken_once_and_committed()
        assert self.committed() == self.log_ends()
        assert sorted(self.app.ids) == list(range(self.produced))

    def assert_nothing_lost(self) -> None:
        """Assert that each record was taken at least once, for the first time in order, and committed."""
        assert set(self.app.ids) == set(range(self.produced))
        self.app.assert_in_order()
        assert self.committed() == self.log_ends()


@contextmanager
def scene(  # noqa: PLR0913 -- what a scene consists of, each by name
    kafka: RealKafka,
    folder: Path,
    *,
    behave: Behaviour = accept,
    partitions: int = 4,
    records: int = 0,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Scene]:
    """Set a scene with ``records`` in the topic."""
    with Application(behave) as app:
        made = Scene(kafka, folder, app, partitions, settings or {})
        made.produce(records)
        yield made


def runs(offsets: Sequence[int]) -> list[range]:
    """Split ``offsets`` into runs that go up by one: the first, and one for each replay (or gap)."""
    edges = [0, *(i for i in range(1, len(offsets)) if offsets[i] != offsets[i - 1] + 1), len(offsets)]
    return [range(offsets[begin], offsets[end - 1] + 1) for begin, end in pairwise(edges) if begin < end]


def has(**counts: int) -> Callable[[Any], bool]:
    """Return a condition on ``/status``: these of its books have at least these counts."""
    return lambda status: all(status["books"][name] >= count for name, count in counts.items())


def assert_ended(sidecar: RunningSidecar, status: int) -> None:
    """Assert that a sidecar ends with ``status`` and balanced books, nothing left in its hands."""
    assert sidecar.wait_exit(LONG) == status
    books = sidecar.events("sidecar.stopped")[-1]["books"]
    outcomes = books["delivered"] + books["dead_lettered"] + sum(books["dropped"].values()) + sum(books["released"].values())
    assert (books["unaccounted"], books["buffered"], books["in_flight"]) == (0, 0, 0)
    assert books["polled"] == outcomes


def drain(sidecar: RunningSidecar) -> None:
    """Ask a sidecar to drain; it does, with status 0."""
    assert sidecar.metric("sidecar_unaccounted_records") == 0
    sidecar.sigterm()
    assert_ended(sidecar, 0)
