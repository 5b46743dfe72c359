from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import choose_encoder
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families

from sidecar.core.books import DropReason, ReleaseReason
from sidecar.core.cost_fit import Cost
from sidecar.core.hold_reasons import HoldReason
from sidecar.core.records import TopicPartition
from sidecar.core.snapshot import OverflowView, SearchView
from sidecar.observe.drop_record import INTENT
from sidecar.observe.flush_stats import OUTCOMES, FlushStats
from sidecar.observe.metric_defs import METRICS, document
from sidecar.observe.metrics import Identity, ReportCollector, Sources, make_registry
from sidecar.observe.spans import Spans
from sidecar.observe.trends import NOTHING_KNOWN
from sidecar.runtime.report import LogEnds, Report
from tests.unit.observe.reports import BOOKS, FLOW, NOW, NOW_MS, a_chunk, a_partition, a_report, a_snapshot, log_ends

IDENTITY = Identity("1.2.3", "billing", "c0ffee")
SPANS = Spans(drain_seconds=1.5)

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def registry(
    report: Callable[[], Report | None], ends: LogEnds | None = None, *, per_partition: bool = True
) -> CollectorRegistry:
    made = CollectorRegistry()
    sources = Sources(report, lambda: ends, lambda: NOTHING_KNOWN, lambda: SPANS)
    wall = NOW_MS / 1000
    made.register(
        ReportCollector(sources, IDENTITY, drain_timeout=25.0, per_partition=per_partition, wall=lambda: wall, clock=lambda: NOW)
    )
    return made


def scrape(report: Report | None, ends: LogEnds | None = None, *, per_partition: bool = True) -> Samples:
    text = generate_latest(registry(lambda: report, ends, per_partition=per_partition)).decode()
    families = text_string_to_metric_families(text)
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


def value(samples: Samples, name: str, **labels: str) -> float | None:
    return samples.get((name, frozenset(labels.items())))


def labels_of(samples: Samples, name: str) -> Iterator[dict[str, str]]:
    return (dict(labels) for found, labels in samples if found == name)


def sources_of(report: Report, ends: LogEnds | None = None) -> Sources:
    return Sources(lambda: report, lambda: ends, lambda: NOTHING_KNOWN, Spans)


def test_before_the_first_report_there_is_only_who_this_is() -> None:
    assert scrape(None) == {
        ("sidecar_build_info", frozenset({("version", "1.2.3")})): 1.0,
        ("sidecar_config_info", frozenset({("group", "billing"), ("hash", "c0ffee")})): 1.0,
        ("sidecar_drain_timeout_seconds", frozenset()): 25.0,
    }


def test_who_takes_the_room_is_told_by_topic() -> None:
    clicks = [a_partition(tp=TopicPartition("clicks", n), buffered=30 + n, in_flight=5) for n in range(2)]
    samples = scrape(a_report(a_snapshot(a_partition(), *clicks)))
    assert value(samples, "sidecar_topic_records_buffered", topic="clicks") == 71
    assert value(samples, "sidecar_topic_records_buffered", topic="orders") == 0


def test_every_metric_of_the_table_is_served_with_its_labels() -> None:
    busy = a_report(unreadable_headers={"orders": 1}, missed_offsets={"orders": 3})
    samples = scrape(busy, log_ends(100))
    for metric in METRICS:
        name = f"{metric.name}_count" if metric.kind == "histogram" else metric.name
        found = list(labels_of(samples, name))
        assert found, metric.name
        assert all(set(labels) == set(metric.labels) for labels in found), metric.name


def test_nothing_is_served_that_is_not_in_the_table() -> None:
    names = {metric.name for metric in METRICS}
    families = registry(a_report, log_ends(100)).collect()
    assert {f"{f.name}_total" if f.type == "counter" else f.name for f in families} == names


def test_openmetrics_is_valid_too() -> None:
    encode, _content_type = choose_encoder("application/openmetrics-text; version=1.0.0")
    text = encode(make_registry(sources_of(a_report(), log_ends(100)), IDENTITY, drain_timeout=25.0)).decode()
    families = parse_openmetrics(text)  # type: ignore[no-untyped-call]
    assert "sidecar_records_polled" in {family.name for family in families}


def test_the_python_process_is_served_beside_ours() -> None:
    text = generate_latest(make_registry(sources_of(a_report()), IDENTITY, drain_timeout=25.0)).decode()
    assert "process_resident_memory_bytes" in text
    assert "python_gc_collections_total" in text


def test_books_are_counted_by_topic_and_reason() -> None:
    samples = scrape(a_report())
    assert value(samples, "sidecar_records_polled_total", topic="orders") == 100
    assert value(samples, "sidecar_records_delivered_total", topic="orders") == 90
    assert value(samples, "sidecar_records_dropped_total", topic="orders", reason="sample", intent="policy") == 6
    assert value(samples, "sidecar_records_released_total", topic="orders", reason="revoked") == 4
    assert value(samples, "sidecar_unaccounted_records") == 0


