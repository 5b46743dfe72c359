"""The circuit breaker in front of the downstream: every state and every transition, in this file only.

::

           systemic, tripped            probe due
      CLOSED ───────────▶ OPEN ──────────────────────▶ HALF_OPEN
        ▲                  ▲  systemic, failure (of the probe)  │
        │                  └────────────────────────────────────┤
        └───────────────────────────── success (of the probe) ──┘

While it is OPEN nothing is sent and partitions are held. In HALF_OPEN one small real batch is sent. Answers to flushes that
began before it opened say nothing about now: OPEN ignores them, and in HALF_OPEN the caller passes on the probe's answer only.
The wait doubles with each opening without a delivery in between, from 0.5 s to at most ``max_wait`` and 15 s, with equal jitter.

It is *tripped* when half or more of the answers of the last ten seconds were failures, of ten answers or more. That a downstream limits the rate is no failure:
it is well, and says so.
"""

from __future__ import annotations

import enum
from collections import deque
from random import Random

from sidecar.core.errors import IllegalTransition

FIRST_WAIT = 0.5
LONGEST_WAIT = 15.0
"""Bounds how long a healed downstream stays unused; seconds."""


WINDOW = 10.0
FEWEST_ANSWERS = 10
MOST_ANSWERS = 100
FAILED_SHARE = 0.5
"""The answers that are looked at: of so many seconds, at least and at most so many; and which share of failures trips the breaker."""


class BreakerState(enum.Enum):
    """Whether flushes may start."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class BreakerSignal(enum.Enum):
    """What moves the breaker."""

    SUCCESS = "success"
    FAILURE = "failure"
    SYSTEMIC = "systemic"
    TRIPPED = "tripped"
    PROBE_DUE = "probe_due"


_S, _B = BreakerSignal, BreakerState

TRANSITIONS: dict[BreakerState, dict[BreakerSignal, BreakerState]] = {
    _B.CLOSED: {_S.SUCCESS: _B.CLOSED, _S.FAILURE: _B.CLOSED, _S.SYSTEMIC: _B.OPEN, _S.TRIPPED: _B.OPEN},
    _B.OPEN: {_S.SUCCESS: _B.OPEN, _S.FAILURE: _B.OPEN, _S.SYSTEMIC: _B.OPEN, _S.PROBE_DUE: _B.HALF_OPEN},
    _B.HALF_OPEN: {_S.SUCCESS: _B.CLOSED, _S.FAILURE: _B.OPEN, _S.SYSTEMIC: _B.OPEN},
}


class Breaker:
    """The breaker, its reason, and when it will next let a probe through."""

    def __init__(self, max_wait: float, random: Random) -> None:
        """Begin CLOSED; ``max_wait`` in seconds bounds the wait between probes."""
        self.state = BreakerState.CLOSED
        self.reason: str | None = None
        self.probe_at: float | None = None
        self._openings = 0
        self._answers: deque[tuple[float, bool]] = deque()
        self._max_wait = min(max_wait, LONGEST_WAIT)
        self._random = random

    def signal(self, signal: BreakerSignal, now: float, reason: str | None = None) -> bool:
        """Move on ``signal``; return whether the state changed. Raises IllegalTransition, changing nothing."""
        old = self.state
        new = TRANSITIONS[old].get(signal)
        if new is None:
            msg = f"no transition from {old.name} on {signal.name}"
            raise IllegalTransition(msg)
        if new is old:
            return False
        self.state = new
        if new is BreakerState.OPEN:
            self._open(now, reason)
        elif new is BreakerState.CLOSED:
            self.reason = None
            self._answers.clear()
        return True

    def delivered(self) -> None:
        """Take note that records were taken: the next opening waits as short as the first. That it answers at all is not enough."""
        self._openings = 0

    def note(self, *, failed: bool, now: float) -> bool:
        """Take note of an answer while CLOSED; return whether too many of the latest were failures."""
        answers = self._answers
        answers.append((now, failed))
        while answers[0][0] <= now - WINDOW or len(answers) > MOST_ANSWERS:
            answers.popleft()
        return failed and len(answers) >= FEWEST_ANSWERS and sum(bad for _, bad in answers) >= FAILED_SHARE * len(answers)

    def hasten(self, at: float) -> None:
        """Probe no later than ``at`` (a drain has no time to lose)."""
        if self.probe_at is not None:
            self.probe_at = min(self.probe_at, at)

    def is_probe_due(self, now: float) -> bool:
        """Whether it is OPEN and its wait is over."""
        return self.state is BreakerState.OPEN and self.probe_at is not None and now >= self.probe_at

    def _open(self, now: float, reason: str | None) -> None:
        ceiling = min(self._max_wait, FIRST_WAIT * 2 ** min(self._openings, 10))
        self._openings += 1
        self.reason = reason
        self.probe_at = now + ceiling * (0.5 + 0.5 * self._random.random())
