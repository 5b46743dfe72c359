from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from sidecar.observe.scene import Scene
from sidecar.observe.status import status
from sidecar.runtime.report import DrainView
from tests.unit.observe.reports import BOOKS, FLOW, NOW, NOW_MS, a_partition, a_report, a_snapshot, log_ends


def test_it_is_plain_json_in_a_fixed_order() -> None:
    document = status(Scene(a_report(), log_ends(100), NOW + 0.25), NOW_MS)
    assert json.loads(json.dumps(document)) == document
    assert list(document)[:5] == ["phase", "state", "why", "lag", "books"]
    assert list(document)[-1] == "partitions"


def test_a_partition_shows_its_offsets_its_lag_and_why() -> None:
    view = a_partition(committed=60, committable=70, buffered=20, in_flight=10, oldest_wall_ms=NOW_MS - 1234, holds=("buffer",))
    document = status(Scene(a_report(a_snapshot(view, utilization=0.9)), log_ends(130), NOW), NOW_MS)
    assert document["partitions"] == [
        {
            "topic": "orders",
            "partition": 0,
            "position": 100,
            "committed": 60,
            "committable": 70,
            "log_end": 130,
            "lag_records": 60,
            "lag_seconds": 1.234,
            "buffered": 20,
            "in_flight": 10,
            "diverting": 0,
            "held": True,
            "holds": ["buffer"],
            "why": {
                "verdict": "downstream_slow",
                "sentence": "the buffer is 90% full: the downstream takes less than Kafka brings; 20 records buffered, 10 in flight",
                "evidence": {"utilization": 0.9, "buffered": 20, "in_flight": 10, "in_kafka": 30},
            },
        }
    ]


def test_the_books_show_totals_by_reason_and_their_balance() -> None:
    books = replace(
        BOOKS,
        polled={"orders": 100, "clicks": 20},
        delivered={"orders": 90, "clicks": 11},
        dropped={("orders", "sample"): 6, ("clicks", "sample"): 4, ("clicks", "expired"): 1},
        diverted={("clicks", "expired"): 1},
        buffered=3,
        in_flight=1,
    )
    document = status(Scene(a_report(a_snapshot(books=books)), None, NOW), NOW_MS)
    assert document["books"] == {
        "polled": 120,
        "delivered": 101,
        "dead_lettered": 0,
        "dropped": {"expired": 1, "sample": 10},
        "diverted": {"expired": 1},
        "released": {"revoked": 4},
        "buffered": 3,
        "in_flight": 1,
        "unaccounted": 0,
    }


def test_the_total_lag_sums_records_and_takes_the_largest_age() -> None:
    views = [
        a_partition(
            tp=a_partition().tp._replace(partition=number),
            committable=90,
            in_flight=10,
            oldest_wall_ms=NOW_MS - 1000 * (number + 1),
        )
        for number in range(3)
    ]
    document = status(Scene(a_report(a_snapshot(*views)), log_ends(100, 110), NOW), NOW_MS)
    assert document["lag"] == {"records": 30, "seconds": 3.0}


def test_what_is_not_known_is_null() -> None:
    document = status(Scene(a_report(last_delivery_wall=None), None, NOW), NOW_MS)
    assert document["lag"] == {"records": None, "seconds": None}
    assert document["seconds_since_delivery"] is None
    assert document["breaker"] == {"state": "closed", "reason": None, "next_probe_seconds": None}


def test_only_an_open_breaker_has_a_next_probe() -> None:
    for breaker in ("closed", "half_open"):
        flow = replace(FLOW, breaker=breaker, breaker_reason=None, next_probe_in=0.0)
        document = status(Scene(a_report(a_snapshot(flow=flow)), log_ends(100), NOW), NOW_MS)
        assert document["breaker"] == {"state": breaker, "reason": None, "next_probe_seconds": None}


def test_numbers_are_rounded_for_people() -> None:
    flow = replace(FLOW, interval=0.123456, breaker="open", next_probe_in=1.98765)
    document = status(Scene(a_report(a_snapshot(flow=flow, utilization=1 / 3)), log_ends(100), NOW + 0.98765), NOW_MS)
    flow_part, buffer, breaker = document["flow"], document["buffer"], document["breaker"]
    assert isinstance(flow_part, dict)
    assert isinstance(buffer, dict)
    assert isinstance(breaker, dict)
    assert flow_part["interval_seconds"] == 0.123
    assert buffer["utilization"] == 0.333
    assert breaker["next_probe_seconds"] == 1.988
    assert document["heartbeat_seconds"] == 0.988


def test_docs_tell_every_field() -> None:
    text = (Path(__file__).parents[3] / "docs" / "STATUS.md").read_text(encoding="utf-8")
    document = status(Scene(a_report(), log_ends(100), NOW), NOW_MS)
    partitions = document["partitions"]
    assert isinstance(partitions, list)
    missing = [name for name in [*document, *partitions[0]] if f"`{name}" not in text and name not in ("topic", "partition")]
    assert not missing


def test_a_drain_tells_how_it_stands_and_what_was_asked_for_tells_why() -> None:
    running = a_report(
        a_snapshot(asked_holds={"app": "503"}), drain=DrainView("quiesce", NOW - 2.5, None), waits_for="the application"
    )
    document = status(Scene(running, None, NOW), NOW_MS)
    assert document["drain"] == {"kind": "quiesce", "done": False, "expired": False, "seconds": 2.5}
    assert (document["holds"], document["waits_for"]) == ({"app": "503"}, "the application")
    done = status(Scene(a_report(drain=DrainView("terminal", NOW - 5, NOW - 1, expired=True)), None, NOW), NOW_MS)
    assert done["drain"] == {"kind": "terminal", "done": True, "expired": True, "seconds": 4.0}
