"""A small world in virtual time: one broker, one client with an engine, one downstream, and everything that can happen to them.

Nothing waits: the clock jumps to the next thing that happens. The engine is woken by events and, between them, only
when :meth:`~sidecar.core.engine.Engine.next_due` says so; a wake-up that it forgets to ask for is a world that stands still. One seed gives one world.
"""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from sidecar.core.actions import Action, Commit, Divert, Finish, Pause, Resume, StartFlush
from sidecar.core.config import EngineConfig
from sidecar.core.engine import Engine
from sidecar.core.events import (
    Advanced,
    Assigned,
    CommitFinished,
    DivertFinished,
    DrainRequested,
    Event,
    FlushFinished,
    HoldAsked,
    HoldLifted,
    Lost,
    Polled,
    RevokeBegun,
    Revoked,
    Tick,
)
from sidecar.core.hold_reasons import HoldReason
from sidecar.core.records import Batch, TopicPartition
from sidecar.core.results import Delivered, Result, Retriable
from tests.simulation.audit import Audit
from tests.simulation.broker import Log

POLL_SECONDS = 0.000_05
RECORD_SECONDS = 0.000_000_5
TIMEOUT = Retriable("timeout")
TIMEOUT_SECONDS = 2.0


@dataclass
class Downstream:
    """Takes ``fixed + per_record·n`` seconds a batch; during an outage it answers with that result instead, or hangs."""

    fixed: float = 0.005
    per_record: float = 0.000_005
    outages: list[tuple[float, float, Callable[[Batch], Result]]] = field(default_factory=list)

    def answer(self, batch: Batch, now: float) -> tuple[Result, float]:
        """Return what it says to ``batch``, and how long that takes."""
        for start, end, result in self.outages:
            if start <= now < end:
                answer = result(batch)
                return answer, TIMEOUT_SECONDS if answer is TIMEOUT else self.fixed
        return Delivered(), self.fixed + self.per_record * batch.records


