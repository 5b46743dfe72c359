from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sidecar.core.results import Delivered, Systemic
from sidecar.core.snapshot import PartitionView, RetryView
from sidecar.observe.flush_stats import FlushStats, outcome_of
from sidecar.observe.pulse import Pulse
from sidecar.observe.trends import NOTHING_KNOWN, WINDOW, PartitionTrend, Trend, Trends
from sidecar.runtime.report import LogEnds, Report
from tests.unit.observe.reports import BOOKS, NOW, ORDERS, a_partition, a_report, a_snapshot

HALTED = a_partition(position=100, committable=100)


class Course:
    """Reports in a row, a second apart."""

    def __init__(self) -> None:
        self.now = NOW
        self._trends = Trends()

    def then(self, view: PartitionView | None = None, end: int | None = 100, **report: Any) -> Trend:
        engine = a_snapshot(view or a_partition(), books=report.pop("books", BOOKS))
        made = a_report(engine, made_at=self.now, **report)
        ends = LogEnds({} if end is None else {ORDERS: end}, self.now - 0.5)
        trend = self._trends.add(made, ends)
        self.now += 1.0
        return trend

    def repeat(self, times: int, view: PartitionView, end: int) -> PartitionTrend:
        for _ in range(times - 1):
            self.then(view, end)
        return self.then(view, end).partitions[ORDERS]


def test_of_one_report_no_rate_is_known() -> None:
    trend = Course().then()
    assert trend.rates.seconds == 0
    assert trend.rates.delivered is trend.rates.arriving is None
    assert trend.partitions[ORDERS] == PartitionTrend(0, 0, 0, 0, None, None, None)


def test_rates_are_differences_over_the_time_between() -> None:
    course = Course()
    course.then(a_partition(position=100, committable=90), 200)
    course.then(a_partition(position=150, committable=95), 300)
    sampled_out = {("orders", "sample"): 10}
    books = replace(BOOKS, polled={"orders": 160}, delivered={"orders": 140}, dead_lettered={"orders": 8}, dropped=sampled_out)
    trend = course.then(a_partition(position=160, committable=110), 400, books=books)
    assert (trend.rates.seconds, trend.rates.arriving, trend.rates.polled, trend.rates.delivered) == (2.0, 100.0, 30.0, 25.0)
    assert trend.rates.dropped == {"sample": 2.0}
    assert (trend.rates.ended_of, trend.rates.dropped_of) == ({"orders": 31.0}, {("orders", "sample"): 2.0})
    own = trend.partitions[ORDERS]
    assert (own.arriving, own.polled, own.settled) == (100.0, 30.0, 10.0)


def test_flushes_that_were_taken_give_the_mean_time_and_size() -> None:
    course, stats = Course(), FlushStats()
    course.then(flushes=stats.counts())
    for seconds in (0.2, 0.4):
        stats.flush(outcome_of(Delivered()), seconds, 300)
    stats.flush(outcome_of(Systemic("refused")), 0.001, 300)
    rates = course.then(flushes=stats.counts()).rates
    assert (rates.flushes, rates.flush_records) == (2.0, 300.0)
    assert rates.flush_seconds == pytest.approx(0.3)


def test_quantiles_are_those_of_the_flushes_in_between() -> None:
    course, stats = Course(), FlushStats()
    stats.flush(outcome_of(Delivered()), 9.0, 10)
    assert course.then(flushes=stats.counts()).rates.flush_p50 is None
    for _ in range(98):
        stats.flush(outcome_of(Delivered()), 0.2, 10)  # in the bucket from 0.1 to 0.25
    for _ in range(2):
        stats.flush(outcome_of(Delivered()), 100.0, 10)  # above the last bound, 60
    rates = course.then(flushes=stats.counts()).rates
    assert rates.flush_p50 == pytest.approx(0.1 + 0.15 * 50 / 98)
    assert rates.flush_p99 == 60.0


