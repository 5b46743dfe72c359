"""Gradient2 as in Netflix's concurrency-limits (Gradient2Limit), here from 1 on: the long-term mean latency is the one without a queue."""

from __future__ import annotations

from tests.scenarios.law import Ended
from tests.scenarios.rivals.searching import Searching

FIRST = 20
QUEUE = 4
SMOOTHING = 0.2
TOLERANCE = 1.5
LONG = 600
WARMUP = 10


class Gradient2(Searching):
    """One step a flush, towards gradient · limit + 4."""

    def __init__(self, most: int) -> None:
        super().__init__(FIRST, most)
        self._long = 0.0
        self._count = 0

    def learn(self, ended: Ended, _now: float) -> None:
        if ended.refused:
            self.level /= 2  # its own law knows no refusals; without an answer to them it would not stand in the scenario
            return
        self._remember(ended.seconds)
        if ended.running < self.level / 2:
            return
        gradient = max(0.5, min(1.0, TOLERANCE * self._long / ended.seconds))
        self.level = self.level * (1 - SMOOTHING) + (self.level * gradient + QUEUE) * SMOOTHING

    def _remember(self, seconds: float) -> None:
        self._count += 1
        share = 1 / self._count if self._count <= WARMUP else 2 / (LONG + 1)
        self._long += (seconds - self._long) * share
        if self._long / seconds > 2:
            self._long *= 0.9
