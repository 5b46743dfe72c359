from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sidecar.core.snapshot import OverflowView, PartitionView, RetryView, Snapshot
from sidecar.observe.scene import Scene, Why, span
from sidecar.observe.trends import NOTHING_KNOWN, PartitionTrend, Rates, Trend
from sidecar.observe.verdicts import Verdict, explain, explain_process
from sidecar.runtime.report import LogEnds
from tests.unit.observe.reports import FLOW, NOW, NOW_MS, ORDERS, a_partition, a_report, a_snapshot, log_ends

BEHIND = a_partition(position=100, committable=70, buffered=20, in_flight=10)
BREAKER_OPEN = replace(FLOW, breaker="open", breaker_reason="connection refused", next_probe_in=3.2)
HALF_OPEN = replace(BREAKER_OPEN, breaker="half_open", next_probe_in=0.0)
SATURATED = replace(FLOW, flushes_in_flight=8)
POISONED = replace(BEHIND, stopped="poison record at offset 70: answered 422", stopped_by="poison")
OUT_OF_RANGE = replace(BEHIND, stopped="offset 70 is not in the log", stopped_by="offset_out_of_range")
FAILED = RetryView("answered 503 Service Unavailable", attempts=4, next_in=8.2, limited=False)
NO_TREND = PartitionTrend(1000.0, 0.0, 0.0, 0.0, None, None, None)
SUSTAINED = Rates(20.0, arriving=4000.0, delivered=2000.0, flush_seconds=0.5, flush_records=200.0)


def retrying(**changes: Any) -> PartitionView:
    return replace(BEHIND, retry=replace(FAILED, **changes))


def holding(*reasons: str) -> PartitionView:
    return replace(BEHIND, holds=reasons)


def a_trend(rates: Rates = NOTHING_KNOWN.rates, **changes: Any) -> Trend:
    return Trend(rates, rates, {ORDERS: replace(NO_TREND, **changes)})


def why(
    view: PartitionView,
    *,
    log_end: int | None = 100,
    trouble: str | None = None,
    trend: Trend = NOTHING_KNOWN,
    silent: float = 0.0,
    **engine: Any,
) -> Why:
    ends = LogEnds({} if log_end is None else {ORDERS: log_end}, NOW)
    return explain(view, Scene(a_report(a_snapshot(view, **engine), trouble=trouble), ends, NOW + silent, trend))


FULL = {"state": "blocked", "utilization": 1.0}
FILLING = {"state": "elevated", "utilization": 0.6}

