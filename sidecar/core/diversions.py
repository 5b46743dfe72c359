"""Diversions: chunks on their way to an overflow topic. They stay accounted in the buffer, as in flight, until the topic's broker has acknowledged them.

Each overflow topic has a *lane*: its chunks in turn, and when it is tried again after a failure. A lane that fails does not hold up another. What is *sent* at once is bounded in bytes over all
lanes, since the producer keeps a copy of it; the lanes take turns with that.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import attrgetter

from sidecar.core.actions import Divert
from sidecar.core.books import DropReason
from sidecar.core.buffer import BoundedBuffer
from sidecar.core.records import Chunk


@dataclass(slots=True)
class Lane:
    """What is on its way to one overflow topic: ``records`` and ``nbytes`` in all, of which ``sent`` chunks are under way and the others are ``waiting``.

    ``due`` is when it is tried again after ``failure``, ``tries`` how often in a row it was not acknowledged.
    """

    waiting: deque[Divert] = field(default_factory=deque)
    sent: int = 0
    records: int = 0
    nbytes: int = 0
    due: float | None = None
    tries: int = 0
    failure: str | None = None

    @property
    def fails(self) -> bool:
        """Whether it has chunks that the topic did not take when it was last tried."""
        return self.failure is not None and self.records > 0

    def wait_again(self, divert: Divert) -> None:
        """Put back one that was not acknowledged, before what came after it."""
        insort(self.waiting, divert, key=attrgetter("number"))


class Diversions:
    """All of them, and what they take."""

    def __init__(self) -> None:
        """Begin with none."""
        self.lanes: dict[str, Lane] = {}
        self.sent: dict[int, Divert] = {}
        self.sent_bytes = 0
        self.records = 0
        self.nbytes = 0
        self._last = 0

    def __iter__(self) -> Iterator[Divert]:
        """Yield every one, sent or not."""
        yield from self.sent.values()
        for lane in self.lanes.values():
            yield from lane.waiting

    def add(self, chunk: Chunk, reason: DropReason, topic: str) -> None:
        """Let ``chunk``, which is in flight, wait for its overflow topic."""
        self._last += 1
        lane = self.lanes.setdefault(topic, Lane())
        lane.waiting.append(Divert(self._last, chunk, reason, topic))
        self._count(lane, len(chunk), chunk.nbytes)

    def send(self, lane: Lane) -> Divert:
        """Take the next of ``lane``: it is under way, and the other lanes' turn is next."""
        divert = lane.waiting.popleft()
        self.lanes[divert.topic] = self.lanes.pop(divert.topic)
        lane.sent += 1
        self.sent[divert.number] = divert
        self.sent_bytes += divert.chunk.nbytes
        return divert

    def answered(self, number: int) -> Divert | None:
        """Take one that is no longer under way; None where it is not known any more."""
        divert = self.sent.pop(number, None)
        if divert is not None:
            self.lanes[divert.topic].sent -= 1
            self.sent_bytes -= divert.chunk.nbytes
        return divert

    def forget(self, divert: Divert) -> None:
        """Count one no more: it has its outcome."""
        self._count(self.lanes[divert.topic], -len(divert.chunk), -divert.chunk.nbytes)

    def clear(self) -> None:
        """Forget what is under way, too: its answers are nobody's any more."""
        self.sent.clear()
        self.lanes.clear()
        self.sent_bytes = 0

    def trouble_of(self, topic: str) -> str | None:
        """Return why the overflow topic ``topic`` does not take what waits for it; None while it does."""
        lane = self.lanes.get(topic)
        return f"{topic}: {lane.failure}" if lane is not None and lane.fails else None

    def usage(self, buffer: BoundedBuffer) -> float:
        """Return what is on its way to topics that do not fail takes of ``buffer``, by the fuller of its two limits."""
        lanes = [lane for lane in self.lanes.values() if not lane.fails]
        records, nbytes = sum(lane.records for lane in lanes), sum(lane.nbytes for lane in lanes)
        return max(records / buffer.max_records, nbytes / buffer.max_bytes)

    @property
    def trouble(self) -> str | None:
        """What is wrong with an overflow topic, if anything is."""
        return next(filter(None, map(self.trouble_of, self.lanes)), None)

    def _count(self, lane: Lane, records: int, nbytes: int) -> None:
        lane.records += records
        lane.nbytes += nbytes
        self.records += records
        self.nbytes += nbytes
