"""The engine: events in, actions out. It decides everything and does nothing.

:meth:`Engine.handle` takes one event of :mod:`sidecar.core.events` and the time, and returns the actions of
:mod:`sidecar.core.actions` to carry out, in order. It has no clock, no thread, no I/O and no log; the same events with the same random
numbers give the same actions. One thread owns an engine.

Every event goes the same way: first what it means in itself (a row of the table in ``__init__``), then :meth:`Engine._settle`, which brings
pressure, flights, holds and commits in line with the new state. So no part needs to know which event made
its work necessary.

Invariants, checked after every step by the property tests: the books balance; each record gets one outcome; what is committed has
an outcome; the buffer keeps its limits; order is kept within a partition; DRAINING is never left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random
from typing import Any

from sidecar.core.actions import Action, CommitOffset, Finish, HoldBegan, HoldEnded, StateChanged
from sidecar.core.backpressure import Signal, State
from sidecar.core.books import ReleaseReason
from sidecar.core.commits import Commits
from sidecar.core.config import EngineConfig, Strategy
from sidecar.core.dead_letters import DeadLetters
from sidecar.core.dispatch import Dispatch
from sidecar.core.errors import IllegalTransition
from sidecar.core.events import (
    Advanced,
    Assigned,
    CommitFinished,
    DeadLetterFinished,
    DivertFinished,
    DrainRequested,
    Event,
    FlushFinished,
    HoldAsked,
    HoldLifted,
    Located,
    Lost,
    Moved,
    PartitionFailed,
    Polled,
    RevokeBegun,
    Revoked,
    Tick,
)
from sidecar.core.hold_reasons import ASKED, HoldReason
from sidecar.core.holds import Holds
from sidecar.core.intake import Intake
from sidecar.core.landing import HASTE, Landing
from sidecar.core.overflow import Overflow
from sidecar.core.ownership import Ownership
from sidecar.core.records import TopicPartition
from sidecar.core.results import Fenced
from sidecar.core.snapshot import Snapshot
from sidecar.core.state import AskedHold, EngineState, StopKind
from sidecar.core.views import snapshot

POLL_SHARE = 0.25
"""The largest part of the buffer, by its number of records, that one poll may fill where something may be dropped. Its bytes are bounded by what the client has fetched."""

POLL_RECORDS = 4000
"""The most records of one poll: ``consume()`` gets no cheaper a record above 500, but what is done by the chunk does, at the tail of many partitions. Of a backlog the loop asks for
fewer (:mod:`sidecar.runtime.pace`)."""


class Engine:
    """The decisions of one sidecar."""

    def __init__(self, config: EngineConfig, random: Random) -> None:
        """Begin with nothing assigned. ``random`` is the only source of chance."""
        state = self._state = EngineState.fresh(config, random)
        self._intake = Intake(state)
        self._dispatch = Dispatch(state)
        self._letters = DeadLetters(state)
        self._overflow = Overflow(state)
        self._landing = Landing(state, self._letters)
        self._holds = Holds(state)
        self._commits = Commits(state)
        self._ownership = Ownership(state, self._landing, self._letters, self._overflow)
        self._finished = False
        self._handlers: dict[type, Callable[[Any, float], None]] = {
            Assigned: lambda event, _now: self._ownership.assign(event.starts, event.fresh),
            RevokeBegun: lambda event, _now: self._ownership.begin_revoke(event.partitions),
            Moved: lambda event, _now: self._ownership.move(event),
            Located: lambda event, _now: self._ownership.place(event),
            Revoked: lambda event, _now: self._ownership.fence(event.partitions, ReleaseReason.REVOKED),
            Lost: lambda event, _now: self._ownership.fence(event.partitions, ReleaseReason.LOST),
            Polled: self._polled,
            Advanced: self._advanced,
            PartitionFailed: self._partition_failed,
            FlushFinished: self._flush_finished,
            DeadLetterFinished: self._letters.finished,
            DivertFinished: self._overflow.finished,
            CommitFinished: lambda event, _now: self._commits.finished(event),
            DrainRequested: self._drain,
            HoldAsked: self._ask_hold,
            HoldLifted: lambda event, _now: self._lift_hold(event.reason, expired=False),
            Tick: lambda _event, _now: None,
        }

    def handle(self, event: Event, now: float) -> list[Action]:
        """Take note of ``event`` at ``now`` (monotonic seconds, never going back); return what is to be done."""
        self._handlers[type(event)](event, now)
        self._settle(now)
        actions, self._state.actions = self._state.actions, []
        return actions

    @property
    def polling(self) -> bool:
        """Whether the client may be polled for records now; False only for the first ``pause_after`` of a hold of every partition."""
        return self._holds.polling

    @property
    def takes_records(self) -> bool:
        """Whether there is a partition that is not held, or none at all yet."""
        partitions = self._state.partitions
        return not partitions or len(self._holds.reasons) < len(partitions)

    @property
    def poll_limit(self) -> int:
        """How many records to poll at most.

        Where something may be dropped, a small part of the buffer, so that no poll fills it from below a watermark at once: ``sample`` would
        have had no time to begin. Else as many as fit.
        """
        buffer = self._state.buffer
        share, room = int(buffer.capacity * POLL_SHARE), buffer.room_records
        if min(share, room) >= POLL_RECORDS:
            return POLL_RECORDS
        may_drop = any(p.policy.strategy is not Strategy.BLOCK for p in self._state.partitions.values())
        return max(1, min(POLL_RECORDS, share if may_drop else room))

    @property
    def flush_interval(self) -> float:
        """How long a part-filled batch waits for more records, in seconds."""
        return self._state.flow.interval

    @property
    def stopped(self) -> dict[TopicPartition, str]:
        """The partitions that a policy stopped, and why."""
        return {tp: p.stopped for tp, p in self._state.partitions.items() if p.stopped is not None}

    @property
    def asked(self) -> frozenset[HoldReason]:
        """The holds of everything that were asked for from outside."""
        return frozenset(self._state.asked)

    def next_due(self, now: float) -> float | None:
        """Return when a Tick is needed if nothing else happens before; None: not at all."""
        if self._finished:
            return None
        dues = (
            self._dispatch.next_due(now),
            self._holds.next_due(),
            self._letters.next_due(),
            self._overflow.next_due(),
            self._commits.next_due(),
            self._state.drain_deadline,
            *(hold.until for hold in self._state.asked.values()),
        )
        return min((due for due in dues if due is not None), default=None)

    def in_flight_of(self, tps: Iterable[TopicPartition]) -> int:
        """Count the flushes that a flusher holds now with records of ``tps``, and what of them is sent to a dead-letter or an overflow topic."""
        wanted = set(tps)
        running = (flight for flight in self._state.flights.values() if flight.due is None)
        letters = sum(letter.sent and letter.chunk.tp in wanted for letter in self._state.letters.values())
        letters += sum(divert.chunk.tp in wanted for divert in self._state.diversions.sent.values())
        return letters + sum(any(chunk.tp in wanted for chunk in flight.batch.chunks) for flight in running)

    def positions(self) -> dict[TopicPartition, int | None]:
        """Return the offset after the last polled record of each partition."""
        return {tp: partition.ledger.position for tp, partition in self._state.partitions.items()}

    def epoch(self, tp: TopicPartition) -> int | None:
        """Return the epoch of an assigned partition; None when it is not assigned."""
        partition = self._state.partitions.get(tp)
        return None if partition is None else partition.epoch

    def offsets_to_commit(self, tps: Iterable[TopicPartition]) -> dict[TopicPartition, CommitOffset]:
        """Return what a synchronous commit of ``tps`` should commit; empty when everything was acknowledged."""
        return self._commits.unacknowledged(tps)

    def snapshot(self, now: float) -> Snapshot:
        """Describe the engine; it costs time by the number of partitions, so not on each event."""
        return snapshot(self._state, self._holds, now)

    def _polled(self, event: Polled, now: float) -> None:
        if event.chunks:
            self._state.clock.see(event.chunks[0].polled_at, event.chunks[0].polled_wall_ms)
        for chunk in event.chunks:
            self._intake.take(chunk, now)

    def _advanced(self, event: Advanced, _now: float) -> None:
        """Pass offsets without records; not where records were refused or given back, since the client is past those."""
        for tp, position in event.positions.items():
            partition = self._state.partitions.get(tp)
            if (
                partition is not None
                and not (partition.refused or partition.strayed or partition.unplaced)
                and partition.stopped is None
            ):
                partition.ledger.advance(position)

    def _flush_finished(self, event: FlushFinished, now: float) -> None:
        overtaken = self._landing.land(event, now)
        if overtaken and isinstance(event.result, Fenced):
            self._ownership.overtaken(overtaken, event.result.reason)

    def _partition_failed(self, event: PartitionFailed, _now: float) -> None:
        partition = self._state.partitions.get(event.tp)
        if partition is not None and partition.stopped is None:
            self._state.stop(partition, StopKind.OFFSET_OUT_OF_RANGE, event.reason)

    def _drain(self, event: DrainRequested, now: float) -> None:
        """Begin to drain; a second request can only bring the deadline forward."""
        state = self._state
        if state.drain_deadline is not None:
            state.drain_deadline = min(state.drain_deadline, event.deadline)
            return
        state.drain_deadline = event.deadline
        self._signal(Signal.DRAIN)
        self._hurry(now)

    def _hurry(self, now: float) -> None:
        """Begin to get rid of what is here: no retry and no probe waits long any more."""
        self._landing.hasten_retries(now)
        self._overflow.hasten(now + HASTE)
        self._state.breaker.hasten(now + HASTE)

    def _ask_hold(self, event: HoldAsked, now: float) -> None:
        """Hold everything for a reason; asked for again, the later end counts."""
        if event.reason not in ASKED:
            raise IllegalTransition(f"a hold for {event.reason.name} cannot be asked for")
        asked, known = self._state.asked, self._state.asked.get(event.reason)
        endless = event.until is None or (known is not None and known.until is None)
        ends = [hold.until for hold in (event, known) if hold is not None and hold.until is not None]
        asked[event.reason] = AskedHold(event.why, None if endless else max(ends))
        if known is None:
            self._state.actions.append(HoldBegan(event.reason, event.why))
            if event.reason is HoldReason.QUIESCE:
                self._hurry(now)

    def _lift_hold(self, reason: HoldReason, *, expired: bool) -> None:
        if self._state.asked.pop(reason, None) is not None:
            self._state.actions.append(HoldEnded(reason, expired))

    def _settle(self, now: float) -> None:
        for reason in [reason for reason, hold in self._state.asked.items() if hold.until is not None and hold.until <= now]:
            self._lift_hold(reason, expired=True)
        self._react(now)
        size = self._state.buffer.size
        self._ownership.locate()
        self._letters.run(now)
        self._dispatch.run(now)
        self._overflow.run(now)
        if self._state.buffer.size < size:  # records expired on their way out, or letters were given back
            self._react(now)
        self._holds.update(now)
        if not self._finished:
            self._commits.run(now)

    def _react(self, now: float) -> None:
        """Follow what is in the buffer: the pressure, and the end of a drain."""
        self._signal(self._level())
        self._end_drain(now)

    def _level(self) -> Signal:
        """Read the pressure. What did not fit means full, also when the limit in bytes is not reached exactly."""
        state = self._state
        overflowed, state.overflowed = state.overflowed, False
        return Signal.FULL if overflowed else state.backpressure.level(state.buffer.utilization)

    def _signal(self, signal: Signal) -> None:
        backpressure, old = self._state.backpressure, self._state.backpressure.state
        if backpressure.signal(signal):
            self._state.actions.append(StateChanged(old, backpressure.state, self._state.buffer.utilization))

    def _end_drain(self, now: float) -> None:
        """Finish once nothing is left, or the deadline has come."""
        state = self._state
        if state.drain_deadline is None or self._finished:
            return
        expired = now >= state.drain_deadline and not state.buffer.is_empty
        if expired:
            self._ownership.release_everything()
        if state.buffer.is_empty:
            self._finished = True
            state.actions.append(Finish(expired))

    @property
    def state(self) -> State:
        """The backpressure state."""
        return self._state.backpressure.state