CASES: list[tuple[PartitionView, dict[str, Any], Verdict, str, dict[str, float | str]]] = [
    # Nothing is missing.
    (a_partition(), {}, Verdict.OK, "every record below offset 100 has its outcome", {"offset": 100}),
    (a_partition(), {"trend": a_trend(quiet_for=9.0)}, Verdict.OK, "below offset 100", {}),
    (a_partition(), {"trend": a_trend(quiet_for=75.0)}, Verdict.IDLE, "none came for 1 min 15 s", {"quiet_seconds": 75.0}),
    (BEHIND, {}, Verdict.OK, "keeps up: 20 records buffered, 10 in flight", {"buffered": 20, "in_flight": 10, "in_kafka": 0}),
    (BEHIND, {"log_end": 150, "trend": a_trend(arriving=50.0)}, Verdict.OK, "keeps up", {"in_kafka": 50}),
    # On the way.
    (BEHIND, {"log_end": 1100}, Verdict.CATCHING_UP, "1,000 offsets still in Kafka", {"in_kafka": 1000}),
    (BEHIND, {"log_end": 151, "trend": a_trend(arriving=50.0)}, Verdict.CATCHING_UP, "51 offsets", {}),
    (BEHIND, {"log_end": 1070, "trend": a_trend(arriving=50.0, settled=150.0)}, Verdict.CATCHING_UP, "in about 10 s", {}),
    (BEHIND, {"log_end": 1070, "trend": a_trend(arriving=150.0, settled=50.0)}, Verdict.CATCHING_UP, "nothing is in the way", {}),
    (a_partition(), {"log_end": 101}, Verdict.CATCHING_UP, "1 offset still", {}),
    # Records that the downstream will never take.
    (replace(BEHIND, letters=2), {}, Verdict.POISON_HEAD, "2 records on the way to the dead-letter topic", {"letters": 2}),
    (
        replace(BEHIND, letters=1, letter_trouble="unknown topic", holds=("dead_letter",)),
        {},
        Verdict.POISON_HEAD,
        "1 record cannot be dead-lettered (unknown topic); nothing is flushed before",
        {"failure": "unknown topic"},
    ),
    # What the downstream does not take goes to another topic.
    (
        holding("overflow"),
        {"overflow": OverflowView(30)},
        Verdict.DOWNSTREAM_SLOW,
        "what the downstream does not take goes to an overflow topic, 30 records now",
        {},
    ),
    (
        replace(BEHIND, diverting=5, holds=("overflow",), overflow_trouble="spare: no such topic"),
        {"overflow": OverflowView(30, "spare: no such topic")},
        Verdict.BROKER_STALL,
        "its overflow topic takes nothing (spare: no such topic), so it waits in Kafka; 20 records buffered",
        {"failure": "spare: no such topic", "overflow_records": 30},
    ),
    # The downstream keeps offsets, and has not told one.
    (holding("position"), {"trend": a_trend(assigned_for=2.0)}, Verdict.REBALANCING, "has not told yet at which offset", {}),
    (holding("position"), {"trend": a_trend(assigned_for=6.0)}, Verdict.DOWNSTREAM_DOWN, "assigned 6.0 s ago", {}),
    # The downstream takes less than Kafka brings.
    (holding("buffer"), {"utilization": 0.83}, Verdict.DOWNSTREAM_SLOW, "83% full", {"utilization": 0.83}),
    (holding("buffer"), {"trend": a_trend(unanswered_for=7.0)}, Verdict.DOWNSTREAM_SLOW, "has had 10 records for 7.0 s", {}),
    (
        holding("room"),
        {"utilization": 0.7},
        Verdict.DOWNSTREAM_SLOW,
        "or of another partition, is larger than",
        {"utilization": 0.7},
    ),
    (BEHIND, {"flow": SATURATED, **FILLING}, Verdict.DOWNSTREAM_SLOW, "60% full: all 8 flushes are in flight", {}),
    (BEHIND, {"flow": SATURATED}, Verdict.OK, "nothing is in the way", {}),
    (BEHIND, FULL, Verdict.DOWNSTREAM_SLOW, "100% full: this partition's flush is under way", {}),
    (replace(BEHIND, in_flight=0), FULL, Verdict.OK, "nothing is in the way", {}),
    (BEHIND, {"trend": a_trend(unanswered_for=12.0)}, Verdict.DOWNSTREAM_SLOW, "for 12 s and has", {"no_outcome_seconds": 12.0}),
    (BEHIND, {"trend": a_trend(no_outcome_for=30.0, unanswered_for=4.9)}, Verdict.OK, "nothing is in the way", {}),
    # It takes as much as it can, and that is not enough: 4,000/s of 0.5 s / 200 records is 10 flushes at once.
    (
        holding("buffer"),
        {"trend": a_trend(SUSTAINED)},
        Verdict.UNDER_PROVISIONED,
        "records arrive at 4,000/s and a flush of 200 takes 0.5 s: that needs 10.0 flushes at once, and 1 may be",
        {"arriving_per_second": 4000.0, "flush_seconds": 0.5, "flush_records": 200.0, "needed_in_flight": 10.0, "allowed": 1},
    ),
    (BEHIND, {"flow": SATURATED, "trend": a_trend(SUSTAINED), **FILLING}, Verdict.UNDER_PROVISIONED, "10.0 flushes", {}),
    (
        holding("buffer"),
        {"trend": a_trend(replace(SUSTAINED, arriving=399.0))},
        Verdict.DOWNSTREAM_SLOW,
        "full",
        {"delivered_per_second": 2000.0},
    ),
    (holding("buffer"), {"trend": a_trend(replace(SUSTAINED, seconds=7.0))}, Verdict.DOWNSTREAM_SLOW, "full", {}),
    (holding("buffer"), {"trend": a_trend(replace(SUSTAINED, flush_seconds=None))}, Verdict.DOWNSTREAM_SLOW, "full", {}),
    (BEHIND, {"trend": a_trend(SUSTAINED)}, Verdict.OK, "keeps up", {}),
    # It fails.
    (
        retrying(),
        {},
        Verdict.DOWNSTREAM_DOWN,
        "the downstream fails (answered 503 Service Unavailable) after 4 attempts, next try in 8.2 s",
        {"failure": "answered 503 Service Unavailable", "attempts": 4, "next_try_seconds": 8.2},
    ),
    (retrying(next_in=None, attempts=1), {}, Verdict.DOWNSTREAM_DOWN, "Unavailable), the next try is under way", {}),
    (retrying(limited=True, failure="answered 429"), {}, Verdict.RATE_LIMITED, "limits the rate (answered 429)", {}),
    (
        holding("breaker"),
        {"flow": BREAKER_OPEN},
        Verdict.DOWNSTREAM_DOWN,
        "(connection refused), next try in 3.2 s",
        {"failure": "connection refused", "breaker": "open", "next_try_seconds": 3.2},
    ),
    (holding("breaker"), {"flow": HALF_OPEN}, Verdict.DOWNSTREAM_DOWN, "it is being probed", {"breaker": "half_open"}),
    (holding("app"), {}, Verdict.DOWNSTREAM_DOWN, "the application is not healthy", {}),
    (
        a_partition(holds=("app",)),
        {"asked_holds": {"app": "answered 500"}},
        Verdict.DOWNSTREAM_DOWN,
        "the application is not healthy (answered 500)",
        {"failure": "answered 500"},
    ),
    # It refuses a record for good.
    (POISONED, {}, Verdict.POISON_HEAD, "poison record at offset 70: answered 422", {"stopped_by": "poison", "offset": 70}),
    (replace(BEHIND, suspects=500), {}, Verdict.POISON_HEAD, "one of the next 500 records", {"suspects": 500, "offset": 70}),
    # A policy, or nobody knows.
    (OUT_OF_RANGE, {}, Verdict.STUCK, "offset 70 is not in the log", {"stopped_by": "offset_out_of_range"}),
    (a_partition(), {"silent": 16.0}, Verdict.STUCK, "the consumer loop has given no sign for 16 s", {"silent_seconds": 16.0}),
    (
        replace(BEHIND, in_flight=0),
        {"trend": a_trend(no_outcome_for=61.0)},
        Verdict.STUCK,
        "no record got an outcome for 1 min 1 s",
        {"no_outcome_seconds": 61.0},
    ),
    (
        replace(BEHIND, in_flight=0),
        {"flow": replace(FLOW, interval=120.0), "trend": a_trend(no_outcome_for=179.0)},
        Verdict.OK,
        "nothing is in the way",
        {},
    ),
    # People.
    (holding("drain"), {"draining": True}, Verdict.HELD_BY_OPERATOR, "the process drains: 20 records buffered", {"buffered": 20}),
    (holding("operator"), {}, Verdict.HELD_BY_OPERATOR, "paused by an operator", {}),
    (holding("quiesce"), {}, Verdict.HELD_BY_OPERATOR, "drained on request", {}),
    # Kafka.
    (BEHIND, {"trouble": "no broker answers"}, Verdict.BROKER_STALL, "no broker answers", {"trouble": "no broker answers"}),
    (a_partition(), {"trouble": "no broker answers"}, Verdict.BROKER_STALL, "no broker answers", {}),
    (
        BEHIND,
        {"log_end": 900, "trend": a_trend(unfetched_for=20.0)},
        Verdict.BROKER_STALL,
        "800 offsets in Kafka, nothing holds the partition, and nothing came for 20 s",
        {"unfetched_seconds": 20.0, "in_kafka": 800},
    ),
    (a_partition(), {"log_end": None, "trend": a_trend(assigned_for=40.0)}, Verdict.BROKER_STALL, "not told for 40 s", {}),
    (a_partition(), {"log_end": None}, Verdict.REBALANCING, "assigned 0.0 s ago", {"assigned_seconds": 0.0}),
    (a_partition(position=None, committable=None), {}, Verdict.REBALANCING, "is not known yet", {}),
    (
        BEHIND,
        {"trend": a_trend(Rates(20.0, rebalances=4))},
        Verdict.REBALANCING,
        "the group changed 4 times in 20 s",
        {"rebalances": 4, "window_seconds": 20.0},
    ),
    (BEHIND, {"trend": a_trend(Rates(20.0, rebalances=3))}, Verdict.OK, "keeps up", {}),
]


