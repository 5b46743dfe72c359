"""Progress on standard error: a bar that is drawn again and again on a terminal, else a line now and then."""

from __future__ import annotations

from collections.abc import Callable
from typing import TextIO

WIDTH = 30
EVERY = 0.1
"""Seconds between two drawings of the bar."""
EVERY_LINE = 10.0
"""Seconds between two lines."""


class Progress:
    """Counts up to ``total``."""

    def __init__(self, out: TextIO, total: int, clock: Callable[[], float]) -> None:
        """Draw on ``out``; ``clock`` is monotonic."""
        self._out = out
        self._total = total
        self._clock = clock
        self._is_terminal = out.isatty()
        self._count = 0
        self._drawn_at = clock()

    def advance(self, count: int) -> None:
        """Count so many more."""
        self._count += count
        if self._clock() - self._drawn_at >= (EVERY if self._is_terminal else EVERY_LINE):
            self._drawn_at = self._clock()
            self._out.write(f"\r{self._bar()}" if self._is_terminal else f"{self._count} of {self._total} letters\n")
            self._out.flush()

    def end(self) -> None:
        """Clear the bar away."""
        if self._is_terminal:
            self._out.write(f"\r{' ' * len(self._bar())}\r")
            self._out.flush()

    def _bar(self) -> str:
        share = min(1.0, self._count / self._total) if self._total else 1.0
        filled = int(share * WIDTH)
        return f"[{'#' * filled}{' ' * (WIDTH - filled)}] {self._count} of {self._total} letters"
