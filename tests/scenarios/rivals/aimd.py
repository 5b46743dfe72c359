"""Additive increase, multiplicative decrease by latency (after Chiu and Jain, 1989): +1 a window, ×0.8 where its median is above twice the least latency of 30 s."""

from __future__ import annotations

from collections import deque
from statistics import median

from tests.scenarios.law import Ended
from tests.scenarios.rivals.searching import Searching

SECONDS = 0.25
FLUSHES = 12
MEMORY = 30.0
FACTOR = 2.0
DOWN = 0.8


class Aimd(Searching):
    """One step a window."""

    def __init__(self, most: int) -> None:
        super().__init__(1, most)
        self._window: list[float] = []
        self._began = 0.0
        self._full = self._failed = False
        self._least: deque[tuple[float, float]] = deque()

    def learn(self, ended: Ended, now: float) -> None:
        self._full |= ended.running >= int(self.level)
        self._failed |= ended.failed or ended.refused
        self._window.append(ended.seconds)
        self._note(ended.seconds, now)
        if len(self._window) >= FLUSHES and now - self._began >= SECONDS:
            self._step()
            self._window, self._began, self._full, self._failed = [], now, False, False

    def _step(self) -> None:
        if self._failed or median(self._window) > FACTOR * self._least[0][1]:
            self.level *= DOWN
        elif self._full:
            self.level += 1

    def _note(self, seconds: float, now: float) -> None:
        """Keep the least latency of the memory at the front."""
        while self._least and self._least[-1][1] >= seconds:
            self._least.pop()
        self._least.append((now, seconds))
        while self._least[0][0] < now - MEMORY:
            self._least.popleft()
