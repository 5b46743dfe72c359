"""The bounded buffer: first in, first out per partition, limited in records and in bytes.

What is in flight stays accounted here until its outcome is known: :meth:`BoundedBuffer.take` moves records from
*queued* to *in flight*, :meth:`~BoundedBuffer.settle` frees them, :meth:`~BoundedBuffer.put_back` returns them
to the head of their partition, in order. ``size`` and ``utilization`` cover both.

The limits are kept exactly: a push that does not fit is accepted as far as it fits. One exception makes
progress possible at all: a record larger than the limit is accepted when nothing else is here.
"""

from __future__ import annotations

from bisect import insort
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate, islice
from operator import attrgetter

from sidecar.core.errors import AccountingError
from sidecar.core.records import Chunk, TopicPartition, record_bytes

NEARLY_ALL = 0.9
"""The share of the records or bytes that were asked for which is as good as all of them: to divide a chunk costs as much as some thousand records do elsewhere."""


@dataclass(slots=True)
class _Lane:
    """What is here of one partition: its ``queue`` with ``queued`` records in it, and how many ``records`` and bytes with those in flight."""

    queue: deque[Chunk] = field(default_factory=deque)
    queued: int = 0
    records: int = 0
    nbytes: int = 0


class BoundedBuffer:
    """Chunks queued per partition, with the memory they and the records in flight take."""

    def __init__(self, max_records: int, max_bytes: int) -> None:
        """Limit the buffer to ``max_records`` and ``max_bytes`` (accounted, see :data:`~sidecar.core.records.RECORD_BYTES`).

        ``size`` and ``nbytes`` are the records and bytes held, queued and in flight; ``active`` counts, by topic, the partitions that have records here.
        """
        self.max_records = max_records
        self.max_bytes = max_bytes
        self.size = 0
        self.nbytes = 0
        self.queued_records = 0
        self.queued_bytes = 0
        self.active: Counter[str] = Counter()
        self._lanes: dict[TopicPartition, _Lane] = {}

    @property
    def in_flight_records(self) -> int:
        """Records that were taken, and neither settled nor put back."""
        return self.size - self.queued_records

    @property
    def in_flight_bytes(self) -> int:
        """Accounted bytes of those."""
        return self.nbytes - self.queued_bytes

    @property
    def capacity(self) -> int:
        """How many records fit at most."""
        return self.max_records

    @property
    def room_records(self) -> int:
        """How many more records fit, by count."""
        return max(0, self.max_records - self.size)

    @property
    def room_bytes(self) -> int:
        """How many more bytes fit."""
        return max(0, self.max_bytes - self.nbytes)

    @property
    def utilization(self) -> float:
        """The fuller of the two limits, 1.0 = full (above it only while one oversize record passes)."""
        return max(self.size / self.max_records, self.nbytes / self.max_bytes)

    def usage(self, tp: TopicPartition) -> float:
        """Return what ``tp`` takes of the buffer, by the fuller of the two limits: queued and in flight."""
        lane = self._lanes.get(tp)
        return 0.0 if lane is None else max(lane.records / self.max_records, lane.nbytes / self.max_bytes)

    @property
    def is_full(self) -> bool:
        """Whether a limit is reached."""
        return self.size >= self.max_records or self.nbytes >= self.max_bytes

    @property
    def is_empty(self) -> bool:
        """Whether nothing is queued or in flight."""
        return self.size == 0

    def queued(self, tp: TopicPartition) -> int:
        """Count the queued records of ``tp``."""
        lane = self._lanes.get(tp)
        return 0 if lane is None else lane.queued

    def head(self, tp: TopicPartition) -> Chunk | None:
        """Return the oldest queued chunk of ``tp``."""
        lane = self._lanes.get(tp)
        return lane.queue[0] if lane is not None and lane.queue else None

    def push(self, chunk: Chunk) -> int:
        """Queue as many records from the front of ``chunk`` as fit; return how many."""
        records, nbytes = chunk.records, chunk.nbytes
        if records > self.max_records - self.size or nbytes > self.max_bytes - self.nbytes:
            records = self._fitting(chunk)
            if not records:
                return 0
            chunk = chunk.slice(0, records)
            nbytes = chunk.nbytes
        lane = self._lanes.get(chunk.tp) or self._new_lane(chunk.tp)
        lane.queue.append(chunk)
        # What _count() does, and the opposite of _free(), without a call: every chunk passes here.
        lane.queued += records
        lane.records += records
        lane.nbytes += nbytes
        self.size += records
        self.nbytes += nbytes
        self.queued_records += records
        self.queued_bytes += nbytes
        return records

    def push_evicting(self, chunk: Chunk, victims: Iterator[TopicPartition]) -> tuple[int, list[Chunk]]:
        """Queue ``chunk``, making room by evicting the oldest queued records of ``victims``.

        ``victims`` yields the partition that loses records next, as often as one is needed; what it yields has some queued, or is this chunk's own.
        Returns how many records of ``chunk`` were queued and what was evicted. What is in flight is never evicted, so less than the whole chunk may fit.
        """
        evicted: list[Chunk] = []
        pushed = self.push(chunk)
        while pushed < chunk.records:
            rest = chunk.slice(pushed, chunk.records)
            victim = next(victims, None)
            if victim is None:
                break
            evicted.append(self._evict_for(rest, victim))
            pushed += self.push(rest)
        return pushed, evicted

    def take(self, tp: TopicPartition, max_records: int, max_bytes: float) -> list[Chunk]:
        """Move records from the head of ``tp`` to in flight, as many as both limits allow; they may be none.

        A chunk is not divided for the last of them: once there are :data:`NEARLY_ALL` by one of the limits, what does not fit into it as a whole stays.
        """
        lane = self._lanes.get(tp)
        taken: list[Chunk] = []
        few = max_records - int(max_records * NEARLY_ALL)
        little = max_bytes * (1 - NEARLY_ALL)
        while lane is not None and lane.queue and max_records > 0:
            head = lane.queue[0]
            by_count, by_bytes = head.records > max_records, head.nbytes > max_bytes
            if taken and ((by_count and max_records <= few) or (by_bytes and max_bytes <= little)):
                break
            chunk = self._pop_head(lane, max_records, max_bytes)
            if chunk is None:
                break
            taken.append(chunk)
            max_records -= chunk.records
            max_bytes -= chunk.nbytes
        return taken

    def take_newest(self, tp: TopicPartition, max_records: int) -> list[Chunk]:
        """Move up to ``max_records`` from the tail of ``tp`` to in flight; return them from the last chunk backwards."""
        lane = self._lanes.get(tp)
        taken: list[Chunk] = []
        while lane is not None and lane.queue and max_records > 0:
            chunk = lane.queue.pop()
            if chunk.records > max_records:
                rest, chunk = chunk.split(chunk.records - max_records)
                lane.queue.append(rest)
            taken.append(chunk)
            max_records -= chunk.records
            self._count(lane, -chunk.records, -chunk.nbytes)
        return taken

    def settle(self, chunk: Chunk) -> None:
        """Free a chunk that was taken, its outcome being known. Raises AccountingError if that much is not in flight."""
        self._free(chunk.tp, self._lane_of_flying(chunk), chunk.records, chunk.nbytes)

    def put_back(self, chunks: list[Chunk]) -> None:
        """Return chunks of one partition, in offset order, from in flight to their place in its queue: its head, but for earlier ones that were put back before."""
        for chunk in reversed(chunks):
            lane = self._lane_of_flying(chunk)
            insort(lane.queue, chunk, key=attrgetter("start"))
            self._count(lane, chunk.records, chunk.nbytes)

    def drop_partition(self, tp: TopicPartition) -> list[Chunk]:
        """Remove and return what is queued of ``tp``; what is in flight stays."""
        lane = self._lanes.get(tp)
        if lane is None or not lane.queue:
            return []
        chunks, nbytes = list(lane.queue), sum(chunk.nbytes for chunk in lane.queue)
        lane.queue.clear()
        records = lane.queued
        self._count(lane, -records, -nbytes)
        self._free(tp, lane, records, nbytes)
        return chunks

    def clear(self) -> list[Chunk]:
        """Remove and return everything queued; what is in flight stays."""
        return [chunk for tp in list(self._lanes) for chunk in self.drop_partition(tp)]

    def _fitting(self, chunk: Chunk) -> int:
        return _prefix(chunk, self.room_records, self.room_bytes) or int(self.is_empty)

    def _new_lane(self, tp: TopicPartition) -> _Lane:
        lane = self._lanes[tp] = _Lane()
        self.active[tp.topic] += 1
        return lane

    def _count(self, lane: _Lane, records: int, nbytes: int) -> None:
        lane.queued += records
        self.queued_records += records
        self.queued_bytes += nbytes

    def _free(self, tp: TopicPartition, lane: _Lane, records: int, nbytes: int) -> None:
        """Take note that a partition has less here, and forget it when it has nothing."""
        lane.records -= records
        lane.nbytes -= nbytes
        self.size -= records
        self.nbytes -= nbytes
        if not lane.records:
            del self._lanes[tp]
            self.active[tp.topic] -= 1
            if not self.active[tp.topic]:
                del self.active[tp.topic]

    def _lane_of_flying(self, chunk: Chunk) -> _Lane:
        lane, records = self._lanes.get(chunk.tp), chunk.records
        flying = 0 if lane is None else lane.records - lane.queued
        if lane is None or records > flying or chunk.nbytes > self.nbytes - self.queued_bytes:
            msg = f"{chunk.tp}: {records} records settled, {flying} in flight"
            raise AccountingError(msg)
        return lane

    def _evict_for(self, chunk: Chunk, victim: TopicPartition) -> Chunk:
        """Evict from the head of ``victim`` as much as ``chunk`` lacks, or its first chunk."""
        lane = self._lanes[victim]
        lacking = _prefix_of(lane.queue[0], chunk.records - self.room_records, chunk.nbytes - self.room_bytes)
        loss = self._pop_head(lane, lacking, float("inf"))
        assert loss is not None, "a prefix has at least one record"  # noqa: S101 -- our own mistake, never a user's
        self._free(victim, lane, loss.records, loss.nbytes)
        return loss

    def _pop_head(self, lane: _Lane, max_records: int, max_bytes: float) -> Chunk | None:
        queue = lane.queue
        taken, rest = _divided(queue[0], max_records, max_bytes)
        if taken is None:
            return None
        if rest is None:
            queue.popleft()
        else:
            queue[0] = rest
        self._count(lane, -taken.records, -taken.nbytes)
        return taken


