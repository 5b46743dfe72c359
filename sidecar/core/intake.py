"""Intake: what becomes of polled records, by the overload policy of their topic.

============ ============================================ ==================================================
strategy     from ELEVATED on                             what does not fit
============ ============================================ ==================================================
block        taken (held from CRITICAL on)                refused: the partition waits and is sought back to it;
                                                          after ``max_block`` it is dropped (``max_block``)
drop_oldest  taken                                        the oldest queued records of droppable topics are evicted, lowest
                                                          priority first, none for a lower one (``drop_oldest``)
drop_newest  taken                                        dropped (``drop_newest``)
sample       1 in N is kept, by a hash (``sample``)       dropped (``sample``)
============ ============================================ ==================================================

The hash is CRC-32 of the key (of the offset's digits where there is no key): a replay keeps the same records, and a record
that is kept at some rate is kept at every lower one. Nothing is counted per record: a counter that moves only on
acceptance would stick for ever.

Refused records were never taken: they are not polled in the books, and the ledger's position stays before them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from functools import partial
from zlib import crc32

from sidecar.core.books import DropReason, ReleaseReason
from sidecar.core.config import Strategy
from sidecar.core.records import Chunk, TopicPartition, record_bytes
from sidecar.core.state import EngineState, Partition


class Intake:
    """Takes chunks in."""

    def __init__(self, state: EngineState) -> None:
        """Work on the engine's state."""
        self._state = state
        self._takers = {
            Strategy.BLOCK: self._block,
            Strategy.DROP_OLDEST: self._drop_oldest,
            Strategy.DROP_NEWEST: self._drop_newest,
            Strategy.SAMPLE: self._sample,
        }

    def take(self, chunk: Chunk, now: float) -> None:
        """Take the records of ``chunk`` as far as the policy allows."""
        state = self._state
        partition = state.current(chunk)
        if partition is None or partition.revoking or state.draining or partition.stopped is not None or partition.unplaced:
            self._give_back(chunk, partition)
            return
        unseen = _unseen(chunk, partition.ledger.position)
        if unseen is not None and not partition.refused:
            _begin(partition, unseen.start)
            partition.last_timestamp = unseen.timestamps[-1]
            self._takers[partition.policy.strategy](partition, unseen, now)

    def _give_back(self, chunk: Chunk, partition: Partition | None) -> None:
        """Release records that came too late.

        The interleaving: consume() took them from the client's queue, then a callback inside the same call revoked the partition; or
        the drain, or a stop, began while they were on their way. One that is unplaced is sought before anything is taken of it.
        """
        if partition is not None:
            partition.strayed = True
            if partition.unplaced:
                _begin(partition, chunk.start)
        if partition is not None and partition.stopped is not None:
            reason = ReleaseReason.STOPPED
        else:
            reason = ReleaseReason.SHUTDOWN if self._state.draining else ReleaseReason.REVOKED
        self._state.books.polled[chunk.tp.topic] += len(chunk)
        self._state.release(chunk, reason)

    def _accept(self, partition: Partition, chunk: Chunk) -> int:
        """Queue what fits and enter it in the books and the ledger; return how many records."""
        fitting = self._state.buffer.push(chunk)
        if fitting:
            self._enter(partition, chunk if fitting == len(chunk) else chunk.slice(0, fitting))
        if fitting < len(chunk):
            self._state.overflowed = True
        return fitting

    def _enter(self, partition: Partition, chunk: Chunk) -> None:
        partition.ledger.track(chunk)
        self._state.books.polled[chunk.tp.topic] += len(chunk)

    def _drop_tail(self, partition: Partition, chunk: Chunk, reason: DropReason) -> None:
        """Drop polled records that never were queued; the ledger passes them."""
        self._state.books.polled[chunk.tp.topic] += len(chunk)
        partition.ledger.advance(chunk.end)
        self._state.drop(chunk, reason)

    def _block(self, partition: Partition, chunk: Chunk, now: float) -> None:
        fitting = self._accept(partition, chunk)
        if fitting == len(chunk):
            return
        rest = chunk.slice(fitting, len(chunk))
        if blocked_too_long(partition, now):
            self._drop_tail(partition, rest, DropReason.MAX_BLOCK)
        else:
            partition.refused = next(record_bytes(rest))
            self._state.holds_stale = True

    def _drop_newest(self, partition: Partition, chunk: Chunk, _now: float) -> None:
        self._take_or_drop(partition, chunk, DropReason.DROP_NEWEST)

    def _take_or_drop(self, partition: Partition, chunk: Chunk, reason: DropReason) -> None:
        fitting = self._accept(partition, chunk)
        if fitting < len(chunk):
            self._drop_tail(partition, chunk.slice(fitting, len(chunk)), reason)

    def _drop_oldest(self, partition: Partition, chunk: Chunk, _now: float) -> None:
        """Evict for ``chunk``. It is entered before eviction, since a chunk larger than the buffer evicts its own head."""
        state = self._state
        self._enter(partition, chunk)
        pushed, evicted = state.buffer.push_evicting(chunk, partial(self._victims, partition.policy.priority))
        state.overflowed = state.overflowed or bool(evicted) or pushed < len(chunk)
        if pushed < len(chunk):
            evicted.append(chunk.slice(pushed, len(chunk)))
        for loss in evicted:
            state.partitions[loss.tp].ledger.complete(loss)
            state.drop(loss, DropReason.DROP_OLDEST)

    def _victims(self, priority: int) -> Iterator[TopicPartition]:
        """Yield droppable partitions with queued records, none above ``priority``: the lowest first, then the oldest head first."""
        buffer = self._state.buffer
        heads = [
            (partition.policy.priority, head.polled_at, tp)
            for tp, partition in self._state.partitions.items()
            if partition.policy.strategy is Strategy.DROP_OLDEST
            and partition.policy.priority <= priority
            and (head := buffer.head(tp)) is not None
        ]
        return (tp for _, _, tp in sorted(heads))

    def _sample(self, partition: Partition, chunk: Chunk, _now: float) -> None:
        if not self._state.backpressure.sheds_samples:
            self._take_or_drop(partition, chunk, DropReason.SAMPLE)
            return
        rate = partition.policy.sample_rate
        kept = sampled_indexes(chunk, rate)
        self._drop_unsampled(chunk, len(chunk) - len(kept))
        if kept:
            self._take_or_drop(partition, chunk.pick(kept, chunk.weight * rate), DropReason.SAMPLE)
        else:
            partition.ledger.advance(chunk.end)

    def _drop_unsampled(self, chunk: Chunk, records: int) -> None:
        """Count the records that sampling left out; they have become gaps of the kept ones' coverage."""
        self._state.books.polled[chunk.tp.topic] += records
        self._state.drop_some(chunk, records, DropReason.SAMPLE)


def blocked_too_long(partition: Partition, now: float) -> bool:
    """Whether ``max_block`` is over for a held partition."""
    limit = partition.policy.max_block
    return limit is not None and partition.held_since is not None and now >= partition.held_since + limit


def sampled_indexes(chunk: Chunk, rate: int) -> list[int]:
    """Return the indexes of the records that sampling at 1 in ``rate`` keeps."""
    bound = 2**32 // rate
    return [
        index
        for index, (key, offset) in enumerate(zip(chunk.keys, chunk.offsets, strict=True))
        if crc32(key if key is not None else b"%d" % offset) < bound
    ]


def _begin(partition: Partition, offset: int) -> None:
    """Let the first record decide where a partition begins, even if it does not fit: it must be sought back to."""
    if partition.ledger.position is None:
        partition.ledger.advance(offset)


def _unseen(chunk: Chunk, position: int | None) -> Chunk | None:
    """Return the records at or above ``position``.

    The client may deliver records again that it had delivered before a seek; they are in the books already.
    """
    if position is None or chunk.start >= position:
        return chunk
    if chunk.end <= position:
        return None
    first = bisect_left(chunk.offsets, position)
    return chunk.slice(first, len(chunk)) if first < len(chunk) else None
