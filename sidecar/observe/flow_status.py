"""The ``/status/flow`` document: what the flush control chose, what it knows, and why it decided as it did. docs/FLOW-CONTROL.md tells the formulas.

Latest decision first. Rounded for people; what is not known is null.
"""

from __future__ import annotations

from sidecar.core.cost_fit import Cost
from sidecar.core.decisions import Decision, Dial
from sidecar.core.snapshot import FlowView, SearchView
from sidecar.runtime.report import Report


def flow_status(report: Report, now: float) -> dict[str, object]:
    """Describe the flush control at ``now`` (monotonic seconds)."""
    flow, search = report.engine.flow, report.engine.search
    return {
        "dials": _dials(flow),
        "cost": cost_of(search.cost),
        "concurrency": _concurrency(flow, search),
        "window": {"seconds": _since(search.window_began, now), "flushes": search.window_flushes},
        "turns": _turns(search),
        "decisions": [decision_of(decision, now) for decision in reversed(search.decisions)],
    }


def _dials(flow: FlowView) -> dict[str, object]:
    return {
        Dial.BATCH.value: flow.batch_records,
        Dial.INTERVAL.value: _rounded(flow.interval),
        Dial.CONCURRENCY.value: flow.concurrency_limit,
    }


def cost_of(cost: Cost | None) -> dict[str, object] | None:
    """Describe the fitted cost of a flush (None: not known yet)."""
    if cost is None:
        return None
    return {
        "fixed_seconds": round(cost.fixed, 6),
        "per_record_seconds": round(cost.per_record, 9),
        "per_record_error_seconds": round(cost.error, 9),
        "flushes": round(cost.samples),
    }


def _concurrency(flow: FlowView, search: SearchView) -> dict[str, object]:
    return {
        "limit": flow.concurrency_limit,
        "allowed_now": flow.allowed,
        "in_flight": flow.flushes_in_flight,
        "most": flow.max_in_flight,
        "per_partition": flow.per_partition,
        "ceiling": search.ceiling,
        "base": _rounded(search.base),
        "slowdown": _rounded(search.slowdown),
        "queued_downstream": round(search.queue, 1),
        "probing": search.probing,
    }


def _turns(search: SearchView) -> dict[str, dict[str, int]]:
    return {
        dial.value: {way: count for (name, way), count in search.turns.items() if name == dial.value}
        for dial in Dial
        if search.turns
    }


def decision_of(decision: Decision, now: float) -> dict[str, object]:
    """Describe a decision at ``now`` (monotonic seconds)."""
    return {
        "seconds_ago": _rounded(now - decision.at),
        "dial": decision.dial.value,
        "before": round(decision.before, 3),
        "after": round(decision.after, 3),
        "reason": decision.reason,
    }


def _since(began: float | None, now: float) -> float | None:
    return None if began is None else _rounded(now - began)


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 3)
