"""Holds: from which partitions no records are taken, why, and what the client is told about it.

A partition is held while it has at least one reason. ``pause()`` throws away what the client has prefetched, so while *every*
partition is held the loop first just does not poll (:attr:`Holds.polling` is False) for up to ``pause_after`` seconds; after that,
or as soon as some partitions are held and others not, the held ones are paused. A resume always seeks to the ledger's position: ``resume()``
alone can take a second to wake the client up, and refused records must be fetched again.

A drain or a quiesce pauses at once: it must keep polling, so that the session lives.

*Pressure.* At the high watermark all ``block`` partitions are held, until the pressure is below the low one: while nothing is polled, that costs nothing. Where it
has to cost something, since it lasts longer than ``pause_after``, or since others are polled all the same (they may drop), only those stay held that fill their share of the
buffer (:mod:`sidecar.core.shares`): a hold begins at the high watermark's part of the share and ends at the low one's. So a hot partition holds up no other, nor does another topic's
flood. One whose records were refused for want of room waits at least until the pressure is below the high watermark.
One with an overflow topic waits while that takes nothing, or too much is on its way (:mod:`sidecar.core.overflow`), and refused until half of the room above the high watermark is free.
"""

from __future__ import annotations

from sidecar.core.actions import Pause, Resume
from sidecar.core.backpressure import State
from sidecar.core.breaker import BreakerState
from sidecar.core.config import Strategy
from sidecar.core.hold_reasons import ASKED, HoldReason
from sidecar.core.intake import blocked_too_long
from sidecar.core.overflow import is_crowded
from sidecar.core.records import TopicPartition
from sidecar.core.state import EngineState, Partition

Condition = tuple[State, BreakerState, bool, frozenset[HoldReason]]


