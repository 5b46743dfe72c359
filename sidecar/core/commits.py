"""Commits: which offsets are committed, and when.

Asynchronous in the steady state: at most one is outstanding, every ``commit_interval``, and sooner once nothing has been buffered for a quarter of
it (a topic at rest should not look like lag), or, during a quiesce, almost at once: somebody waits for it. A refused commit is offered again at the next interval. The synchronous ones, on revocation and
at the end, are made by the shell from :meth:`Commits.unacknowledged`.

Where the downstream is Kafka itself, a delivered flush has committed its offsets already, with its records. What else moves an offset (a drop, a dead letter, a marker in
the log) is committed here, but never while a flush of the same partition is out: of two commits that overlap the broker keeps the one that it saw begin later, which
may be the lower one. For the same reason :mod:`sidecar.core.dispatch` flushes nothing of a partition while a commit of it is outstanding.

An offset is only ever taken from the ledger of a current assignment, so it is never behind one that was committed in this epoch and never passes a
record without an outcome.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sidecar.core.actions import Commit, CommitFailed, CommitOffset
from sidecar.core.events import CommitFinished
from sidecar.core.records import TopicPartition
from sidecar.core.state import EngineState, Partition

QUIET_SHARE = 0.25
"""Nothing buffered for this share of the interval is quiet."""

HURRIED_SHARE = 0.05
"""The least between two commits while nothing is buffered and the engine hurries: a share of the interval."""


class Commits:
    """Keeps the committed offsets close behind the ledgers."""

    def __init__(self, state: EngineState) -> None:
        """Work on the engine's state; nothing is outstanding."""
        self._state = state
        self._outstanding: Mapping[TopicPartition, int] | None = None
        self._last = float("-inf")
        self._busy_at = float("-inf")

    def run(self, now: float) -> None:
        """Ask for a commit if one is due and there is something to commit."""
        if not self._state.buffer.is_empty:
            self._busy_at = now
        if self._outstanding is not None or now < self._due():
            return
        offsets = {}
        for tp, partition in self._state.partitions.items():
            offset = partition.ledger.committable
            if offset is not None and self._waits(partition):
                partition.requested = offset
                offsets[tp] = _commit_offset(partition, offset)
        if offsets:
            self._outstanding = {tp: commit.offset for tp, commit in offsets.items()}
            self._state.actions.append(Commit(offsets))
        self._last = now

    def next_due(self) -> float | None:
        """Return when :meth:`run` may have something to do; None: nothing waits to be committed."""
        if self._outstanding is not None or not any(self._waits(partition) for partition in self._state.partitions.values()):
            return None
        return self._due()

    def finished(self, event: CommitFinished) -> None:
        """Take note of an answer. It concerns only partitions that are still in the epoch in which they were committed.

        The answer to a synchronous commit, on a revocation, leaves the asynchronous one outstanding: its own is still to come.
        """
        if event.offsets == self._outstanding:
            self._outstanding = None
        current = [p for tp, epoch in event.epochs.items() if (p := self._state.partitions.get(tp)) and p.epoch == epoch]
        for partition in current:
            if event.error is None:
                partition.committed = max(partition.committed or 0, event.offsets[partition.tp])
            else:
                partition.requested = partition.committed
        if event.error is not None:
            self._state.actions.append(CommitFailed(list(event.offsets), event.error))

    def unacknowledged(self, tps: Iterable[TopicPartition]) -> dict[TopicPartition, CommitOffset]:
        """Return the offsets of ``tps`` that no answer has confirmed yet."""
        offsets = {}
        for tp in tps:
            partition = self._state.partitions.get(tp)
            if partition is None or partition.unplaced or self._overlaps(tp) or partition.ledger.committable is None:
                continue
            if _is_ahead(partition.ledger.committable, partition.committed):
                offsets[tp] = _commit_offset(partition, partition.ledger.committable)
        return offsets

    def _waits(self, partition: Partition) -> bool:
        offset = partition.ledger.committable
        if offset is None or partition.revoking or partition.unplaced or self._overlaps(partition.tp):
            return False
        return _is_ahead(offset, partition.requested)

    def _overlaps(self, tp: TopicPartition) -> bool:
        """Whether a commit of ``tp`` could overlap with one that a flush makes."""
        return self._state.config.commits_with_records and self._state.busy[tp] > 0

    def _due(self) -> float:
        interval = self._state.config.commit_interval
        if not self._state.buffer.is_empty:
            return self._last + interval
        if self._state.hurries:
            return self._last + interval * HURRIED_SHARE
        return min(self._last + interval, max(self._busy_at, self._last) + interval * QUIET_SHARE)


def _is_ahead(offset: int, other: int | None) -> bool:
    return other is None or offset > other


def _commit_offset(partition: Partition, offset: int) -> CommitOffset:
    return CommitOffset(offset, partition.epoch, partition.ledger.leader_epoch(offset))
