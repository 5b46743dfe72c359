"""Expiry: which of the records that are about to be flushed have waited too long, by the policy of their topic.

*By the time in Kafka* (``max_age``): a record whose timestamp is further back is dropped as ``expired``. The wall clock is steadied (:mod:`sidecar.core.steady_clock`). A negative
timestamp means none, and never expires.

*By the time in the buffer* (``max_wait``): a controlled delay, after CoDel (Nichols and Jacobson, "Controlling Queue Delay", ACM Queue 10(5), 2012; RFC 8289). A burst makes a queue that
goes away by itself; only one that stays is worth a loss. So nothing is dropped until a partition's queue has *stood* for ``max_burst_wait`` (CoDel's interval), that is, was never empty since;
then records that waited longer than ``max_wait`` (its target) are, as ``max_wait``, until the queue was empty once. Times are monotonic. What is delivered waited
``max_burst_wait`` at most, and under lasting overload ``max_wait``. CoDel itself drops a packet now and then, so that its sender slows down; Kafka's producers do not, hence the bound in place of its
control law, and the empty queue as the sign that the overload is over (both as in Maurer, "Fail at Scale", ACM Queue 13(8), 2015).

All of it is done by the chunk, since the records of a chunk were polled together; timestamps are looked at one by one only where a chunk is partly expired.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from sidecar.core.books import DropReason
from sidecar.core.isolation import clear
from sidecar.core.records import Chunk
from sidecar.core.state import EngineState, Partition


class Expiry:
    """Drops what has waited too long."""

    def __init__(self, state: EngineState) -> None:
        """Work on the engine's state."""
        self._state = state

    def fresh(self, partition: Partition, taken: list[Chunk], now: float) -> list[Chunk]:
        """Return what of ``taken``, in order, is to be flushed; the rest gets its outcome."""
        policy = partition.policy
        if policy.max_wait is not None and taken:
            taken = self._in_time(partition, taken, policy.max_wait, now)
        if policy.max_age is not None:
            oldest = self._state.clock.wall_ms(now) - policy.max_age * 1000
            taken = [fresh for chunk in taken for fresh in self._younger(partition, chunk, oldest)]
        return taken

    def _in_time(self, partition: Partition, taken: list[Chunk], target: float, now: float) -> list[Chunk]:
        """Drop the chunks that waited too long while the queue stands; return the others."""
        if partition.standing_since is None:
            partition.standing_since = taken[0].polled_at
        stands = now - partition.standing_since >= (partition.policy.burst_wait or target)
        if not self._state.buffer.queued(partition.tp):
            partition.standing_since = None
        late = [chunk for chunk in taken if stands and now - chunk.polled_at > target]
        for chunk in late:
            self._drop(partition, chunk, DropReason.MAX_WAIT)
        return taken[len(late) :]

    def _younger(self, partition: Partition, chunk: Chunk, oldest: float) -> Iterator[Chunk]:
        """Yield the runs of records with a timestamp from ``oldest`` (ms) on, or with none; drop the others."""
        if min(chunk.timestamps) >= oldest:
            yield chunk
            return
        for first, stop, expired in _runs(chunk, oldest):
            part = chunk if stop - first == len(chunk) else chunk.slice(first, stop)
            if expired:
                self._drop(partition, part, DropReason.EXPIRED)
            else:
                yield part

    def _drop(self, partition: Partition, chunk: Chunk, reason: DropReason) -> None:
        clear(partition, len(chunk))
        if partition.policy.overflow_topic is not None:
            self._state.divert(partition, chunk, reason)
            return
        self._state.buffer.settle(chunk)
        partition.ledger.complete(chunk)
        self._state.drop(chunk, reason)


def _runs(chunk: Chunk, oldest: float) -> Iterator[tuple[int, int, bool]]:
    """Yield (first index, index after the last, whether these are expired) of each run."""
    first = 0
    for expired, group in groupby(0 <= timestamp < oldest for timestamp in chunk.timestamps):
        stop = first + sum(1 for _ in group)
        yield first, stop, expired
        first = stop
