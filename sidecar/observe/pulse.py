"""The pulse: once a second, on a thread of its own, it shows the newest report to :class:`~sidecar.observe.trends.Trends`.

Not on the loop's thread, which has records to move, and not when somebody asks: a scrape comes every half minute, and rates need the
reports in between. It also keeps one point a second for the live page's charts, the last :data:`POINTS` of them, so that who opens
the page sees what led to the present. Others read :attr:`Pulse.trend` and :attr:`Pulse.points`, which are swapped whole.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NamedTuple

from sidecar.observe.lag import Lag, end_of, lag_of, total_lag
from sidecar.observe.trends import NOTHING_KNOWN, Trend, Trends
from sidecar.runtime.report import LogEnds, Report

EVERY = 1.0

POINTS = 600
"""Ten minutes, of a few hundred bytes each."""


class Point(NamedTuple):
    """One moment of the charts: ``at`` in Unix seconds, rates in records a second, the rest as :class:`~sidecar.observe.trends.Rates`.

    ``at_once`` is how many flushes are in flight on average (by Little's law, flushes a second times their seconds), now while none came back.
    """

    at: float
    lag_seconds: float | None
    lag_records: int | None
    arriving: float | None
    delivered: float | None
    dropped: float
    utilization: float
    flush_p50: float | None
    flush_p99: float | None
    batch_records: int
    at_once: float
    polling: float
    waiting: float
    working: float


class Pulse:
    """Keeps :attr:`trend` and :attr:`points` fresh."""

    def __init__(self, report: Callable[[], Report | None], log_ends: Callable[[], LogEnds | None]) -> None:
        """Read the newest ``report`` and ``log_ends``."""
        self.trend: Trend = NOTHING_KNOWN
        self.points: tuple[Point, ...] = ()
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
        report, ends = self._report(), self._log_ends()
        if report is None:
            return
        self.trend = self._trends.add(report, ends)
        point = point_of(report, _lag(report, ends), self.trend)
        if not self.points or self.points[-1].at != point.at:
            self.points = (*self.points[-POINTS + 1 :], point)


def point_of(report: Report, lag: Lag, trend: Trend) -> Point:
    """Return the charts' point of ``report``, whose total lag is ``lag``."""
    rates, flow = trend.latest, report.engine.flow
    return Point(
        at=report.wall_ms / 1000,
        lag_seconds=lag.seconds,
        lag_records=lag.records,
        arriving=rates.arriving,
        delivered=rates.delivered,
        dropped=sum(rates.dropped.values()),
        utilization=report.engine.utilization,
        flush_p50=rates.flush_p50,
        flush_p99=rates.flush_p99,
        batch_records=flow.batch_records,
        at_once=rates.flushes * rates.flush_seconds if rates.flushes and rates.flush_seconds else flow.flushes_in_flight,
        polling=rates.loop.get("polling", 0.0),
        waiting=rates.loop.get("waiting", 0.0),
        working=rates.loop.get("working", 0.0),
    )


def _lag(report: Report, ends: LogEnds | None) -> Lag:
    return total_lag(lag_of(view, end_of(ends, view), report.wall_ms) for view in report.engine.partitions)