@pytest.mark.parametrize(("view", "engine", "expected", "words", "evidence"), CASES)
def test_a_partition_is_explained_in_words_and_numbers(
    view: PartitionView, engine: dict[str, Any], expected: Verdict, words: str, evidence: dict[str, float | str]
) -> None:
    found = why(view, **engine)
    assert found.verdict is expected
    assert words in found.sentence
    assert {**found.evidence, **evidence} == found.evidence
    assert found.evidence


def test_every_verdict_has_its_case() -> None:
    assert {expected for _view, _engine, expected, _words, _evidence in CASES} == set(Verdict)


@pytest.mark.parametrize(
    ("view", "engine", "expected"),
    [
        (replace(POISONED, holds=("drain", "stopped")), {"draining": True}, Verdict.POISON_HEAD),
        (replace(retrying(), holds=("drain", "breaker")), {"draining": True, "flow": BREAKER_OPEN}, Verdict.HELD_BY_OPERATOR),
        (replace(BEHIND, holds=("operator", "app")), {}, Verdict.HELD_BY_OPERATOR),
        (holding("breaker", "buffer"), {"flow": BREAKER_OPEN}, Verdict.DOWNSTREAM_DOWN),
        (replace(retrying(), holds=("buffer",)), {}, Verdict.DOWNSTREAM_DOWN),
        (replace(retrying(), suspects=4), {}, Verdict.POISON_HEAD),
        (holding("buffer"), {"trouble": "no broker answers"}, Verdict.DOWNSTREAM_SLOW),
        (retrying(), {"trouble": "no broker answers"}, Verdict.DOWNSTREAM_DOWN),
        (a_partition(), {"flow": BREAKER_OPEN}, Verdict.OK),
        (POISONED, {"silent": 20.0}, Verdict.STUCK),
    ],
)
def test_of_several_causes_the_one_nearest_to_the_root_is_named(
    view: PartitionView, engine: dict[str, Any], expected: Verdict
) -> None:
    assert why(view, **engine).verdict is expected


