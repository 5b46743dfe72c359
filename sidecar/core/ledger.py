"""The ledger of one partition in one epoch: which offsets may be committed.

``[start, position)`` is everything polled so far, tiled without holes into ranges that have an outcome and ranges
that have none (a chunk covers its gaps, see :mod:`sidecar.core.records`; a gap between chunks is settled when the later
one is tracked). ``committable`` is the lower edge of the first range without an outcome. Completions come in
any order: a range that starts at ``committable`` moves it, any other waits in a table keyed by its start. Each range
enters and leaves the table once, so the cost is O(1) amortised per range, whatever the number of records.

The same idea, kept per record, is the commit log of most at-least-once consumers (for instance the "highest contiguous
offset" of Redpanda Connect's checkpointer and of Confluent's parallel consumer).
"""

from __future__ import annotations

from bisect import bisect_left

from sidecar.core.errors import AccountingError
from sidecar.core.records import Chunk


class Ledger:
    """Offsets of one partition between ``start`` and ``position``; it only ever moves forward."""

    __slots__ = ("_done", "_leaders", "committable", "outstanding", "position")

    def __init__(self, start: int | None) -> None:
        """Start at offset ``start``; None when the first polled record decides."""
        self.position = start
        self.committable = start
        self.outstanding = 0
        self._done: dict[int, int] = {}
        self._leaders: list[tuple[int, int]] = []

    @property
    def islands(self) -> int:
        """How many ranges have their outcome beyond a record that has none."""
        return len(self._done)

    def track(self, chunk: Chunk) -> None:
        """Take note of polled records. Raises AccountingError when they begin below the position."""
        position, start = self.position, chunk.offsets[0]
        if position is None:
            self.committable = start
        elif start < position:
            msg = f"{chunk.tp}: polled offset {start} again, position is {position}"
            raise AccountingError(msg)
        elif start > position:
            self._settle(position, start)
        self.position = chunk.end
        self.outstanding += chunk.records
        leader = chunk.leader_epoch
        if leader is not None and (not self._leaders or self._leaders[-1][1] != leader):
            self._leaders.append((start, leader))

    def advance(self, position: int) -> None:
        """Pass offsets up to ``position`` that hold no record to deliver; does nothing when that is not ahead."""
        if self.position is None:
            self.position = self.committable = position
        elif position > self.position:
            self._settle(self.position, position)
            self.position = position

    def complete(self, chunk: Chunk) -> None:
        """Give the records of ``chunk`` their outcome. Raises AccountingError when they have one, or were never polled."""
        start, end, records = chunk.offsets[0], chunk.end, chunk.records
        position, committable = self.position, self.committable
        if position is None or committable is None or start < committable or end > position:
            msg = f"{chunk.tp}: outcome for [{start}, {end}), outstanding is [{committable}, {position})"
            raise AccountingError(msg)
        if records > self.outstanding or start in self._done:
            msg = f"{chunk.tp}: second outcome for [{start}, {end})"
            raise AccountingError(msg)
        self.outstanding -= records
        self._settle(start, end)

    def leader_epoch(self, offset: int) -> int | None:
        """Return the leader epoch of the record before ``offset``, as a commit of ``offset`` carries it; None when unknown."""
        index = bisect_left(self._leaders, (offset, -1))
        return self._leaders[index - 1][1] if index else None

    def _settle(self, start: int, end: int) -> None:
        if start != self.committable:
            self._done[start] = end
            return
        done = self._done
        while end in done:
            end = done.pop(end)
        self.committable = end
