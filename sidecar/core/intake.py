"""Intake: what becomes of polled records, by the overload policy of their topic.

============ ============================================ ==================================================
strategy     from ELEVATED on                             what does not fit, and finds nothing to evict
============ ============================================ ==================================================
block        taken (held from CRITICAL on)                refused: the partition waits and is sought back to it;
                                                          after ``max_block`` it is dropped (``max_block``)
drop_oldest  taken                                        dropped (``drop_oldest``)
drop_newest  taken                                        dropped (``drop_newest``)
sample       1 in N is kept (:mod:`sidecar.core.sampling`) dropped (``drop_newest``: no weight stands for it)
============ ============================================ ==================================================

*Eviction.* Before that, a record that does not fit makes room for itself: queued records of topics that may drop are evicted (``drop_oldest``), lowest priority first,
then the oldest. Those of a ``block`` topic never are. A partition may evict from another one that

- has a lower priority, or
- has the same priority, where both are ``drop_oldest``; its own is then among them, or
- has more than its share of the buffer, while its own is below its share (:mod:`sidecar.core.shares`), and has the same priority or, for a ``block`` topic, any: it
  would else wait for ever while a flood of important records takes all the room that there is.

*Overflow.* The records of a topic with an overflow topic are never evicted, and refused like those of ``block`` where nothing can be evicted for them: they leave through
:mod:`sidecar.core.overflow`, before the buffer is full.

Refused records were never taken: they are not polled in the books, and the ledger's position stays before them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from heapq import heapify, heappop, heapreplace
from math import inf

from sidecar.core.books import DropReason, ReleaseReason
from sidecar.core.config import Strategy
from sidecar.core.isolation import clear
from sidecar.core.records import Chunk, TopicPartition, record_bytes
from sidecar.core.sampling import AutoRate, sampled_indexes
from sidecar.core.state import EngineState, Partition


class Intake:
    """Takes chunks in."""

    def __init__(self, state: EngineState) -> None:
        """Work on the engine's state."""
        self._state = state
        self._rates: dict[str, AutoRate] = {}
        self._takers = {
            Strategy.BLOCK: self._block,
            Strategy.DROP_OLDEST: self._drop_oldest,
            Strategy.DROP_NEWEST: self._drop_newest,
            Strategy.SAMPLE: self._sample,
        }

    def take(self, chunk: Chunk, now: float) -> None:
        """Take the records of ``chunk`` as far as the policy allows; once some were refused, only what begins where those did."""
        state, partition = self._state, self._state.current(chunk)
        if partition is None or partition.revoking or state.draining or partition.stopped is not None or partition.unplaced:
            self._give_back(chunk, partition)
            return
        position, start = partition.ledger.position, chunk.offsets[0]
        if position is None:
            _begin(partition, start)
        elif start != position:
            unseen = _unseen(chunk, position)
            if unseen is None or (partition.refused and unseen.start != position):
                return
            chunk = unseen
        partition.refused = 0
        partition.last_timestamp = chunk.timestamps[-1]
        strategy = partition.policy.strategy if partition.policy.overflow_topic is None else Strategy.BLOCK
        self._takers[strategy](partition, chunk, now)

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
        self._state.books.polled[chunk.tp.topic] += chunk.records
        self._state.release(chunk, reason)

    def _accept(self, partition: Partition, chunk: Chunk) -> Chunk | None:
        """Queue what fits or can be made room for, and enter it in the books and the ledger; return the rest."""
        fitting = self._state.buffer.push(chunk)
        if fitting < chunk.records:
            return self._accept_evicting(partition, chunk, fitting)
        self._enter(partition, chunk)
        return None

    def _accept_evicting(self, partition: Partition, chunk: Chunk, fitting: int) -> Chunk | None:
        """Make room for what of ``chunk`` is not ``fitting``, which is queued; return what found none."""
        state, records = self._state, chunk.records
        rest = chunk.slice(fitting, records) if fitting else chunk
        more, evicted = state.buffer.push_evicting(rest, self._victims(partition))
        fitting, state.overflowed = fitting + more, True
        if fitting:
            self._enter(partition, chunk if fitting == records else chunk.slice(0, fitting))
        self._lose(evicted)
        return rest.slice(more, rest.records) if fitting < records else None

    def _lose(self, evicted: list[Chunk]) -> None:
        for loss in evicted:
            loser = self._state.partitions[loss.tp]
            loser.ledger.complete(loss)
            clear(loser, loss.records)
            self._state.drop(loss, DropReason.DROP_OLDEST)

    def _enter(self, partition: Partition, chunk: Chunk) -> None:
        partition.ledger.track(chunk)
        self._state.books.polled[chunk.tp.topic] += chunk.records

    def _drop_tail(self, partition: Partition, chunk: Chunk, reason: DropReason) -> None:
        """Drop polled records that never were queued; the ledger passes them."""
        self._state.books.polled[chunk.tp.topic] += chunk.records
        partition.ledger.advance(chunk.end)
        self._state.drop(chunk, reason)

    def _block(self, partition: Partition, chunk: Chunk, now: float) -> None:
        rest = self._accept(partition, chunk)
        if rest is None:
            return
        if partition.policy.overflow_topic is None and blocked_too_long(partition, now):
            self._drop_tail(partition, rest, DropReason.MAX_BLOCK)
        else:
            partition.refused = next(record_bytes(rest))
            partition.last_timestamp = rest.timestamps[0]
            self._state.holds_stale = True

    def _drop_newest(self, partition: Partition, chunk: Chunk, _now: float) -> None:
        rest = self._accept(partition, chunk)
        if rest is not None:
            self._drop_tail(partition, rest, DropReason.DROP_NEWEST)

    def _drop_oldest(self, partition: Partition, chunk: Chunk, _now: float) -> None:
        """Evict for ``chunk``. It is entered before eviction, since a chunk larger than the buffer evicts its own head."""
        state = self._state
        self._enter(partition, chunk)
        pushed, evicted = state.buffer.push_evicting(chunk, self._victims(partition))
        state.overflowed = state.overflowed or bool(evicted) or pushed < chunk.records
        if pushed < chunk.records:
            evicted.append(chunk.slice(pushed, chunk.records))
        self._lose(evicted)

    def _victims(self, taker: Partition) -> Iterator[TopicPartition]:
        """Yield who loses a record for one of ``taker``, as often as it is asked: the lowest priority first, then the oldest head.

        ``taker`` itself may have nothing queued yet, and be the last one.
        """
        state, head = self._state, self._state.buffer.head
        heads = [
            (partition.policy.priority, inf if (first := head(tp)) is None else first.polled_at, tp)
            for tp, partition in state.partitions.items()
            if partition.policy.may_evict and (partition is taker or state.buffer.queued(tp))
        ]
        heapify(heads)
        while heads:
            priority, _, tp = heads[0]
            if head(tp) is None or not self._may_evict(taker, state.partitions[tp]):
                heappop(heads)
                continue
            yield tp
            first = head(tp)
            heapreplace(heads, (priority, inf if first is None else first.polled_at, tp))

    def _may_evict(self, taker: Partition, loser: Partition) -> bool:
        mine, other, shares = taker.policy, loser.policy, self._state.shares
        if other.priority < mine.priority:
            return True
        if mine.strategy is other.strategy is Strategy.DROP_OLDEST and mine.priority == other.priority:
            return True
        reaches = mine.strategy is Strategy.BLOCK or other.priority == mine.priority
        return reaches and taker is not loser and shares.is_below(taker.tp) and not shares.is_below(loser.tp)

    def _sample(self, partition: Partition, chunk: Chunk, now: float) -> None:
        rate = self._rate(partition, chunk, now)
        if rate == 1:
            self._drop_newest(partition, chunk, now)
            return
        kept = sampled_indexes(chunk, rate)
        left_out = chunk.records - len(kept)  # become gaps of the coverage of those that are kept
        self._state.books.polled[chunk.tp.topic] += left_out
        self._state.drop_some(chunk, left_out, DropReason.SAMPLE)
        if kept:
            self._drop_newest(partition, chunk.pick(kept, chunk.weight * rate), now)
        else:
            partition.ledger.advance(chunk.end)

    def _rate(self, partition: Partition, chunk: Chunk, now: float) -> int:
        """Return N of 1 in N for ``chunk``; 1 while there is no pressure. A rate that follows the downstream is learned then, too."""
        rate, sheds = partition.policy.sample_rate, self._state.backpressure.sheds_samples
        if rate is not None:
            return rate if sheds else 1
        state, topic = self._state, partition.tp.topic
        auto = self._rates.setdefault(topic, AutoRate())
        auto.look(state.books.polled[topic], state.books.delivered[topic] + state.books.dead_lettered[topic], now)
        room = (1 - state.buffer.utilization) / (1 - state.config.low_watermark)
        return auto.next(chunk.records, min(1.0, room)) if sheds else 1


def blocked_too_long(partition: Partition, now: float) -> bool:
    """Whether ``max_block`` is over for a held partition."""
    limit = partition.policy.max_block
    return limit is not None and partition.held_since is not None and now >= partition.held_since + limit


def _begin(partition: Partition, offset: int) -> None:
    """Let the first record decide where a partition begins, even if it does not fit: it must be sought back to."""
    if partition.ledger.position is None:
        partition.ledger.advance(offset)


def _unseen(chunk: Chunk, position: int) -> Chunk | None:
    """Return the records at or above ``position``.

    The client may deliver records again that it had delivered before a seek; they are in the books already.
    """
    if chunk.start >= position:
        return chunk
    if chunk.end <= position:
        return None
    first = bisect_left(chunk.offsets, position)
    return chunk.slice(first, chunk.records) if first < chunk.records else None