class Holds:
    """Decides holds and keeps the client's paused set equal to what is wanted."""

    def __init__(self, state: EngineState) -> None:
        """Begin with nothing held."""
        self._state = state
        self.reasons: dict[TopicPartition, tuple[HoldReason, ...]] = {}
        self.polling = True
        self.holds = 0
        self.pauses = 0
        self._paused: dict[TopicPartition, int] = {}
        self._last: Condition | None = None
        self._idle_since: float | None = None
        self._updated_at = float("-inf")
        self._timed = False
        self._pressed_since: float | None = None
        self._all_block = True
        self._cramped = False
        self._diverted = 0.0

    def update(self, now: float) -> None:
        """Recompute every partition's reasons, then pause and resume accordingly; cheap while nothing is held."""
        condition = self._condition()
        pressed = self._state.backpressure.holds_blocking_topics
        if condition == self._last and not (self._state.holds_stale or self.reasons or self._paused or self._timed or pressed):
            return
        self._note_pressure(now, pressed=pressed)
        self._last, self._state.holds_stale, self._updated_at = condition, False, now
        self._forget_fenced()
        self._cramped, self._diverted = self._lacks_room(), self._state.diversions.usage(self._state.buffer)
        held = {}
        for tp, partition in self._state.partitions.items():
            reasons = self._reasons(partition, now)
            if reasons:
                held[tp] = reasons
                if tp not in self.reasons:
                    self.holds += 1
        self.reasons = held
        self._timed = any(partition.held_since is not None for partition in self._state.partitions.values())
        self._steer(now)

    def next_due(self) -> float | None:
        """Return when a hold changes by time alone: not polling becomes a pause, or ``max_block`` is over.

        What :meth:`update` has seen pass already is not due again; what passed since then is.
        """
        begun = [self._idle_since if not self.polling else None, self._pressed_since if self._all_block else None]
        dues = [since + self._state.config.pause_after for since in begun if since is not None]
        for tp in self.reasons:
            partition = self._state.partitions[tp]
            if partition.policy.max_block is not None and partition.held_since is not None:
                dues.append(partition.held_since + partition.policy.max_block)
        return min((due for due in dues if due > self._updated_at), default=None)

    def _note_pressure(self, now: float, *, pressed: bool) -> None:
        """Remember since when the buffer is too full, and whether every partition would be held for it."""
        if not pressed:
            self._pressed_since = None
            return
        if self._pressed_since is None:
            self._pressed_since = now
        self._all_block = all(partition.policy.strategy is Strategy.BLOCK for partition in self._state.partitions.values())

    def _condition(self) -> Condition:
        """Return all that can hold a partition and is not its own."""
        state = self._state
        return state.backpressure.state, state.breaker.state, self._breaker_holds(), frozenset(state.asked)

    def _forget_fenced(self) -> None:
        """Drop what is known of partitions that are ours no more, or were assigned anew: the client forgot those pauses itself."""
        assignments = {tp: partition.assignment for tp, partition in self._state.partitions.items()}
        self._paused = {tp: assignment for tp, assignment in self._paused.items() if assignments.get(tp) == assignment}
        self.reasons = {tp: reasons for tp, reasons in self.reasons.items() if tp in assignments}

    def _reasons(self, partition: Partition, now: float) -> tuple[HoldReason, ...]:
        state = self._state
        reasons = []
        if state.draining:
            reasons.append(HoldReason.DRAIN)
        reasons += [reason for reason in ASKED if reason in state.asked]
        if partition.stopped is not None:
            reasons.append(HoldReason.STOPPED)
        if partition.unplaced:
            reasons.append(HoldReason.POSITION)
        if state.waits_for_letters.get(partition.tp) is not None:
            reasons.append(HoldReason.DEAD_LETTER)
        if self._breaker_holds():
            reasons.append(HoldReason.BREAKER)
        reasons += self._pressure_reasons(partition, now)
        if partition.policy.overflow_topic is not None and self._waits_for_overflow(partition, partition.policy.overflow_topic):
            reasons.append(HoldReason.OVERFLOW)
        return tuple(reasons)

    def _pressure_reasons(self, partition: Partition, now: float) -> list[HoldReason]:
        """Reasons that ``max_block`` ends. ``held_since`` stays until they are gone, so that shedding goes on until then."""
        reasons: list[HoldReason] = []
        if partition.policy.strategy is Strategy.BLOCK and self._is_pressed(partition, now):
            reasons.append(HoldReason.BUFFER)
        if partition.policy.strategy is Strategy.BLOCK and self._cramped:
            reasons.append(HoldReason.ROOM)
        if not reasons:
            partition.held_since = None
        elif partition.held_since is None:
            partition.held_since = now
        elif blocked_too_long(partition, now):
            return []
        return reasons

    def _is_pressed(self, partition: Partition, now: float) -> bool:
        """Whether ``partition`` is held for what is in the buffer."""
        state, config, since = self._state, self._state.config, self._pressed_since
        if since is None:
            return False
        if (self._all_block and now < since + config.pause_after) or (
            partition.refused and state.buffer.utilization >= config.high_watermark
        ):
            return True
        held = HoldReason.BUFFER in self.reasons.get(partition.tp, ())
        mark = config.low_watermark if held else config.high_watermark
        return state.buffer.usage(partition.tp) >= mark * state.shares.of(partition.tp)

    def _waits_for_overflow(self, partition: Partition, topic: str) -> bool:
        """Whether ``partition`` waits for its overflow topic ``topic``, or for room that such topics make."""
        state, buffer = self._state, self._state.buffer
        held = HoldReason.OVERFLOW in self.reasons.get(partition.tp, ())
        if state.diversions.trouble_of(topic) or is_crowded(self._diverted, state.config.high_watermark, held=held):
            return True
        if not partition.refused or buffer.is_empty:
            return False
        return buffer.utilization >= (1 + state.config.high_watermark) / 2 or partition.refused > buffer.room_bytes

    def _lacks_room(self) -> bool:
        """Whether a large record waits for room. Every ``block`` partition waits with it, or their traffic would keep it out for ever."""
        buffer = self._state.buffer
        largest = max((partition.refused for partition in self._state.partitions.values()), default=0)
        return largest > buffer.room_bytes and not buffer.is_empty

    def _breaker_holds(self) -> bool:
        """Held while the breaker is open; half-open only while it is probed, else nothing ever would be: what is here may wait for other topics, or leave."""
        state = self._state
        if state.breaker.state is BreakerState.HALF_OPEN:
            return any(flight.probe for flight in state.flights.values())
        return state.breaker.state is BreakerState.OPEN

    def _steer(self, now: float) -> None:
        state, partitions = self._state, self._state.partitions
        all_held = bool(partitions) and len(self.reasons) == len(partitions)
        if not all_held or state.hurries:
            self._idle_since = None
        elif self._idle_since is None:
            self._idle_since = now
        waits = all_held and self._idle_since is not None and now < self._idle_since + state.config.pause_after
        self._pause(waits_only=waits)
        self._resume()
        self.polling = not waits

    def _pause(self, *, waits_only: bool) -> None:
        """Pause what is held and is not paused yet; at once what must be sought: the client is past refused records, and an unplaced partition is elsewhere."""
        partitions = self._state.partitions
        wanted = [
            tp
            for tp in self.reasons
            if tp not in self._paused and (not waits_only or partitions[tp].refused or partitions[tp].unplaced)
        ]
        wanted += [tp for tp, p in partitions.items() if p.refused and tp not in self.reasons and tp not in self._paused]
        if wanted:
            self._paused.update({tp: partitions[tp].assignment for tp in wanted})
            self.pauses += len(wanted)
            self._state.actions.append(Pause(wanted))

    def _resume(self) -> None:
        positions = {}
        for tp in [tp for tp in self._paused if tp not in self.reasons]:
            partition = self._state.partitions[tp]
            partition.refused, partition.strayed = 0, False
            positions[tp] = partition.ledger.position
            del self._paused[tp]
        if positions:
            self._state.actions.append(Resume(positions))
