"""The pulse: once a second, on a thread of its own, it shows the newest report to :class:`~sidecar.observe.trends.Trends`.

Not on the loop's thread, which has records to move, and not when somebody asks: a scrape comes every half minute, and rates need the
reports in between. Others read :attr:`Pulse.trend`, which is swapped whole.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from sidecar.observe.trends import NOTHING_KNOWN, Trend, Trends
from sidecar.runtime.report import LogEnds, Report

EVERY = 1.0


class Pulse:
    """Keeps :attr:`trend` fresh."""

    def __init__(self, report: Callable[[], Report | None], log_ends: Callable[[], LogEnds | None]) -> None:
        """Read the newest ``report`` and ``log_ends``."""
        self.trend: Trend = NOTHING_KNOWN
        self._report = report
        self._log_ends = log_ends
        self._trends = Trends()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End it; it is at rest nearly always."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(EVERY):
            self.beat()

    def beat(self) -> None:
        """Take one look."""
        report = self._report()
        if report is not None:
            self.trend = self._trends.add(report, self._log_ends())
