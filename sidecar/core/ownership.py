"""Ownership: partitions come in a new epoch, and leave fenced.

A partition leaves in two steps. *Revoke begins*: no more intake or flushes of it; the shell lets what a flusher holds finish within a
deadline and commits. *Revoked* (or *lost*, at once and without a commit): it is fenced. What is queued of it, or waits for a retry, is released.
What a flusher still holds keeps the partition busy until its result, so that a new epoch of the same partition does not overtake it; that
result changes only the books.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from sidecar.core.books import ReleaseReason
from sidecar.core.landing import Landing
from sidecar.core.ledger import Ledger
from sidecar.core.records import TopicPartition
from sidecar.core.state import EngineState, Partition


class Ownership:
    """Adds and removes partitions."""

    def __init__(self, state: EngineState, landing: Landing) -> None:
        """Work on the engine's state."""
        self._state = state
        self._landing = landing

    def assign(self, starts: Mapping[TopicPartition, int | None], fresh: Collection[TopicPartition]) -> None:
        """Begin a new epoch of each partition; ``fresh`` are those without a committed offset."""
        state = self._state
        self.fence([tp for tp in starts if tp in state.partitions], ReleaseReason.LOST)
        for tp, start in starts.items():
            epoch = state.epochs[tp] = state.epochs.get(tp, 0) + 1
            committed = None if tp in fresh else start
            state.partitions[tp] = Partition(
                tp, epoch, state.policy(tp.topic), Ledger(start), requested=committed, committed=committed
            )
        state.holds_stale = True

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