def test_a_drain_tells_what_the_downstream_says() -> None:
    assert "; the downstream: answered 503 Service Unavailable" in why(retrying(), draining=True).sentence


def test_a_partition_that_alone_needs_more_than_its_one_flush_is_under_provisioned_too() -> None:
    """1,500/s over all need 3.75 of 4 flushes, but 600/s of this partition need 1.5 and order allows one."""
    views = [replace(BEHIND, tp=ORDERS._replace(partition=number), holds=("buffer",)) for number in range(4)]
    trend = a_trend(replace(SUSTAINED, arriving=1500.0), arriving=600.0)
    scene = Scene(a_report(a_snapshot(*views)), log_ends(100, 100, 100, 100), NOW, trend)
    found = [explain(view, scene) for view in views]
    assert [each.verdict for each in found] == [Verdict.UNDER_PROVISIONED] + [Verdict.DOWNSTREAM_SLOW] * 3
    assert "records of this partition arrive at 600/s" in found[0].sentence
    assert (found[0].evidence["needed_in_flight"], found[0].evidence["allowed"]) == (1.5, 1)


def process(*views: PartitionView, trend: Trend = NOTHING_KNOWN, **report: Any) -> Why:
    ends = log_ends(*[100] * len(views))
    return explain_process(Scene(a_report(a_snapshot(*views), **report), ends, NOW, trend))


