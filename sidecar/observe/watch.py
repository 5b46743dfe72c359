"""The watch: everything that looks at the loop, behind :class:`sidecar.runtime.observer.Observer`.

The loop's thread calls it; other threads read :attr:`Watch.report` and :attr:`Watch.spans`, which are swapped whole, and :attr:`Watch.drops`, which has a lock.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from sidecar.core.actions import Action, Dropped
from sidecar.core.records import Chunk, TopicPartition
from sidecar.core.results import Result
from sidecar.observe import spans
from sidecar.observe.drop_record import DropRecord
from sidecar.observe.flush_stats import FlushStats, outcome_of
from sidecar.observe.log_actions import Log, LogActions
from sidecar.observe.unreadable import UnreadableHeaders
from sidecar.runtime.report import FlushCounts, Report


class Watch:
    """Counts, logs, and keeps the last report."""

    def __init__(self, log: Log, wall: Callable[[], float]) -> None:
        """``wall`` is the Unix time in seconds."""
        self.report: Report | None = None
        self.spans = spans.Spans()
        self._log = log
        self._wall = wall
        self.drops = DropRecord(wall)
        self._actions = LogActions(log)
        self._unreadable = UnreadableHeaders(log)
        self._flushes = FlushStats()
        self._last_delivery: float | None = None

    def acted(self, actions: Sequence[Action], now: float) -> None:
        """Log them, and keep what was dropped in mind."""
        for action in actions:
            if isinstance(action, Dropped):
                self.drops.note(action)
        self._actions.log(actions, now)

    def flushed(self, result: Result, seconds: float, records: int) -> None:
        """Count the flush."""
        self._flushes.flush(outcome_of(result), seconds, records)

    def landed(self, chunks: Sequence[Chunk]) -> None:
        """Count the records' ages."""
        self._last_delivery = self._wall()
        self._flushes.landed(chunks, int(self._last_delivery * 1000))

    def event(self, name: str, **fields: object) -> None:
        """Log it."""
        self._log.info(name, **fields)

    def trouble(self, name: str, **fields: object) -> None:
        """Log it as a warning."""
        self._log.warning(name, **fields)

    @property
    def last_delivery_wall(self) -> float | None:
        """When something was last delivered."""
        return self._last_delivery

    def counts(self) -> FlushCounts:
        """Return the totals of flushes."""
        return self._flushes.counts()

    def publish(self, report: Report) -> None:
        """Keep it, and log what was held back to be counted; with the last one everything, so that numbers add up over the lines."""
        self.spans = spans.after(self.spans, self.report, report)
        self.report = report
        now = math.inf if report.phase == "stopped" else report.made_at
        self._actions.catch_up(now)
        self._unreadable.log(report.unreadable_headers, now)

    def assigned(self) -> list[TopicPartition]:
        """Return the partitions of the last report."""
        return [] if self.report is None else [view.tp for view in self.report.engine.partitions]