def test_what_is_missing_downstream_is_counted_by_topic() -> None:
    samples = scrape(a_report(unreadable_headers={"orders": 2}, missed_offsets={"orders": 30}))
    assert value(samples, "sidecar_unreadable_headers_total", topic="orders") == 2
    assert value(samples, "sidecar_missed_offsets_total", topic="orders") == 30


def test_a_defect_in_the_books_shows() -> None:
    broken = a_snapshot(books=replace(BOOKS, unaccounted=-3))
    assert value(scrape(a_report(broken)), "sidecar_unaccounted_records") == -3


def test_every_outcome_of_an_assigned_topic_is_there_at_zero_before_its_first_record() -> None:
    fresh = a_partition(tp=TopicPartition("clicks", 0), position=None, committable=None, committed=None)
    samples = scrape(a_report(a_snapshot(fresh)))
    for name in ("records_polled", "records_delivered", "records_dead_lettered", "unreadable_headers", "missed_offsets"):
        assert value(samples, f"sidecar_{name}_total", topic="clicks") == 0
    for drop in DropReason:
        assert value(samples, "sidecar_records_dropped_total", topic="clicks", reason=drop.value, intent=INTENT[drop]) == 0
    for release in ReleaseReason:
        assert value(samples, "sidecar_records_released_total", topic="clicks", reason=release.value) == 0
    for reason in HoldReason:
        assert value(samples, "sidecar_hold_seconds_total", reason=reason.value) == 0
    for result in ("drained", "expired"):
        assert value(samples, "sidecar_drains_total", result=result) == 0
    for outcome in OUTCOMES:
        assert value(samples, "sidecar_flush_duration_seconds_count", outcome=outcome) == 0


def test_lag_and_verdict_are_served_by_partition() -> None:
    behind = a_partition(committable=70, buffered=30, oldest_wall_ms=NOW_MS - 2500)
    samples = scrape(a_report(a_snapshot(behind)), log_ends(130))
    assert value(samples, "sidecar_lag_records", topic="orders", partition="0") == 60
    assert value(samples, "sidecar_lag_seconds", topic="orders", partition="0") == 2.5
    assert list(labels_of(samples, "sidecar_verdict")) == [{"topic": "orders", "partition": "0", "verdict": "catching_up"}]


def test_unknown_lag_is_absent_rather_than_zero() -> None:
    samples = scrape(a_report(), None)
    assert value(samples, "sidecar_lag_records", topic="orders", partition="0") is None
    assert value(samples, "sidecar_lag_seconds", topic="orders", partition="0") is None


def test_series_by_partition_vanish_when_the_partition_is_revoked() -> None:
    reports = [a_report(), a_report(replace(a_snapshot(), partitions=()))]
    made = registry(lambda: reports.pop(0), log_ends(100))
    assert 'partition="0"' in generate_latest(made).decode()
    after = generate_latest(made).decode()
    assert 'partition="' not in after
    assert 'sidecar_records_polled_total{topic="orders"} 100.0' in after


def test_without_series_by_partition_lag_is_folded_to_the_topic() -> None:
    views = [
        a_partition(tp=TopicPartition("orders", n), committable=90, buffered=10, oldest_wall_ms=NOW_MS - 1000 * n)
        for n in (1, 2, 0)
    ]
    samples = scrape(a_report(a_snapshot(*views)), log_ends(110, 110, 110), per_partition=False)
    assert value(samples, "sidecar_lag_records", topic="orders") == 60
    assert value(samples, "sidecar_lag_seconds", topic="orders") == 2.0
    assert value(samples, "sidecar_verdict", topic="orders", verdict="catching_up") == 3
    assert not [labels for _name, labels in samples if "partition" in dict(labels)]


def test_exactly_one_state_of_each_machine_holds() -> None:
    engine = a_snapshot(state="critical", flow=replace(FLOW, breaker="half_open"))
    samples = scrape(a_report(engine))
    states = {labels["state"]: value(samples, "sidecar_state", **labels) for labels in labels_of(samples, "sidecar_state")}
    assert states == {"normal": 0, "elevated": 0, "critical": 1, "blocked": 0, "draining": 0}
    breaker = {
        labels["state"]: value(samples, "sidecar_breaker_state", **labels)
        for labels in labels_of(samples, "sidecar_breaker_state")
    }
    assert breaker == {"closed": 0, "open": 0, "half_open": 1}


def test_each_reason_to_drop_has_one_intent() -> None:
    dropped: Mapping[tuple[str, str], int] = {("orders", "drop_oldest"): 7, ("orders", "poison"): 1, ("orders", "expired"): 2}
    samples = scrape(a_report(a_snapshot(books=replace(BOOKS, dropped=dropped))))
    assert value(samples, "sidecar_records_dropped_total", topic="orders", reason="drop_oldest", intent="overload") == 7
    assert value(samples, "sidecar_records_dropped_total", topic="orders", reason="poison", intent="poison") == 1
    assert value(samples, "sidecar_records_dropped_total", topic="orders", reason="expired", intent="policy") == 2


