"""The backpressure state machine: every state and every transition, in this file only.

Pressure is ``max(records / max_messages, bytes / max_bytes)``, in flight included. It is read as a *level*, and the
table below turns a state and a level into the next state::

      pressure   0 ........ low ........ high ........ 1.0
      level        LOW     |   MIDDLE   |    HIGH     | FULL

                    MIDDLE             HIGH             FULL
         NORMAL ───────────▶ ELEVATED ───────▶ CRITICAL ─────▶ BLOCKED
           ▲  ▲      LOW        │                 │  ▲            │
           │  └─────────────────┘                 │  └────────────┘
           │                 LOW                  │   MIDDLE
           └──────────────────────────────────────┘
                                                 (BLOCKED falls to NORMAL on LOW, too)
         any of them ── drain ──▶ DRAINING (terminal)

*Hysteresis*: CRITICAL and BLOCKED do not fall back to ELEVATED; a hold that began at the high watermark ends
below the low one. BLOCKED ends below the high one: a topic that drops at a full buffer would else move
between the two with each flush. A state may be entered by jumping over others: one poll can fill an empty buffer.

A signal that has no place in a state raises :class:`~sidecar.core.errors.IllegalTransition` and changes nothing.
"""

from __future__ import annotations

import enum
from collections import Counter

from sidecar.core.errors import IllegalTransition


class State(enum.StrEnum):
    """How full the buffer is, with hysteresis."""

    NORMAL = "normal"
    ELEVATED = "elevated"
    CRITICAL = "critical"
    BLOCKED = "blocked"
    DRAINING = "draining"


class Signal(enum.StrEnum):
    """What moves the machine: a level of pressure, or the wish to drain."""

    LOW = "low"
    MIDDLE = "middle"
    HIGH = "high"
    FULL = "full"
    DRAIN = "drain"


_HOLDING = (State.CRITICAL, State.BLOCKED)
_SHEDDING = (State.ELEVATED, *_HOLDING)

_RISING = {
    Signal.LOW: State.NORMAL,
    Signal.MIDDLE: State.ELEVATED,
    Signal.HIGH: State.CRITICAL,
    Signal.FULL: State.BLOCKED,
    Signal.DRAIN: State.DRAINING,
}

TRANSITIONS: dict[State, dict[Signal, State]] = {
    State.NORMAL: _RISING,
    State.ELEVATED: _RISING,
    State.CRITICAL: {**_RISING, Signal.MIDDLE: State.CRITICAL},
    State.BLOCKED: {**_RISING, Signal.MIDDLE: State.CRITICAL, Signal.HIGH: State.BLOCKED},
    State.DRAINING: {level: State.DRAINING for level in Signal if level is not Signal.DRAIN},
}


class Backpressure:
    """The machine and its two watermarks (fractions of the limits)."""

    def __init__(self, low_watermark: float, high_watermark: float) -> None:
        """Begin in NORMAL."""
        self.state = State.NORMAL
        self.transitions: Counter[tuple[State, State]] = Counter()
        self._low = low_watermark
        self._high = high_watermark

    def level(self, pressure: float) -> Signal:
        """Read a pressure as a level."""
        if pressure < self._low:
            return Signal.LOW
        if pressure < self._high:
            return Signal.MIDDLE
        return Signal.HIGH if pressure < 1.0 else Signal.FULL

    def signal(self, signal: Signal) -> bool:
        """Move on ``signal``; return whether the state changed. Raises IllegalTransition, changing nothing."""
        old = self.state
        try:
            new = TRANSITIONS[old][signal]
        except KeyError:
            msg = f"no transition from {old.name} on {signal.name}"
            raise IllegalTransition(msg) from None
        if new is old:
            return False
        self.state = new
        self.transitions[old, new] += 1
        return True

    @property
    def holds_blocking_topics(self) -> bool:
        """Whether partitions of ``block`` topics are held."""
        return self.state in _HOLDING

    @property
    def sheds_samples(self) -> bool:
        """Whether ``sample`` topics keep only 1 in N."""
        return self.state in _SHEDDING

    @property
    def flushes_at_once(self) -> bool:
        """Whether a part-filled batch no longer waits for its interval."""
        return self.state is not State.NORMAL
