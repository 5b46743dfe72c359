"""Time as the controller sees it: an argument, so that a test can turn the hands itself."""

from __future__ import annotations

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """Monotonic seconds, and waiting on them."""

    def now(self) -> float:
        """Return monotonic seconds, never going back."""
        ...

    def wait_until(self, condition: threading.Condition, deadline: float | None) -> None:
        """Wait on ``condition``, whose lock the caller holds, until it is notified or ``deadline`` has come (None: no deadline)."""
        ...


class SystemClock:
    """The clock of the machine."""

    def now(self) -> float:
        """Return the monotonic time in seconds."""
        return time.monotonic()

    def wait_until(self, condition: threading.Condition, deadline: float | None) -> None:
        """Wait as :class:`Clock` says."""
        condition.wait(None if deadline is None else min(max(0.0, deadline - self.now()), threading.TIMEOUT_MAX))