def test_the_loops_time_is_shared_out() -> None:
    course = Course()
    course.then(loop_seconds={"polling": 10.0, "waiting": 5.0})
    assert course.then(loop_seconds={"polling": 10.75, "waiting": 5.25}).rates.loop == {"polling": 0.75, "waiting": 0.25}


def test_rebalances_are_counted_within_the_window() -> None:
    course = Course()
    course.then(rebalances={"assigned": 1, "revoked": 0})
    assert course.then(rebalances={"assigned": 3, "revoked": 2}).rates.rebalances == 4
    for _ in range(int(WINDOW) + 1):
        trend = course.then(rebalances={"assigned": 3, "revoked": 2})
    assert trend.rates.rebalances == 0
    assert trend.rates.seconds == WINDOW


def test_the_same_report_again_changes_nothing() -> None:
    trends, report = Trends(), a_report()
    trends.add(report, None)
    assert trends.add(report, None).rates.seconds == 0


def test_since_when_nothing_was_polled() -> None:
    course = Course()
    assert course.repeat(4, HALTED, 100).quiet_for == 3
    assert course.repeat(1, replace(HALTED, position=101), 101).quiet_for == 0


def test_a_partition_is_unfetched_while_kafka_has_more_and_nothing_holds_it() -> None:
    course = Course()
    assert course.repeat(3, HALTED, 100).unfetched_for == 0
    assert course.repeat(3, HALTED, 500).unfetched_for == 3
    assert course.repeat(1, replace(HALTED, holds=("buffer",)), 500).unfetched_for == 0
    assert course.repeat(2, HALTED, 500).unfetched_for == 2
    assert course.repeat(1, replace(HALTED, position=300), 500).unfetched_for == 0


def test_the_wait_for_an_outcome_begins_when_there_is_something_to_wait_for() -> None:
    course = Course()
    flying = replace(HALTED, position=110, in_flight=10)
    course.repeat(5, HALTED, 100)
    assert course.repeat(2, flying, 110).no_outcome_for == 2
    assert course.repeat(1, replace(flying, committable=105, in_flight=5), 110).no_outcome_for == 0


def test_the_wait_for_an_outcome_begins_when_the_partition_is_no_longer_held() -> None:
    course = Course()
    course.repeat(100, replace(HALTED, holds=("operator",)), 600)
    assert course.repeat(1, HALTED, 600).no_outcome_for == 1


def test_a_flush_is_unanswered_since_it_began_and_not_since_the_last_outcome() -> None:
    course = Course()
    waiting = replace(HALTED, position=110, buffered=10)
    flying = replace(HALTED, position=110, in_flight=10)
    assert course.repeat(30, waiting, 110).unanswered_for == 0
    assert course.repeat(3, flying, 110).unanswered_for == 3
    assert course.repeat(1, replace(flying, committable=105, in_flight=5), 110).unanswered_for == 0


def test_a_flush_that_failed_was_answered() -> None:
    course = Course()
    failed = replace(HALTED, position=110, in_flight=10, retry=RetryView("answered 503", 3, 1.0, limited=False))
    assert course.repeat(30, failed, 110).unanswered_for == 0


def test_a_new_epoch_begins_anew() -> None:
    course = Course()
    course.repeat(5, HALTED, 500)
    own = course.repeat(1, replace(HALTED, epoch=2, position=400), 500)
    assert (own.assigned_for, own.unfetched_for, own.polled) == (0, 0, None)


def test_a_partition_that_left_is_forgotten() -> None:
    course = Course()
    course.then()
    other = a_partition(tp=ORDERS._replace(partition=1))
    assert list(course.then(other).partitions) == [other.tp]


def test_the_pulse_looks_at_the_newest_report() -> None:
    reports: list[Report | None] = [None]
    pulse = Pulse(lambda: reports[-1], lambda: None)
    pulse.beat()
    assert pulse.trend is NOTHING_KNOWN
    reports.append(a_report())
    pulse.beat()
    reports.append(a_report(made_at=NOW + 2))
    pulse.beat()
    assert pulse.trend.rates.seconds == 2
