"""Vegas as in Netflix's concurrency-limits (VegasLimit): the least latency seen, taken anew after some 30·limit flushes, is the one without a queue."""

from __future__ import annotations

from math import ceil, log10
from random import Random

from tests.scenarios.law import Ended
from tests.scenarios.rivals.searching import Searching

FIRST = 20
PROBE = 30


class Vegas(Searching):
    """One step a flush: by 6 log L up without a queue, by log L up with a short one and down with a long one."""

    def __init__(self, most: int, random: Random) -> None:
        super().__init__(FIRST, most)
        self._random = random
        self._least: float | None = None
        self._count = 0
        self._jitter = random.uniform(0.5, 1.0)

    def learn(self, ended: Ended, _now: float) -> None:
        self._count += 1
        if self._count >= self._jitter * PROBE * self.level:
            self._count, self._jitter, self._least = 0, self._random.uniform(0.5, 1.0), ended.seconds
        elif self._least is None or ended.seconds < self._least:
            self._least = ended.seconds
        else:
            self._step(ended, self._least)

    def _step(self, ended: Ended, least: float) -> None:
        unit = max(1, int(log10(int(self.level))))
        queue = ceil(self.level * (1 - least / ended.seconds))
        if ended.failed or ended.refused:
            self.level -= unit
        elif ended.running * 2 < self.level:
            return
        elif queue <= unit:
            self.level += 6 * unit
        elif queue < 3 * unit:
            self.level += unit
        elif queue > 6 * unit:
            self.level -= unit
