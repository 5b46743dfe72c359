"""Overflow: records that would be dropped go to a Kafka topic instead, where their owner has named one (``overflow_topic``).

Such a record gets its outcome, ``dropped`` for its reason, only when the overflow topic's broker has acknowledged it, and takes its room in the buffer until then. So it cannot make room for
another one at once, as an evicted record does, and this begins earlier: at the high watermark. What is queued above it, what is on its way to a topic not counted, is diverted,

- of the lowest priority first, then of partitions that fill their share of the buffer (:mod:`sidecar.core.shares`), then the oldest; but while records that may just be dropped are queued
  and have a lower priority, nothing is: those are evicted when the buffer is full;
- with ``drop_oldest`` from the head of a partition's queue, with ``drop_newest`` from its tail; with ``block`` from its tail, once ``max_block`` is over.

Records that expired, or waited too long, go the same way when they are about to be flushed (:mod:`sidecar.core.expiry`). While poison is searched for in a partition nothing of it is diverted.

Partitions with an overflow topic are held (``overflow``) while that topic does not take what waits for it: they wait in Kafka, and nothing is lost. It is tried again with backoff and for ever,
one chunk at a time until it takes one; what is queued of them meanwhile stays for the downstream. They are held, too, when more is on its way to topics that do take records than :data:`MOST` of the room above the high watermark, until it is half of that.

At least once: what is sent and not acknowledged when the process ends, or of which a part was not taken, may be there twice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from math import ceil

from sidecar.core.actions import Divert, DivertFailed
from sidecar.core.books import OVERFLOWS, ReleaseReason
from sidecar.core.config import Strategy
from sidecar.core.diversions import Lane
from sidecar.core.events import DivertFinished
from sidecar.core.intake import blocked_too_long
from sidecar.core.records import TopicPartition
from sidecar.core.retry import backoff
from sidecar.core.state import EngineState, Partition

MOST = 0.5
"""The part of the room above the high watermark that diversions may take before partitions with an overflow topic are held."""

ROUNDING = 1e-9
"""What sums of parts may be off by; it is no record."""


class Overflow:
    """Chooses what is diverted, and follows it."""

    def __init__(self, state: EngineState) -> None:
        """Work on the engine's state."""
        self._state = state

    def run(self, now: float) -> None:
        """Give back what is ours no more, divert what is above the high watermark, send what may be sent."""
        state = self._state
        if not state.may_divert:
            return
        if state.holds_stale:
            self._give_back_strangers()
        self._relieve(now)
        self._send(now)

    def next_due(self) -> float | None:
        """Return when a lane is tried again."""
        if not self._state.may_divert:
            return None
        lanes = self._state.diversions.lanes.values()
        dues = [lane.due for lane in lanes if lane.due is not None and _is_free(lane) and self._fits(lane)]
        return min(dues, default=None)

    def hasten(self, at: float) -> None:
        """Try what has failed again at ``at``, if not before."""
        for lane in self._state.diversions.lanes.values():
            lane.due = None if lane.due is None else min(lane.due, at)

    def finished(self, event: DivertFinished, now: float) -> None:
        """Act on the answer of a topic's broker. One that was given back at the end of a drain is nobody's any more."""
        divert = self._state.diversions.answered(event.number)
        if divert is None:
            return
        self._state.holds_stale = True
        lane = self._state.diversions.lanes[divert.topic]
        if event.error is None:
            lane.due, lane.tries, lane.failure = None, 0, None
            self._complete(divert)
        else:
            self._failed(lane, divert, event.error, now)

    def release_all(self, reason: ReleaseReason) -> None:
        """Give back every one, also those that are sent: their answers are nobody's any more."""
        for divert in list(self._state.diversions):
            self._release(divert, reason)
        self._state.diversions.clear()

    def _relieve(self, now: float) -> None:
        """Divert until what is queued and flushed is no more than the high watermark allows; what is taken from a queue, in order."""
        state = self._state
        while (over := self._over()) > ROUNDING and (loser := self._loser(now)) is not None:
            policy, records = loser.policy, self._records_of(loser.tp, over)
            if policy.strategy is Strategy.DROP_OLDEST:
                taken = state.buffer.take(loser.tp, records, float("inf"))
            else:
                taken = state.buffer.take_newest(loser.tp, records)[::-1]
            for chunk in taken:
                state.divert(loser, chunk, OVERFLOWS[policy.strategy])

    def _over(self) -> float:
        """Return how far the buffer is above the high watermark without what is on its way out, as a part of the whole; by the fuller of its limits."""
        buffer, diversions = self._state.buffer, self._state.diversions
        records = (buffer.size - diversions.records) / buffer.max_records
        nbytes = (buffer.nbytes - diversions.nbytes) / buffer.max_bytes
        return max(records, nbytes) - self._state.config.high_watermark

    def _records_of(self, tp: TopicPartition, part: float) -> int:
        """Return how many of the records at the head of ``tp`` take ``part`` of the buffer, one at least."""
        buffer = self._state.buffer
        head = buffer.head(tp)
        assert head is not None, "a loser has records"  # noqa: S101 -- our own mistake, never a user's
        each = max(1 / buffer.max_records, head.nbytes / len(head) / buffer.max_bytes)
        return max(1, ceil(part / each - ROUNDING))

    def _loser(self, now: float) -> Partition | None:
        """Return who is next to lose records to an overflow topic; None where that is nobody, or others are to be evicted before."""
        queued = self._state.buffer.queued
        partitions = self._state.partitions.items()
        losers = [p for tp, p in partitions if queued(tp) and (p.policy.may_evict or self._may_divert(p, now))]
        loser = min(losers, key=self._rank, default=None)
        return None if loser is None or loser.policy.overflow_topic is None else loser

    def _rank(self, partition: Partition) -> tuple[int, bool, bool, float]:
        head = self._state.buffer.head(partition.tp)
        assert head is not None, "a loser has records"  # noqa: S101 -- our own mistake, never a user's
        policy = partition.policy
        return policy.priority, policy.overflow_topic is None, self._state.shares.is_below(partition.tp), head.polled_at

    def _may_divert(self, partition: Partition, now: float) -> bool:
        policy = partition.policy
        if policy.overflow_topic is None or self._state.diversions.trouble_of(policy.overflow_topic):
            return False
        busy = partition.revoking or partition.suspect is not None or partition.tp in self._state.rechecks
        return not busy and (policy.strategy is not Strategy.BLOCK or blocked_too_long(partition, now))

    def _send(self, now: float) -> None:
        """Send what may be sent, lane by lane; one whose next chunk lacks room under way waits for it, and so do those after it."""
        state = self._state
        for lane in list(state.diversions.lanes.values()):
            while _is_free(lane) and (lane.due is None or lane.due <= now):
                if not self._fits(lane):
                    return
                state.actions.append(state.diversions.send(lane))

    def _fits(self, lane: Lane) -> bool:
        """Whether the next chunk of ``lane`` may be under way with the others: all of them are no larger than a batch may be, or it is alone."""
        sent = self._state.diversions.sent_bytes
        return not sent or sent + lane.waiting[0].chunk.nbytes <= self._state.config.flush.max_batch_bytes

    def _complete(self, divert: Divert) -> None:
        state, chunk = self._state, divert.chunk
        self._settle(divert)
        partition = state.current(chunk)
        if partition is not None:
            partition.ledger.complete(chunk)
        state.drop(chunk, divert.reason, overflow_topic=divert.topic)

    def _failed(self, lane: Lane, divert: Divert, error: str, now: float) -> None:
        """Try it again later, before what came after it; or give it back where it is ours no more."""
        state, chunk = self._state, divert.chunk
        if self._is_stranger(divert):
            self._give_back([divert])
        else:
            lane.wait_again(divert)
        if lane.due is None or lane.due <= now:
            lane.tries += 1
            lane.due = now + backoff(lane.tries, state.config.retry, state.random)
        lane.failure = error
        state.actions.append(DivertFailed(chunk.tp, len(chunk), divert.topic, error, max(0.0, lane.due - now)))

    def _is_stranger(self, divert: Divert) -> bool:
        """Whether its partition has left, or is stopped."""
        partition = self._state.current(divert.chunk)
        return partition is None or partition.stopped is not None

    def _give_back_strangers(self) -> None:
        for lane in self._state.diversions.lanes.values():
            strangers = [divert for divert in lane.waiting if self._is_stranger(divert)]
            if strangers:
                lane.waiting = deque(divert for divert in lane.waiting if not self._is_stranger(divert))
                self._give_back(strangers)

    def _give_back(self, strangers: Iterable[Divert]) -> None:
        state = self._state
        for divert in strangers:
            stopped = state.current(divert.chunk) is not None
            fenced = state.fenced.get(divert.chunk.tp, ReleaseReason.REVOKED)
            self._release(divert, ReleaseReason.STOPPED if stopped else fenced)

    def _release(self, divert: Divert, reason: ReleaseReason) -> None:
        self._settle(divert)
        self._state.release(divert.chunk, reason)

    def _settle(self, divert: Divert) -> None:
        self._state.buffer.settle(divert.chunk)
        self._state.diversions.forget(divert)


def _is_free(lane: Lane) -> bool:
    """Whether ``lane`` has a chunk that waits for nothing but its turn; after a failure one is sent alone."""
    return bool(lane.waiting) and (lane.failure is None or not lane.sent)


def is_crowded(usage: float, high_watermark: float, *, held: bool) -> bool:
    """Whether partitions with an overflow topic wait since ``usage`` of the buffer is on its way there; once ``held`` until it is half of that."""
    most = MOST * (1 - high_watermark)
    return usage > most / 2 if held else usage >= most > 0
