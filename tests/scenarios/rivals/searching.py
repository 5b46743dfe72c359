"""What the rivals have in common: a level between 1 and the most, moved by each flush that ends. They choose no sizes."""

from __future__ import annotations

from abc import abstractmethod

from tests.scenarios.law import Ended, Law


class Searching(Law):
    """A law with a ``level``, of which the whole part is the limit."""

    def __init__(self, first: int, most: int) -> None:
        self.level = float(min(first, most))
        self._most = most

    @abstractmethod
    def learn(self, ended: Ended, now: float) -> None:
        """Move the level, to anywhere."""

    def limit(self, _now: float) -> int:
        return int(self.level)

    def size(self, _running: int) -> int:
        raise NotImplementedError

    def started(self, _number: int, _running: int, _now: float) -> None:
        """Take no note."""

    def ended(self, _number: int, ended: Ended, now: float) -> None:
        self.learn(ended, now)
        self.level = max(1.0, min(self._most, self.level))
