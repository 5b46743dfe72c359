"""What lasts: how long partitions were held and why, and how drains went. Followed from report to report, which come four times a second.

A drain is under way while the process ends (the engine drains) or while its partitions are held for a quiesce. It is *drained* once
nothing is buffered or in flight any more; it is *expired* when it ended, or the process gave records back, before that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sidecar.core.books import ReleaseReason
from sidecar.core.holds import HoldReason
from sidecar.runtime.report import Report

DRAINED, EXPIRED = "drained", "expired"

QUIESCE = "quiesce"
"""The hold of a drain that is not the end of the process."""


@dataclass(frozen=True, slots=True)
class Spans:
    """Totals so far; ``drain_seconds`` is of the drain under way or of the last one (0: there was none).

    ``drain_began`` is on the monotonic clock, None while none is under way; ``drain_open`` tells that it has no result yet.
    """

    hold_seconds: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys((reason.value for reason in HoldReason), 0.0))
    drains: Mapping[str, int] = field(default_factory=lambda: {DRAINED: 0, EXPIRED: 0})
    drain_seconds: float = 0.0
    drain_began: float | None = None
    drain_open: bool = False


def after(spans: Spans, last: Report | None, report: Report) -> Spans:
    """Return the spans once ``report`` has followed ``last``."""
    return _follow_drain(_follow_holds(spans, last, report), last, report)


def _follow_holds(spans: Spans, last: Report | None, report: Report) -> Spans:
    """Count the time between two reports for what was held at the first of them."""
    held = _held(last)
    if last is None or not held:
        return spans
    seconds = report.made_at - last.made_at
    sums = {reason: seconds * partitions for reason, partitions in held.items()}
    return replace(spans, hold_seconds={**spans.hold_seconds, **{r: spans.hold_seconds.get(r, 0.0) + s for r, s in sums.items()}})


def _held(report: Report | None) -> Counter[str]:
    return Counter() if report is None else Counter(reason for view in report.engine.partitions for reason in view.holds)


def _follow_drain(spans: Spans, last: Report | None, report: Report) -> Spans:
    drains = _drains(report)
    if drains and spans.drain_began is None:
        spans = replace(spans, drain_began=report.made_at, drain_open=True)
    if spans.drain_began is None:
        return spans
    if spans.drain_open:
        spans = replace(spans, drain_seconds=report.made_at - spans.drain_began)
        result = _result(last, report, drains=drains)
        if result is not None:
            spans = replace(spans, drain_open=False, drains={**spans.drains, result: spans.drains[result] + 1})
    return spans if drains else replace(spans, drain_began=None)


def _drains(report: Report) -> bool:
    return report.engine.draining or any(QUIESCE in view.holds for view in report.engine.partitions)


def _result(last: Report | None, report: Report, *, drains: bool) -> str | None:
    """Return how the drain ended; None while it goes on."""
    if _given_back(report) > _given_back(last):
        return EXPIRED
    books = report.engine.books
    if books.buffered + books.in_flight == 0:
        return DRAINED
    return None if drains else EXPIRED


def _given_back(report: Report | None) -> int:
    """Return how many records were released because the process ends."""
    if report is None:
        return 0
    return sum(count for (_, reason), count in report.engine.books.released.items() if reason == ReleaseReason.SHUTDOWN.value)
