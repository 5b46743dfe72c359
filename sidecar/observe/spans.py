"""What lasts: how long partitions were held and why, and how drains went. Followed from report to report, which come about twice a second at least.

A quiesce counts as a drain. A quiesce that becomes a drain is one with it: the process ends in any case.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sidecar.core.hold_reasons import HoldReason
from sidecar.runtime.report import Report

DRAINED, EXPIRED = "drained", "expired"


@dataclass(frozen=True, slots=True)
class Spans:
    """Totals so far; ``drain_seconds`` is of the drain under way or of the last one (0: there was none).

    ``drain_began`` is when that began, on the monotonic clock; ``drain_open`` tells that it has no result yet.
    """

    hold_seconds: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys((reason.value for reason in HoldReason), 0.0))
    drains: Mapping[str, int] = field(default_factory=lambda: {DRAINED: 0, EXPIRED: 0})
    drain_seconds: float = 0.0
    drain_began: float | None = None
    drain_open: bool = False


def after(spans: Spans, last: Report | None, report: Report) -> Spans:
    """Return the spans once ``report`` has followed ``last``."""
    return _follow_drain(_follow_holds(spans, last, report), report)


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


def _follow_drain(spans: Spans, report: Report) -> Spans:
    """Time the drain that is on, and count it once it has a result; one that goes without having got one has expired."""
    drain = report.drain
    if drain is None:
        return _ended(spans, EXPIRED) if spans.drain_open else spans
    if drain.began_at != spans.drain_began:
        spans = replace(spans, drain_began=drain.began_at, drain_open=True)
    if not spans.drain_open:
        return spans
    until = report.made_at if drain.done_at is None else drain.done_at
    spans = replace(spans, drain_seconds=max(0.0, until - drain.began_at))
    if drain.done_at is None:
        return spans
    return _ended(spans, EXPIRED if drain.expired else DRAINED)


def _ended(spans: Spans, result: str) -> Spans:
    return replace(spans, drain_open=False, drains={**spans.drains, result: spans.drains[result] + 1})