def test_what_is_in_an_overflow_topic_is_counted_as_diverted_and_not_as_lost() -> None:
    dropped: Mapping[tuple[str, str], int] = {("orders", "drop_oldest"): 7}
    books = replace(BOOKS, dropped=dropped, diverted={("orders", "drop_oldest"): 5, ("orders", "expired"): 0})
    samples = scrape(a_report(a_snapshot(books=books, overflow=OverflowView(3, "spare: no such topic"))))
    assert value(samples, "sidecar_records_dropped_total", topic="orders", reason="drop_oldest", intent="overload") == 2
    assert value(samples, "sidecar_records_dropped_total", topic="orders", reason="drop_oldest", intent="diverted") == 5
    assert value(samples, "sidecar_records_dropped_total", topic="orders", reason="expired", intent="diverted") == 0
    assert value(samples, "sidecar_overflow_records") == 3
    assert value(samples, "sidecar_overflow_trouble") == 1


def test_every_move_between_two_states_is_there_before_the_first() -> None:
    samples = scrape(a_report())
    assert value(samples, "sidecar_state_transitions_total", **{"from": "normal", "to": "elevated"}) == 2
    assert value(samples, "sidecar_state_transitions_total", **{"from": "normal", "to": "blocked"}) == 0
    assert value(samples, "sidecar_state_transitions_total", **{"from": "draining", "to": "normal"}) is None


def test_trouble_with_kafka_shows_as_one() -> None:
    assert value(scrape(a_report()), "sidecar_kafka_trouble") == 0
    assert value(scrape(a_report(trouble="all brokers are down")), "sidecar_kafka_trouble") == 1


def test_histograms_come_from_the_finished_flushes() -> None:
    stats = FlushStats()
    stats.flush("systemic", 0.3, 500)
    stats.landed([a_chunk(NOW_MS - 3000, NOW_MS - 3000)], NOW_MS)
    samples = scrape(a_report(flushes=stats.counts()))
    assert value(samples, "sidecar_flush_duration_seconds_bucket", outcome="systemic", le="0.5") == 1
    assert value(samples, "sidecar_flush_duration_seconds_bucket", outcome="systemic", le="0.25") == 0
    assert value(samples, "sidecar_flush_duration_seconds_sum", outcome="systemic") == 0.3
    assert value(samples, "sidecar_flush_batch_records_bucket", le="+Inf") == 1
    assert value(samples, "sidecar_record_age_seconds_count") == 2
    assert value(samples, "sidecar_record_age_seconds_sum") == 6


def test_the_flush_control_shows_its_dials_what_it_knows_and_how_often_it_decided() -> None:
    turns = {("batch", "up"): 3, ("concurrency", "down"): 1}
    search = SearchView(cost=Cost(0.004, 0.000_002, 0.0, 200, 2000, 0.008, 0.0), queue=1.5, turns=turns)
    flow = replace(FLOW, batch_records=2000, concurrency_limit=9)
    samples = scrape(a_report(a_snapshot(flow=flow, search=search)))
    assert value(samples, "sidecar_flush_batch_target_records") == 2000
    assert value(samples, "sidecar_flush_concurrency_limit") == 9
    assert value(samples, "sidecar_flush_queued_batches") == 1.5
    assert value(samples, "sidecar_flush_cost_fixed_seconds") == 0.004
    assert value(samples, "sidecar_flush_cost_record_seconds") == 0.000_002
    assert value(samples, "sidecar_flush_decisions_total", dial="batch", direction="up") == 3
    assert value(samples, "sidecar_flush_decisions_total", dial="concurrency", direction="down") == 1


def test_what_a_flush_costs_is_absent_while_unknown() -> None:
    assert value(scrape(a_report(a_snapshot(search=SearchView()))), "sidecar_flush_cost_fixed_seconds") is None


def test_the_last_delivery_is_absent_before_the_first() -> None:
    assert value(scrape(a_report(last_delivery_wall=None)), "sidecar_last_delivery_timestamp_seconds") is None


@pytest.mark.parametrize("topic", ['odd"topic', "back\\slash", "völlig.normal"])
def test_label_values_are_escaped(topic: str) -> None:
    view = a_partition(tp=TopicPartition(topic, 0))
    assert value(scrape(a_report(a_snapshot(view))), "sidecar_records_polled_total", topic=topic) == 0


def test_the_document_of_the_metrics_is_up_to_date() -> None:
    path = Path(__file__).parents[3] / "docs" / "METRICS.md"
    stale = "docs/METRICS.md is stale: python -m sidecar.observe.metric_defs > docs/METRICS.md"
    assert path.read_text(encoding="utf-8") == document(), stale
