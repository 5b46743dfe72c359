"""Adaptive request concurrency in the manner of Vector (its adaptive_concurrency controller): a running mean and deviation of past latencies decide."""

from __future__ import annotations

from math import sqrt

from tests.scenarios.law import Ended
from tests.scenarios.rivals.searching import Searching

ALPHA = 0.4
DEVIATIONS = 2.5
DOWN = 0.9


class Vector(Searching):
    """One step a mean latency: +1 where the limit was reached and the latency is not above the past, ×0.9 where it is by 2.5 deviations, or something failed."""

    def __init__(self, most: int) -> None:
        super().__init__(1, most)
        self._mean: float | None = None
        self._variance = 0.0
        self._sum, self._count = 0.0, 0
        self._next = 0.0
        self._full = self._pressed = False

    def started(self, _number: int, running: int, _now: float) -> None:
        self._full |= running >= int(self.level)

    def learn(self, ended: Ended, now: float) -> None:
        self._pressed |= ended.failed or ended.refused
        if not (ended.failed or ended.refused):
            self._sum += ended.seconds
            self._count += 1
        if now < self._next:
            return
        current = self._sum / self._count if self._count else None
        self._step(current)
        if current is not None:
            self._remember(current)
        self._next = now + (self._mean or 0.0)
        self._sum, self._count, self._full, self._pressed = 0.0, 0, False, False

    def _step(self, current: float | None) -> None:
        if self._mean is None:
            return
        if self._full and not self._pressed and current is not None and current <= self._mean:
            self.level += 1
        elif self._pressed or (current or 0.0) >= self._mean + DEVIATIONS * sqrt(self._variance):
            self.level = int(self.level * DOWN)

    def _remember(self, current: float) -> None:
        if self._mean is None:
            self._mean = current
            return
        away = current - self._mean
        self._mean += ALPHA * away
        self._variance = (1 - ALPHA) * (self._variance + ALPHA * away * away)
