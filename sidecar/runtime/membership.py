"""Membership: what the loop does when partitions come and go. These run inside the client's callbacks.

A revocation, step by step; the order matters:

1. The engine takes and flushes no more of the partitions.
2. What a flusher holds of them may finish, all within one deadline: the next owner waits for us.
3. What is committable is committed, synchronously: after the callback the partitions are not ours to commit.
4. The engine fences them. A result that comes later changes only the books.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from sidecar.core.events import Advanced, Assigned, CommitFinished, Lost, Moved, PartitionFailed, RevokeBegun, Revoked
from sidecar.core.records import TopicPartition
from sidecar.runtime.driver import Driver


class Membership:
    """Implements :class:`sidecar.runtime.client.Listener`."""

    def __init__(self, driver: Driver, revoke_timeout: float) -> None:
        """``revoke_timeout`` is how long the next owner is kept waiting at most, in seconds. ``uncommitted`` counts partitions that went before all that was delivered of them was committed."""
        self.joined = False
        self.uncommitted = 0
        self.rebalances: Counter[str] = Counter(assigned=0, revoked=0, lost=0)
        self._driver = driver
        self._revoke_timeout = revoke_timeout

    def epoch_of(self, tp: TopicPartition) -> int | None:
        """Return the epoch of an assigned partition."""
        return self._driver.engine.epoch(tp)

    def position_of(self, tp: TopicPartition) -> int | None:
        """Return the offset after the last polled record."""
        return self._driver.engine.positions().get(tp)

    def assigned(self, starts: Mapping[TopicPartition, int | None], fresh: Collection[TopicPartition]) -> None:
        """Begin a new epoch."""
        self.joined = True
        self.rebalances["assigned"] += 1
        self._say("partitions.assigned", starts)
        self._driver.handle(Assigned(starts, fresh))

    def revoking(self, tps: Sequence[TopicPartition]) -> None:
        """Finish, commit, fence."""
        driver = self._driver
        self.rebalances["revoked"] += 1
        driver.handle(RevokeBegun(tps))
        deadline = driver.clock() + self._revoke_timeout
        while driver.engine.in_flight_of(tps) and (left := deadline - driver.clock()) > 0:
            driver.pump(left)
        offsets = driver.engine.offsets_to_commit(tps)
        if offsets:
            driver.handle(driver.client.commit_now(offsets))
            self.uncommitted += len(driver.engine.offsets_to_commit(tps))
        driver.handle(Revoked(tps))
        self._say("partitions.revoked", tps)

    def lost(self, tps: Sequence[TopicPartition]) -> None:
        """Fence; what is ours no more must not be committed."""
        self.rebalances["lost"] += 1
        self.uncommitted += len(self._driver.engine.offsets_to_commit(tps))
        self._driver.handle(Lost(tps))
        self._say("partitions.lost", tps)

    def committed(self, answer: CommitFinished) -> None:
        """Pass on the answer."""
        self._driver.handle(answer)

    def moved(self, tp: TopicPartition, offset: int) -> None:
        """Go on at another offset: forward is a gap in this epoch, backward (the log was cut) needs a new one."""
        position = self.position_of(tp)
        if position is None or position <= offset:
            self._driver.handle(Advanced({tp: offset}))
        else:
            self._driver.handle(Moved(tp, offset))

    def stopped(self, tp: TopicPartition, reason: str) -> None:
        """Stop a partition."""
        self._driver.handle(PartitionFailed(tp, reason))

    def _say(self, event: str, tps: Sequence[TopicPartition] | Mapping[TopicPartition, int | None]) -> None:
        if tps:
            self._driver.observer.event(event, count=len(tps), partitions=", ".join(map(str, sorted(tps))))
