"""Whether the application is healthy, asked by a thread of its own; the loop hears of each change once, by its queue.

It is healthy after so many checks in a row that passed, and is not after one that failed: to hold is cheap, and what is here is still delivered.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from sidecar.runtime.commands import AppChanged


@dataclass(frozen=True, slots=True)
class Checking:
    """How often, how long, and how many times; the times in seconds."""

    interval: float
    timeout: float
    healthy_after: int


class Streak:
    """Makes changes out of checks."""

    def __init__(self, healthy_after: int) -> None:
        """Begin without knowing anything."""
        self._healthy_after = healthy_after
        self._passed = 0
        self._healthy: bool | None = None

    def add(self, trouble: str | None) -> AppChanged | None:
        """Take a check that found ``trouble`` (None: it passed); return the change that it makes."""
        self._passed = 0 if trouble is not None else self._passed + 1
        if trouble is not None and self._healthy is not False:
            self._healthy = False
            return AppChanged(trouble)
        if self._passed >= self._healthy_after and not self._healthy:
            self._healthy = True
            return AppChanged(None)
        return None


class AppHealthWatch:
    """Asks, and tells."""

    def __init__(self, check: Callable[[float], str | None], checking: Checking, tell: Callable[[AppChanged], None]) -> None:
        """``check`` gets its time-out in seconds; it returns what is wrong, None when the application is healthy."""
        self._check = check
        self._checking = checking
        self._tell = tell
        self._streak = Streak(checking.healthy_after)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="app-health", daemon=True)

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    def stop(self) -> None:
        """Ask no more; a check that is under way is not waited for."""
        self._over.set()

    def _run(self) -> None:
        while True:
            change = self._streak.add(self._check(self._checking.timeout))
            if change is not None:
                self._tell(change)
            if self._over.wait(self._checking.interval):
                return
