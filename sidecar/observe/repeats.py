"""Says a thing that repeats at once, then at most once an interval, with how often it happened meanwhile. Time is an argument.

:meth:`Repeats.overdue` says what a fallen-silent key has left unsaid, and forgets the key after a silent interval. The number of keys
is bounded, since reasons come from outside: beyond :data:`MAX_KEYS` the oldest gives way, and what it had left unsaid goes with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

MAX_KEYS = 1000

T = TypeVar("T")


@dataclass(slots=True)
class Line(Generic[T]):
    """The last occurrence or what stands for all, how many it stands for, and the sum of their ``amount``."""

    last: T
    repeated: int = 0
    amount: int = 0


@dataclass(slots=True)
class _Window(Generic[T]):
    since: float
    unsaid: Line[T]


class Repeats(Generic[T]):
    """Collects occurrences by key."""

    def __init__(self, interval: float, together: Callable[[T, T], T] = lambda _before, after: after) -> None:
        """Say each key at most once in ``interval`` seconds; ``together`` returns what stands for two occurrences, the later one if nothing else is said."""
        self._interval = interval
        self._together = together
        self._windows: dict[object, _Window[T]] = {}

    def add(self, key: object, occurrence: T, amount: int, now: float) -> Line[T] | None:
        """Take note of an occurrence; return the line to say now, or None while it is too soon."""
        window = self._windows.get(key)
        is_new = window is None
        if window is None:
            self._make_room()
            window = self._windows[key] = _Window(now, Line(occurrence))
        line = window.unsaid
        line.last = self._together(line.last, occurrence) if line.repeated else occurrence
        line.repeated += 1
        line.amount += amount
        return self._say(window, now) if is_new or now - window.since >= self._interval else None

    def overdue(self, now: float) -> list[Line[T]]:
        """Return the lines of keys whose interval is over, and forget those that have none."""
        over = [(key, window) for key, window in self._windows.items() if now - window.since >= self._interval]
        for key, window in over:
            if not window.unsaid.repeated:
                del self._windows[key]
        return [self._say(window, now) for _key, window in over if window.unsaid.repeated]

    def _say(self, window: _Window[T], now: float) -> Line[T]:
        line = window.unsaid
        window.since, window.unsaid = now, Line(line.last)
        return line

    def _make_room(self) -> None:
        if len(self._windows) >= MAX_KEYS:
            del self._windows[next(iter(self._windows))]
