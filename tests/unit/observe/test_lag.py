from __future__ import annotations

import pytest

from sidecar.observe.lag import Lag, lag_of
from tests.unit.observe.reports import NOW_MS, a_partition


def test_a_partition_without_anything_outstanding_has_no_lag() -> None:
    assert lag_of(a_partition(), 100, NOW_MS) == Lag(0, 0.0)


def test_records_that_are_here_and_not_delivered_count_as_lag() -> None:
    view = a_partition(position=100, committable=70, buffered=30, oldest_wall_ms=NOW_MS - 1500)
    assert lag_of(view, 120, NOW_MS) == Lag(50, 1.5)


def test_a_log_end_older_than_the_position_makes_no_negative_lag() -> None:
    assert lag_of(a_partition(position=100, committable=100), 40, NOW_MS) == Lag(0, 0.0)


def test_a_log_end_older_than_the_position_hides_no_record_that_is_here() -> None:
    view = a_partition(position=100, committable=90, in_flight=10, oldest_wall_ms=NOW_MS)
    assert lag_of(view, 40, NOW_MS).records == 10


def test_the_age_of_records_still_in_kafka_is_taken_from_the_last_polled_one() -> None:
    assert lag_of(a_partition(last_wall_ms=NOW_MS - 60_000), 150, NOW_MS) == Lag(50, 60.0)


def test_the_age_is_unknown_when_nothing_was_polled_yet() -> None:
    assert lag_of(a_partition(last_wall_ms=None), 150, NOW_MS) == Lag(50, None)


def test_a_stopped_partition_lags_although_it_polled_everything() -> None:
    view = a_partition(position=100, committable=70, last_wall_ms=NOW_MS - 9000, stopped="poison record at offset 70")
    assert lag_of(view, 100, NOW_MS) == Lag(30, 9.0)


def test_nothing_is_claimed_without_a_log_end() -> None:
    assert lag_of(a_partition(), None, NOW_MS) == Lag(None, None)


def test_nothing_is_claimed_without_a_position() -> None:
    assert lag_of(a_partition(position=None, committable=None), 100, NOW_MS) == Lag(None, None)


@pytest.mark.parametrize(
    ("timestamp", "seconds"), [(-1, None), (-(2**62), None), (2**62, 0.0), (NOW_MS + 5000, 0.0), (NOW_MS, 0.0)]
)
def test_odd_timestamps_make_no_odd_age(timestamp: int, seconds: float | None) -> None:
    view = a_partition(committable=99, in_flight=1, oldest_wall_ms=timestamp)
    assert lag_of(view, 100, NOW_MS).seconds == seconds
