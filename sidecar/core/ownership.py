"""Ownership: partitions come in a new epoch, and leave fenced.

A partition leaves in two steps. *Revoke begins*: no more intake or flushes of it; the shell lets what a flusher holds finish within a
deadline and commits. *Revoked* (or *lost*, at once and without a commit): it is fenced. What is queued of it, or waits for a retry, is released.
What a flusher still holds keeps the partition busy until its result, so that a new epoch of the same partition does not overtake it; that
result changes only the books.

Where the downstream keeps offsets, a partition is *unplaced* until they are known: Kafka's are not the truth then. They are asked for when nothing of the
partition is out any more. The interleaving otherwise: a flush of the old epoch is under way; the offset is read; the flush commits;
the new epoch would repeat what it wrote. A flush that finds another offset than it expects was overtaken by another owner. It is *fenced*: the partition
begins again, in a new epoch, at what is there now. One that is fenced :data:`FENCES` times without a delivery has two owners, and is stopped.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from sidecar.core.actions import Locate, Resume
from sidecar.core.books import ReleaseReason
from sidecar.core.dead_letters import DeadLetters
from sidecar.core.events import Located, Moved
from sidecar.core.landing import Landing
from sidecar.core.ledger import Ledger
from sidecar.core.overflow import Overflow
from sidecar.core.records import TopicPartition
from sidecar.core.state import EngineState, StopKind

FENCES = 5
"""How often in a row a partition may find that another owner has written, before it is stopped."""


class Ownership:
    """Adds and removes partitions."""

    def __init__(self, state: EngineState, landing: Landing, letters: DeadLetters, overflow: Overflow) -> None:
        """Work on the engine's state."""
        self._state = state
        self._landing = landing
        self._letters = letters
        self._overflow = overflow
        self._has_unplaced = False

    def assign(self, starts: Mapping[TopicPartition, int | None], fresh: Collection[TopicPartition]) -> None:
        """Begin a new epoch of each partition; ``fresh`` are those without a committed offset."""
        state = self._state
        self.fence([tp for tp in starts if tp in state.partitions], ReleaseReason.LOST)
        for tp, start in starts.items():
            partition = state.begin(tp, start)
            partition.requested = partition.committed = None if tp in fresh else start
            partition.unplaced = state.config.stored_offsets
        self._has_unplaced = state.config.stored_offsets

    def move(self, event: Moved) -> None:
        """Begin a new epoch further back; what the downstream keeps is overwritten from there.

        Not beyond a record that has no outcome yet: it is given back here, and nobody else would fetch it. Where it begins is committed at once: what was
        committed before may lie beyond, and another start of the process would begin there. A partition that is stopped stays so.
        """
        state, old = self._state, self._state.partitions.get(event.tp)
        if old is None or old.stopped is not None:
            return
        first = old.ledger.committable
        start = event.offset if first is None else min(event.offset, first)
        self.fence([event.tp], ReleaseReason.LOST)
        state.begin(event.tp, start).stored = old.stored
        state.actions.append(Resume({event.tp: start}))

    def locate(self) -> None:
        """Ask for the offsets of the partitions that wait for them, and of which nothing is out any more."""
        if not self._has_unplaced:
            return
        state = self._state
        unplaced = [p for p in state.partitions.values() if p.unplaced and p.stopped is None]
        self._has_unplaced = bool(unplaced)
        asked = [p for p in unplaced if not (p.asked or p.revoking or state.busy[p.tp])]
        for partition in asked:
            partition.asked = True
        if asked:
            state.actions.append(Locate({partition.tp: partition.epoch for partition in asked}))

    def place(self, event: Located) -> None:
        """Begin where the downstream says; where it keeps no offset, where Kafka does."""
        for tp, offset in event.offsets.items():
            partition = self._state.partitions.get(tp)
            if partition is None or partition.epoch != event.epochs[tp] or not partition.unplaced:
                continue
            partition.unplaced = False
            partition.strayed = True  # until it is sought; in a drain it is not
            partition.stored = offset
            if offset is not None:
                partition.ledger = Ledger(offset)
                if self._state.config.commits_with_records:
                    partition.requested = partition.committed = offset
            self._state.holds_stale = True

    def overtaken(self, tps: Iterable[TopicPartition], reason: str) -> None:
        """Begin again where another owner has written; stop where that goes on and on."""
        state = self._state
        for tp in tps:
            partition = state.partitions.get(tp)
            if partition is None or partition.stopped is not None:
                continue
            fences = partition.fences + 1
            if fences > FENCES:
                state.stop(partition, StopKind.FENCED, f"{reason}; it happened {fences} times in a row")
                continue
            state.fenced[tp] = ReleaseReason.FENCED
            for chunk in state.buffer.drop_partition(tp):
                state.release(chunk, ReleaseReason.FENCED)
            again = state.begin(tp, partition.ledger.committable)
            again.requested, again.committed, again.revoking = partition.requested, partition.committed, partition.revoking
            again.unplaced, again.fences = True, fences
            self._has_unplaced = True

    def begin_revoke(self, tps: Iterable[TopicPartition]) -> None:
        """Take and flush nothing more of ``tps``."""
        for tp in tps:
            partition = self._state.partitions.get(tp)
            if partition is not None:
                partition.revoking = True

    def fence(self, tps: Iterable[TopicPartition], reason: ReleaseReason) -> None:
        """Forget ``tps`` and give back their records."""
        state = self._state
        for tp in tps:
            if state.partitions.pop(tp, None) is None:
                continue
            state.fenced[tp] = reason
            for chunk in state.buffer.drop_partition(tp):
                state.release(chunk, reason)
            self._landing.abandon(tp)
        state.holds_stale = True

    def release_everything(self) -> None:
        """Give back everything that has no outcome, also what flushers hold: the drain is over."""
        state = self._state
        for chunk in state.buffer.clear():
            state.release(chunk, ReleaseReason.SHUTDOWN)
        self._landing.abandon_all(ReleaseReason.SHUTDOWN)
        self._letters.release_all(ReleaseReason.SHUTDOWN)
        self._overflow.release_all(ReleaseReason.SHUTDOWN)
