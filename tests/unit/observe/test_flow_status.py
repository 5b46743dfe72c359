from __future__ import annotations

import json
from dataclasses import replace

from sidecar.core.cost_fit import Cost
from sidecar.core.decisions import Decision, Dial
from sidecar.core.snapshot import SearchView
from sidecar.observe.flow_status import flow_status
from tests.unit.observe.reports import FLOW, NOW, a_report, a_snapshot

KNOWN = SearchView(
    cost=Cost(0.004_123_456, 0.000_002_01, 0.000_000_1, 199.5, 2000.0, 0.008, 0.001),
    base=1.0123,
    slowdown=1.2345,
    queue=1.26,
    probing=True,
    ceiling=15,
    window_began=NOW - 0.1,
    window_flushes=7,
    decisions=(
        Decision(NOW - 20, Dial.BATCH, 500, 625, "an early one"),
        Decision(NOW - 2, Dial.CONCURRENCY, 9, 10, "all 9 are in use and 0.1 of them wait: there is room for more"),
    ),
    turns={("batch", "up"): 5, ("batch", "down"): 1, ("concurrency", "up"): 2, ("concurrency", "down"): 0},
)


def test_it_tells_what_was_chosen_what_is_known_and_why_the_latest_decision_first() -> None:
    flow = replace(FLOW, concurrency_limit=10, allowed=5, flushes_in_flight=4)
    document = flow_status(a_report(a_snapshot(flow=flow, search=KNOWN)), NOW)
    assert json.loads(json.dumps(document)) == document
    assert document == {
        "dials": {"batch": 500, "interval": 0.1, "concurrency": 10},
        "cost": {
            "fixed_seconds": 0.004123,
            "per_record_seconds": 0.00000201,
            "per_record_error_seconds": 0.0000001,
            "flushes": 200,
        },
        "concurrency": {
            "limit": 10,
            "allowed_now": 5,
            "in_flight": 4,
            "most": 8,
            "per_partition": 1,
            "ceiling": 15,
            "base": 1.012,
            "slowdown": 1.234,
            "queued_downstream": 1.3,
            "probing": True,
        },
        "window": {"seconds": 0.1, "flushes": 7},
        "turns": {"batch": {"up": 5, "down": 1}, "interval": {}, "concurrency": {"up": 2, "down": 0}},
        "decisions": [
            {
                "seconds_ago": 2.0,
                "dial": "concurrency",
                "before": 9,
                "after": 10,
                "reason": "all 9 are in use and 0.1 of them wait: there is room for more",
            },
            {"seconds_ago": 20.0, "dial": "batch", "before": 500, "after": 625, "reason": "an early one"},
        ],
    }


def test_what_is_not_known_yet_is_null() -> None:
    document = flow_status(a_report(a_snapshot(search=SearchView())), NOW)
    assert document["cost"] is None
    assert document["decisions"] == []
    assert document["window"] == {"seconds": None, "flushes": 0}