def numbered(view: PartitionView, number: int) -> PartitionView:
    return replace(view, tp=ORDERS._replace(partition=number))


def test_the_process_says_how_many_partitions_are_behind_by_how_much_and_why() -> None:
    late = [numbered(replace(retrying(attempts=1), oldest_wall_ms=NOW_MS - 42_000), number) for number in range(3)]
    fine = [numbered(a_partition(), number) for number in range(3, 12)]
    found = process(*late, *fine)
    assert found.verdict is Verdict.DOWNSTREAM_DOWN
    assert found.sentence == (
        "3 of 12 partitions behind by 42 s: the downstream fails (answered 503 Service Unavailable), next try in 8.2 s"
    )
    assert (found.evidence["partitions"], found.evidence["of"], found.evidence["next_try_seconds"]) == (3, 12, 8.2)


def test_the_most_serious_verdict_of_the_partitions_is_that_of_the_process() -> None:
    assert process(a_partition(), numbered(POISONED, 1), numbered(retrying(), 2)).verdict is Verdict.POISON_HEAD


def test_a_single_partition_is_named() -> None:
    assert process(POISONED).sentence.startswith("orders[0] behind by 1 min 0 s: stopped until a restart: poison record")


def test_a_process_on_time_says_so_with_its_pace() -> None:
    trend = Trend(NOTHING_KNOWN.rates, Rates(5.0, delivered=1234.0), {ORDERS: replace(NO_TREND, quiet_for=60.0)})
    found = process(a_partition(), numbered(BEHIND, 1), trend=trend)
    assert (found.verdict, found.sentence) == (Verdict.OK, "on time: 2 partitions (1 idle), 1,234 records/s delivered")


def test_an_idle_process_has_nothing_to_do() -> None:
    found = process(a_partition(), trend=a_trend(quiet_for=60.0))
    assert (found.verdict, found.sentence) == (Verdict.IDLE, "nothing to do: 1 partition delivered to the end")


@pytest.mark.parametrize(
    ("engine", "report", "expected"),
    [
        ({}, {}, Verdict.REBALANCING),
        ({}, {"trouble": "authentication failed"}, Verdict.BROKER_STALL),
        ({"draining": True}, {"trouble": "authentication failed"}, Verdict.HELD_BY_OPERATOR),
        ({}, {"phase": "stopped"}, Verdict.HELD_BY_OPERATOR),
        ({}, {"phase": "drained", "waits_for": "the pod was draining"}, Verdict.HELD_BY_OPERATOR),
        ({}, {"phase": "waiting", "waits_for": "waits for the application"}, Verdict.DOWNSTREAM_DOWN),
        ({}, {"made_at": NOW - 60}, Verdict.STUCK),
        ({}, {"made_at": NOW - 60, "phase": "stopped"}, Verdict.HELD_BY_OPERATOR),
    ],
)
def test_a_process_without_partitions_says_why(engine: dict[str, Any], report: dict[str, Any], expected: Verdict) -> None:
    nothing: Snapshot = replace(a_snapshot(), partitions=(), **engine)
    assert explain_process(Scene(a_report(nothing, **report), None, NOW)).verdict is expected


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (9.96, "10 s"), (59.6, "1 min 0 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")],
)
def test_durations_are_written_for_people(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_docs_explain_every_verdict_in_the_order_of_the_list() -> None:
    document = (Path(__file__).parents[3] / "docs" / "STATUS.md").read_text(encoding="utf-8")
    table = document.split("## Verdicts", 1)[1]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == [verdict.value for verdict in Verdict]
