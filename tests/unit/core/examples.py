"""Example records for tests of the core: chunks by offset and count, and an engine that answers in one line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import TypeVar

from sidecar.core.actions import Action, StartFlush
from sidecar.core.config import EngineConfig, FlushLimits
from sidecar.core.engine import Engine
from sidecar.core.events import Assigned, Event, FlushFinished, Polled, Tick
from sidecar.core.records import RECORD_BYTES, Chunk, Headers, TopicPartition, accounted_bytes
from sidecar.core.results import Delivered, Result
from sidecar.core.snapshot import Snapshot

A = TypeVar("A")

T0 = TopicPartition("orders", 0)
T1 = TopicPartition("orders", 1)
T2 = TopicPartition("orders", 2)
CLICKS = TopicPartition("clicks", 0)

SMALL = EngineConfig(max_messages=100, flush=FlushLimits(first_batch=10, max_batch=10, max_in_flight=3, first_in_flight=3))
"""A buffer of 100 records: ELEVATED at 50, CRITICAL at 80; batches of 10."""


def chunk(
    tp: TopicPartition = T0,
    offsets: Sequence[int] = range(10),
    keys: Sequence[bytes | None] | None = None,
    values: Sequence[bytes | None] | None = None,
    headers: Sequence[Headers | None] | None = None,
) -> Chunk:
    """Return records of ``tp`` at ``offsets``, in epoch 1; without payload each takes :data:`RECORD_BYTES`."""
    count = len(offsets)
    keys, values = keys or [None] * count, values or [None] * count
    nbytes = accounted_bytes(keys, values, headers)
    return Chunk(tp, 1, offsets, [1_000] * count, keys, values, headers, offsets[-1] + 1, nbytes, 0.0, 0)


def sized(tp: TopicPartition, first: int, sizes: Sequence[int]) -> Chunk:
    """Return records of ``tp`` from offset ``first`` on that are accounted at ``sizes`` bytes each."""
    return chunk(tp, range(first, first + len(sizes)), values=[bytes(size - RECORD_BYTES) for size in sizes])


def offsets_of(chunks: Sequence[Chunk]) -> list[int]:
    """Return the offsets of all records, in order."""
    return [offset for each in chunks for offset in each.offsets]


class Bench:
    """An engine on a bench: tell it things at ``now``, look at what it answered."""

    def __init__(self, config: EngineConfig, *assigned: TopicPartition) -> None:
        """Assign ``assigned`` from offset 0."""
        self.engine = Engine(config, Random(1))
        self.now = 100.0
        self.actions: list[Action] = []
        if assigned:
            self.tell(Assigned(dict.fromkeys(assigned, 0)))

    def tell(self, event: Event) -> list[Action]:
        """Tell one event; check the books; return the answer."""
        actions = self.engine.handle(event, self.now)
        assert self.shot.books.unaccounted == 0
        self.actions += actions
        return actions

    def poll(self, *chunks: Chunk) -> list[Action]:
        """Poll ``chunks`` in the present epochs, now."""
        return self.tell(Polled([replace(each, polled_at=self.now, epoch=self.engine.epoch(each.tp) or 0) for each in chunks]))

    def land(self, flight: int, result: Result | None = None, seconds: float = 0.01) -> list[Action]:
        """Give a flight its result; delivered unless told otherwise."""
        return self.tell(FlushFinished(flight, result or Delivered(), seconds))

    def wait(self, seconds: float) -> list[Action]:
        """Let time pass."""
        self.now += seconds
        return self.tell(Tick())

    def wait_for_due(self) -> list[Action]:
        """Let time pass until the engine wants to be woken."""
        due = self.engine.next_due(self.now)
        assert due is not None, "the engine waits for nothing"
        self.now = max(self.now, due)
        return self.tell(Tick())

    @property
    def shot(self) -> Snapshot:
        """The engine as it is now."""
        return self.engine.snapshot(self.now)

    @property
    def holds(self) -> dict[TopicPartition, tuple[str, ...]]:
        """Why each partition is held; those that are not are left out."""
        return {view.tp: view.holds for view in self.shot.partitions if view.holds}

    def committable(self, tp: TopicPartition = T0) -> int | None:
        """Return what may be committed of ``tp``."""
        return next(view.committable for view in self.shot.partitions if view.tp == tp)

    def flushed(self) -> list[StartFlush]:
        """Return every flush that was ever started."""
        return only(self.actions, StartFlush)


def only(actions: Sequence[Action], kind: type[A]) -> list[A]:
    """Return the actions of one kind."""
    return [action for action in actions if isinstance(action, kind)]


def started(actions: Sequence[Action]) -> list[tuple[TopicPartition, list[int]]]:
    """Return what each flush of ``actions`` carries: (partition, offsets) of each of its chunks."""
    return [(each.tp, list(each.offsets)) for start in only(actions, StartFlush) for each in start.batch.chunks]