class World:
    """Everything, at ``now``."""

    def __init__(
        self,
        config: EngineConfig,
        seed: int,
        partitions: Sequence[TopicPartition],
        downstream: Downstream,
        lossless: Sequence[str] = (),
    ) -> None:
        """Make the world of ``seed``; every partition is assigned from offset 0."""
        self.now = 0.0
        self.random = Random(seed)
        self.logs = {tp: Log(tp) for tp in partitions}
        self.engine = Engine(config, Random(seed + 1))
        self.audit = Audit(self.engine, self.logs, lossless, config.ordering)
        self.downstream = downstream
        self.commit_fails = 0.0
        self.overflow_fails = 0.0
        self.weighed: Counter[TopicPartition] = Counter()
        self._positions: dict[TopicPartition, int] = {}
        self._paused: set[TopicPartition] = set()
        self._future: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._poll_at: float | None = None
        self.assign(list(partitions))

    @property
    def lag(self) -> int:
        """Count the records that are not committed."""
        return sum(log.lag for log in self.logs.values())

    def at(self, time: float, what: Callable[[], None]) -> None:
        """Let ``what`` happen at ``time``."""
        heapq.heappush(self._future, (time, next(self._order), what))

    def run(self, until: float) -> None:
        """Let time pass until ``until``."""
        while (time := self._next()) is not None and time <= until:
            self.now = max(self.now, time)
            if self._future and self._future[0][0] <= self.now:
                heapq.heappop(self._future)[2]()
            elif self._poll_at is not None and self._poll_at <= self.now:
                self._poll()
            else:
                self.tell(Tick())
        self.now = max(self.now, until)

    def tell(self, event: Event) -> None:
        """Tell the engine, check every invariant, do what it wants."""
        actions = self.engine.handle(event, self.now)
        self.audit.check(event, actions, self.now)
        for action in actions:
            self._do(action)
        if self._poll_at is None:
            self._poll_soon(POLL_SECONDS)

    def produce(self, tp: TopicPartition, sizes: Sequence[int], *, gaps: bool = False) -> None:
        """Append records to a partition."""
        self.logs[tp].append(sizes, self.random, gaps=gaps)
        if self._poll_at is None:
            self._poll_soon(POLL_SECONDS)

    def assign(self, tps: Sequence[TopicPartition]) -> None:
        """Assign ``tps`` from where they were committed; the client forgets their pauses."""
        self._paused.difference_update(tps)
        self._positions.update({tp: self.logs[tp].committed for tp in tps})
        self.tell(Assigned({tp: self.logs[tp].committed for tp in tps}))

    def revoke(self, tps: Sequence[TopicPartition], patience: float) -> None:
        """Take ``tps`` away, with a commit after ``patience`` seconds for what is in flight."""
        tps = [tp for tp in tps if tp in self._positions]
        self.tell(RevokeBegun(tps))
        self.at(self.now + patience, lambda: self._end_revoke(tps))

    def lose(self, tps: Sequence[TopicPartition]) -> None:
        """Find out that ``tps`` went to others a while ago."""
        self._forget(tps)
        self.tell(Lost(tps))

    def return_all(self) -> None:
        """Assign what nobody has."""
        self.assign([tp for tp in self.logs if tp not in self._positions])

    def drain(self, deadline: float) -> None:
        """Ask for the drain."""
        self.tell(DrainRequested(deadline))

    def hold(self, reason: HoldReason, until: float | None) -> None:
        """Ask for a hold of everything."""
        self.tell(HoldAsked(reason, "a hook", until))

    def lift(self, reason: HoldReason) -> None:
        """Lift it."""
        self.tell(HoldLifted(reason))

    def freeze(self, seconds: float) -> None:
        """Stop the client's process for ``seconds``: everything that falls due meanwhile comes late."""
        self.now += seconds

    def _end_revoke(self, tps: Sequence[TopicPartition]) -> None:
        self._commit_now([tp for tp in tps if tp in self._positions])
        self._forget(tps)
        self.tell(Revoked(tps))

    def _leave(self) -> None:
        """Commit what is left at the end of a drain, offsets without records at the tail included."""
        self.tell(Advanced(dict(self._positions)))
        self._commit_now(list(self._positions))

    def _commit_now(self, tps: Sequence[TopicPartition]) -> None:
        """Commit synchronously."""
        for tp, offer in self.engine.offsets_to_commit(tps).items():
            self.audit.committed(tp, offer)
            self.logs[tp].committed = offer.offset

    def _forget(self, tps: Sequence[TopicPartition]) -> None:
        for tp in tps:
            self._positions.pop(tp, None)
            self._paused.discard(tp)

    def _next(self) -> float | None:
        times = (self._future[0][0] if self._future else None, self._poll_at, self.engine.next_due(self.now))
        return min((time for time in times if time is not None), default=None)

    def _poll_soon(self, seconds: float) -> None:
        """Poll again if there is something to fetch; the client sees nothing of what is paused."""
        fetchable = any(self.logs[tp].end > at for tp, at in self._positions.items() if tp not in self._paused)
        self._poll_at = self.now + seconds if fetchable and self.engine.polling else None

    def _poll(self) -> None:
        limit, chunks = self.engine.poll_limit, []
        for tp in self.random.sample(list(self._positions), len(self._positions)):
            chunk = None if tp in self._paused else self.logs[tp].fetch(self._positions[tp], limit, self._epoch(tp), self.now)
            if chunk is not None and limit > 0:
                chunks.append(chunk)
                limit -= len(chunk)
                self._positions[tp] = chunk.end
        fetched = sum(map(len, chunks))
        self._poll_soon(POLL_SECONDS + RECORD_SECONDS * fetched)
        if chunks:
            self.tell(Polled(chunks))
            self._poll_soon(POLL_SECONDS + RECORD_SECONDS * fetched)
        self.tell(Advanced({tp: at for tp, at in self._positions.items() if tp not in self._paused}))

    def _epoch(self, tp: TopicPartition) -> int:
        epoch = self.engine.epoch(tp)
        assert epoch is not None
        return epoch

    def _do(self, action: Action) -> None:
        match action:
            case StartFlush():
                result, seconds = self.downstream.answer(action.batch, self.now)
                for chunk in action.batch.chunks if isinstance(result, Delivered) else ():
                    self.weighed[chunk.tp] += len(chunk) * chunk.weight
                self.at(self.now + seconds, lambda: self.tell(FlushFinished(action.flight, result, seconds)))
            case Pause():
                self._paused.update(action.partitions)
            case Resume():
                self._paused.difference_update(action.positions)
                self._positions.update({tp: at for tp, at in action.positions.items() if at is not None})
            case Divert():
                error = "unknown topic" if self.random.random() < self.overflow_fails else None
                self.at(self.now + 0.005, lambda: self.tell(DivertFinished(action.number, error)))
            case Commit():
                self.at(self.now + 0.002, lambda: self._answer(action))
            case Finish():
                self.at(self.now, self._leave)
            case _:
                pass

    def _answer(self, commit: Commit) -> None:
        """Answer a commit: refused at random, and where another owner came in between."""
        offsets = {tp: offer.offset for tp, offer in commit.offsets.items()}
        epochs = {tp: offer.epoch for tp, offer in commit.offsets.items()}
        stale = any(self.engine.epoch(tp) != epoch for tp, epoch in epochs.items())
        error = "refused" if stale or self.random.random() < self.commit_fails else None
        if error is None:
            for tp, offset in offsets.items():
                self.logs[tp].committed = offset
        self.tell(CommitFinished(offsets, epochs, error))