def _divided(chunk: Chunk, max_records: int, max_bytes: float) -> tuple[Chunk | None, Chunk | None]:
    """Return what fits of ``chunk`` from the front, and the rest.

    Where bytes bind, records of about one size are divided by their mean; one by one they are looked at where that is too much, or less than :data:`NEARLY_ALL`.
    """
    if chunk.records <= max_records and chunk.nbytes <= max_bytes:
        return chunk, None
    likely = int(min(max_records, chunk.records * max_bytes / chunk.nbytes))
    if 0 < likely < chunk.records:
        head, rest = chunk.split(likely)
        if head.nbytes <= max_bytes and (likely == max_records or head.nbytes >= max_bytes * NEARLY_ALL):
            return head, rest
    fitting = _prefix(chunk, max_records, max_bytes)
    return chunk.split(fitting) if fitting else (None, chunk)


def _prefix_of(chunk: Chunk, min_records: int, min_bytes: int) -> int:
    """Count the records from the front that make up both amounts, at least one, at most all."""
    for count, total in enumerate(accumulate(record_bytes(chunk)), start=1):
        if count >= min_records and total >= min_bytes:
            return count
    return chunk.records


def _prefix(chunk: Chunk, max_records: int, max_bytes: float) -> int:
    """Count the records from the front that fit into both limits."""
    fitting = 0
    for total in islice(accumulate(record_bytes(chunk)), max_records):
        if total > max_bytes:
            break
        fitting += 1
    return fitting
