"""Diversions: chunks on their way to an overflow topic. They stay accounted in the buffer, as in flight, until the topic's broker has acknowledged them.

Each overflow topic has a *lane*: its chunks in turn, and when it is tried again after a failure. A lane that fails does not hold up another. What is *sent* at once is bounded in bytes over all
lanes, since the producer keeps a copy of it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from sidecar.core.actions import Divert
from sidecar.core.books import DropReason
from sidecar.core.buffer import BoundedBuffer
from sidecar.core.records import Chunk


@dataclass(slots=True)
class Lane:
    """What waits for one overflow topic; ``due`` is when it is tried again after ``failure``, ``tries`` how often in a row it was not acknowledged."""

    waiting: deque[Divert] = field(default_factory=deque)
    due: float | None = None
    tries: int = 0
    failure: str | None = None


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

    def add(self, chunk: Chunk, reason: DropReason, template: str) -> None:
        """Let ``chunk``, which is in flight, wait for its overflow topic."""
        self._last += 1
        self.records += len(chunk)
        self.nbytes += chunk.nbytes
        self.lanes.setdefault(template, Lane()).waiting.append(Divert(self._last, chunk, reason, template))

    def send(self, lane: Lane) -> Divert:
        """Take the next of ``lane``: it is under way."""
        divert = lane.waiting.popleft()
        self.sent[divert.number] = divert
        self.sent_bytes += divert.chunk.nbytes
        return divert

    def answered(self, number: int) -> Divert | None:
        """Take one that is no longer under way; None where it is not known any more."""
        divert = self.sent.pop(number, None)
        if divert is not None:
            self.sent_bytes -= divert.chunk.nbytes
        return divert

    def forget(self, divert: Divert) -> None:
        """Count one no more: it has its outcome."""
        self.records -= len(divert.chunk)
        self.nbytes -= divert.chunk.nbytes

    def usage(self, buffer: BoundedBuffer) -> float:
        """Return what they take of ``buffer``, by the fuller of its two limits."""
        return max(self.records / buffer.max_records, self.nbytes / buffer.max_bytes)

    @property
    def failure(self) -> str | None:
        """What is wrong with an overflow topic, if anything is."""
        return next((lane.failure for lane in self.lanes.values() if lane.failure is not None), None)
