"""The invariants, checked from outside after every event: what the engine was told against what it answered.

The audit keeps its own account of each record from the actions alone, and asks the engine only for what it publishes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from sidecar.core.actions import (
    Action,
    Commit,
    CommitOffset,
    DeadLetter,
    DeadLettered,
    Divert,
    Dropped,
    Finish,
    Landed,
    PartitionStopped,
    Resume,
    StartFlush,
)
from sidecar.core.backpressure import State
from sidecar.core.books import DropReason
from sidecar.core.config import Ordering
from sidecar.core.engine import Engine
from sidecar.core.events import (
    Assigned,
    DeadLetterFinished,
    DivertFinished,
    DrainRequested,
    Event,
    FlushFinished,
    Lost,
    Moved,
    RevokeBegun,
    Revoked,
)
from sidecar.core.records import Chunk, TopicPartition
from sidecar.core.results import Partial
from tests.simulation.broker import Log

Key = tuple[TopicPartition, int]
EpochKey = tuple[TopicPartition, int]


class Audit:
    """Watches one engine."""

    def __init__(
        self,
        engine: Engine,
        logs: Mapping[TopicPartition, Log],
        lossless: Collection[str],
        ordering: Ordering = Ordering.PARTITION,
    ) -> None:
        """Check ``engine`` against what is in ``logs``; no record of the ``lossless`` topics may be dropped unless it is in an overflow topic, and order is kept by ``ordering``."""
        self._ordering = ordering
        self._engine = engine
        self._logs = logs
        self._lossless = lossless
        self.delivered: Counter[Key] = Counter()
        self.dropped: Counter[Key] = Counter()
        self.dead_lettered: Counter[Key] = Counter()
        self.elsewhere: set[Key] = set()
        self._outcomes: set[tuple[TopicPartition, int, int]] = set()
        self._epochs: dict[TopicPartition, int] = {}
        self._revoking: set[TopicPartition] = set()
        self._asked: dict[EpochKey, int] = {}
        self._running: dict[int, StartFlush] = {}
        self._letters: dict[int, int] = {}
        self._letter_epoch = 0
        self._diverts: dict[int, Divert] = {}
        self._diverted: Divert | None = None
        self.diverted: Counter[Key] = Counter()
        self._told: Counter[str] = Counter()
        self._landed_to: dict[EpochKey, int] = {}
        self._asked_again: set[Key] = set()
        self._safe_to: dict[TopicPartition, int] = {}
        self._draining = False
        self._shot = engine.snapshot(0.0)
        self.finished: Finish | None = None

    def check(self, event: Event, actions: Sequence[Action], now: float) -> None:
        """Check every invariant after ``event`` was answered by ``actions``."""
        self._diverted = None
        self._before(event)
        for action in actions:
            self._act(action)
        self._look(now)
        self._check_resumed(actions)

    def committed(self, tp: TopicPartition, offer: CommitOffset) -> None:
        """Check one commit: I1 (nothing without an outcome is passed), I2 (ours, this epoch, never back)."""
        assert self._epochs.get(tp) == offer.epoch, f"I2: commit of {tp} in epoch {offer.epoch}, it is {self._epochs.get(tp)}"
        assert offer.offset >= self._asked.get((tp, offer.epoch), 0), f"I2: commit of {tp} goes back to {offer.offset}"
        self._asked[tp, offer.epoch] = offer.offset
        log = self._logs[tp]
        for offset in log.between(self._safe_to.get(tp, 0), offer.offset):
            key = (tp, offset)
            done = self.delivered[key] or self.dropped[key] or self.dead_lettered[key] or key in self.elsewhere
            assert done, f"I1: commit of {tp} at {offer.offset} passes {offset}, which has no outcome"
        self._safe_to[tp] = max(offer.offset, self._safe_to.get(tp, 0))

    def _before(self, event: Event) -> None:
        match event:
            case Assigned():
                for tp in event.starts:
                    self._epochs[tp] = self._engine.epoch(tp) or 0
                    self._revoking.discard(tp)
            case Moved():
                self._epochs[event.tp] = self._engine.epoch(event.tp) or 0
            case RevokeBegun():
                self._revoking.update(event.partitions)
            case Revoked() | Lost():
                for tp in event.partitions:
                    self._epochs.pop(tp, None)
            case DrainRequested():
                self._draining = True
            case DeadLetterFinished() | DivertFinished():
                self._answered(event)
            case FlushFinished():
                self._finished(event)
                self._epochs = {tp: self._engine.epoch(tp) or 0 for tp in self._epochs}  # one that was overtaken begins a new one
            case _:
                pass

    def _answered(self, event: DeadLetterFinished | DivertFinished) -> None:
        """Note what the broker of another topic answered for."""
        if isinstance(event, DeadLetterFinished):
            self._letter_epoch = self._letters[event.number]
        else:
            divert = self._diverts.pop(event.number)
            self._diverted = divert if event.error is None else None

    def _finished(self, event: FlushFinished) -> None:
        """Note which records may come again after later ones: those that were refused alone."""
        start = self._running.pop(event.flight, None)
        if start is not None and isinstance(event.result, Partial):
            self._asked_again.update((failure.tp, failure.offset) for failure in event.result.failures)
        elif start is not None and start.batch.records == 1:
            self._asked_again.add((start.batch.chunks[0].tp, start.batch.chunks[0].start))

    def _act(self, action: Action) -> None:
        match action:
            case StartFlush():
                self._started(action)
            case Landed() | Dropped() | DeadLettered():
                self._gave_outcome(action)
            case DeadLetter():
                assert not self._draining, "a record is dead-lettered in a drain"
                self._letters[action.number] = action.chunk.epoch
            case Divert():
                self._divert(action)
            case Commit():
                for tp, offer in action.offsets.items():
                    assert tp not in self._revoking, f"I2: asynchronous commit of {tp} while it is revoked"
                    self.committed(tp, offer)
            case Finish():
                assert self.finished is None, "the drain finished twice"
                self.finished = action
                self._running.clear()
            case PartitionStopped():
                assert action.tp in self._epochs
            case Resume():
                assert not self._draining, "I8: a resume in a drain"
                assert not self._engine.asked, f"a resume while everything is held for {self._engine.asked}"
            case _:
                pass

    def _gave_outcome(self, action: Landed | Dropped | DeadLettered) -> None:
        match action:
            case Landed():
                for chunk in action.chunks:
                    self._landed(chunk)
            case Dropped():
                self._dropped(action)
            case DeadLettered():
                self._dead_lettered(action)

    def _started(self, start: StartFlush) -> None:
        """I6: order within a partition, across retries and epochs; where none is asked for, no record is flushed twice at once."""
        assert self.finished is None, "a flush after the end of the drain"
        if self._ordering is Ordering.NONE:
            self._started_unordered(start)
            return
        flying = {chunk.tp for other in self._running.values() for chunk in other.batch.chunks}
        last: dict[TopicPartition, int] = {}
        for chunk in start.batch.chunks:
            assert chunk.tp not in flying, f"I6: two flushes of {chunk.tp} at once"
            assert chunk.epoch == self._epochs.get(chunk.tp), f"I6: flush of {chunk.tp} from an old epoch"
            offsets = [offset for offset in chunk.offsets if (chunk.tp, offset) not in self._asked_again]
            floor = max(last.get(chunk.tp, -1), self._landed_to.get((chunk.tp, chunk.epoch), -1))
            assert all(a < b for a, b in zip([floor, *offsets], offsets, strict=False)), f"I6: {chunk.tp} out of order"
            last[chunk.tp] = chunk.offsets[-1]
        self._running[start.flight] = start

    def _started_unordered(self, start: StartFlush) -> None:
        assert all(chunk.epoch == self._epochs.get(chunk.tp) for chunk in start.batch.chunks), "a flush from an old epoch"
        flying = {key for other in self._running.values() for key in _keys(other)}
        keys = _keys(start)
        assert len(set(keys)) == len(keys), "a record is in a batch twice"
        assert not flying.intersection(keys), "a record is in two flushes at once"
        self._running[start.flight] = start

    def _divert(self, divert: Divert) -> None:
        chunk = divert.chunk
        assert self.finished is None, "records are diverted after the end of the drain"
        assert divert.topic.endswith("overflow")
        assert divert.number not in self._diverts, "a chunk is sent twice at once"
        assert chunk.epoch == self._epochs.get(chunk.tp), f"{chunk.tp} is diverted from an old epoch"
        self._diverts[divert.number] = divert

    def _landed(self, chunk: Chunk) -> None:
        for offset in chunk.offsets:
            self._outcome(chunk.tp, chunk.epoch, offset)
            self.delivered[chunk.tp, offset] += 1
        self._told["delivered"] += len(chunk)
        key = (chunk.tp, chunk.epoch)
        self._landed_to[key] = max(chunk.offsets[-1], self._landed_to.get(key, -1))

    def _dropped(self, drop: Dropped) -> None:
        """I9, and the outcome of each record."""
        divert = self._diverted if drop.overflow_topic is not None else None
        assert (divert is None) == (drop.overflow_topic is None), f"{drop} is in no overflow topic"
        assert divert is not None or drop.tp.topic not in self._lossless, f"I9: {drop.reason} for {drop.tp}"
        assert divert is None or (divert.chunk.tp, divert.chunk.start, divert.chunk.end) == (drop.tp, drop.start, drop.end)
        epoch = self._epochs[drop.tp] if divert is None else divert.chunk.epoch
        offsets = self._offsets_of(drop, epoch)
        assert len(offsets) == drop.records, f"I4: {drop} of {list(offsets)}"
        for offset in offsets:
            self._outcome(drop.tp, epoch, offset)
            self.dropped[drop.tp, offset] += 1
            self.diverted[drop.tp, offset] += divert is not None
        self._told["dropped"] += len(offsets)
        self._told["diverted"] += 0 if divert is None else len(offsets)

    def _dead_lettered(self, action: DeadLettered) -> None:
        """Note the outcome, in the epoch in which the letter was sent: its answer can come in a later one."""
        self.dead_lettered[action.tp, action.offset] += 1
        self._told["dead_lettered"] += 1
        self._outcome(action.tp, self._letter_epoch, action.offset)

    def _offsets_of(self, drop: Dropped, epoch: int) -> Sequence[int]:
        """Return which records a drop means. Sampling leaves out those with the highest hashes; what later happens to its range means the others."""
        log = self._logs[drop.tp]
        offsets = log.between(drop.start, drop.end)
        if len(offsets) == drop.records:
            return offsets
        if drop.reason is DropReason.SAMPLE:
            return sorted(offsets, key=log.hash_of)[-drop.records :]
        return [at for at in offsets if (drop.tp, epoch, at) not in self._outcomes]

    def _check_resumed(self, actions: Sequence[Action]) -> None:
        """Check that a partition is resumed only when no reason to hold it is left."""
        resumed = {tp for action in actions if isinstance(action, Resume) for tp in action.positions}
        held = {view.tp: view.holds for view in self._shot.partitions if view.tp in resumed and view.holds}
        assert not held, f"resumed while held: {held}"

    def _outcome(self, tp: TopicPartition, epoch: int, offset: int) -> None:
        assert (tp, epoch, offset) not in self._outcomes, f"I4: second outcome of {tp} offset {offset} in epoch {epoch}"
        self._outcomes.add((tp, epoch, offset))

    def _look(self, now: float) -> None:
        """I3, I4, I5, I8 from what the engine publishes."""
        shot = self._shot = self._engine.snapshot(now)
        books = shot.books
        assert books.unaccounted == 0, f"I3: {books.unaccounted} records unaccounted"
        for name in ("delivered", "dead_lettered", "dropped", "diverted"):
            assert sum(getattr(books, name).values()) == self._told[name], f"I4: {name}"
        assert shot.buffer_records <= shot.max_messages, "I5: too many records"
        assert shot.buffer_bytes <= shot.max_bytes or shot.buffer_records == 1, "I5: too many bytes"
        assert (self._engine.state is State.DRAINING) == self._draining, "I8"
        due = self._engine.next_due(now)
        assert due is None or due > now, "the engine wants to be woken at once, after it was told"


def _keys(start: StartFlush) -> list[tuple[TopicPartition, int, int]]:
    return [(chunk.tp, chunk.epoch, offset) for chunk in start.batch.chunks for offset in chunk.offsets]
