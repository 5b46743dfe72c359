from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.results import Delivered, Partial, Poison, Result, Retriable, Systemic, TooLarge
from sidecar.observe.flush_stats import AGE_BOUNDS, OUTCOMES, FlushStats, outcome_of
from tests.unit.observe.reports import NOW_MS, a_chunk


def test_every_outcome_is_there_at_zero_from_the_start() -> None:
    counts = FlushStats().counts()
    assert set(counts.duration_buckets) == set(OUTCOMES)
    assert {buckets[-1] for buckets in counts.duration_buckets.values()} == {(math.inf, 0)}


def test_a_flush_is_counted_under_its_outcome_with_its_time_and_size() -> None:
    stats = FlushStats()
    stats.flush("delivered", 0.2, 500)
    stats.flush("delivered", 70.0, 30_000)
    counts = stats.counts()
    assert dict(counts.duration_buckets["delivered"])[0.1] == 0
    assert dict(counts.duration_buckets["delivered"])[0.25] == 1
    assert dict(counts.duration_buckets["delivered"])[math.inf] == 2
    assert counts.duration_sum["delivered"] == pytest.approx(70.2)
    assert dict(counts.duration_buckets["retriable"])[math.inf] == 0
    assert dict(counts.batch_buckets)[500.0] == 1
    assert counts.batch_sum == 30_500


def test_an_unknown_outcome_is_refused() -> None:
    with pytest.raises(KeyError, match="lost"):
        FlushStats().flush("lost", 0.1, 1)


@pytest.mark.parametrize(
    ("result", "name"),
    [
        (Delivered(), "delivered"),
        (Partial(()), "partial"),
        (Retriable("503"), "retriable"),
        (Poison("400"), "poison"),
        (TooLarge("413"), "too_large"),
        (Systemic("refused"), "systemic"),
    ],
)
def test_every_result_has_an_outcome(result: Result, name: str) -> None:
    assert outcome_of(result) == name


def test_the_age_of_a_delivered_record_is_counted() -> None:
    stats = FlushStats()
    stats.landed([a_chunk(NOW_MS - 700)], NOW_MS)
    ages = dict(stats.counts().age_buckets)
    assert (ages[0.5], ages[1.0], ages[math.inf]) == (0, 1, 1)
    assert stats.counts().age_sum == pytest.approx(0.7)


def test_the_records_of_a_chunk_are_spread_between_its_first_and_last_age() -> None:
    stats = FlushStats()
    stats.landed([a_chunk(*range(NOW_MS - 2000, NOW_MS, 20))], NOW_MS)
    ages = dict(stats.counts().age_buckets)
    assert ages[1.0] == pytest.approx(50, abs=1)
    assert ages[0.25] == pytest.approx(12, abs=1)
    assert ages[math.inf] == 100


@pytest.mark.parametrize(
    ("timestamps", "count", "total"),
    [
        ((-1, -1), 0, 0.0),
        ((-1, NOW_MS - 4000), 2, 8.0),
        ((2**62, 2**62), 2, 0.0),
        ((NOW_MS + 1, NOW_MS - 4000), 2, 4.0),
    ],
)
def test_odd_timestamps_make_no_odd_age(timestamps: tuple[int, int], count: int, total: float) -> None:
    stats = FlushStats()
    stats.landed([a_chunk(*timestamps)], NOW_MS)
    assert stats.counts().age_buckets[-1] == (math.inf, count)
    assert stats.counts().age_sum == pytest.approx(total)


@given(st.lists(st.lists(st.integers(0, 2**62), min_size=1, max_size=50), max_size=5))
def test_every_record_with_a_timestamp_is_counted_once(chunks: list[list[int]]) -> None:
    stats = FlushStats()
    stats.landed([a_chunk(*timestamps) for timestamps in chunks], NOW_MS)
    buckets = [count for _bound, count in stats.counts().age_buckets]
    assert buckets == sorted(buckets)
    assert buckets[-1] == sum(map(len, chunks))
    assert len(buckets) == len(AGE_BOUNDS) + 1


def test_chunks_of_different_age_in_one_flush_are_counted_each_where_they_belong() -> None:
    stats = FlushStats()
    stats.landed([a_chunk(NOW_MS - 20), a_chunk(NOW_MS - 700, NOW_MS - 600), a_chunk(-1)], NOW_MS)
    ages = dict(stats.counts().age_buckets)
    assert (ages[0.05], ages[0.5], ages[1.0], ages[math.inf]) == (1, 1, 3, 3)
    assert stats.counts().age_sum == pytest.approx(0.02 + 0.7 + 0.6)


def test_a_flush_whose_records_are_of_one_age_is_counted_whole() -> None:
    stats = FlushStats()
    stats.landed([a_chunk(NOW_MS - 20), a_chunk(NOW_MS - 40, NOW_MS - 30)], NOW_MS)
    assert dict(stats.counts().age_buckets)[0.05] == 3
    assert stats.counts().age_sum == pytest.approx(0.09)


def test_a_flush_of_nothing_counts_nothing() -> None:
    stats = FlushStats()
    stats.landed([], NOW_MS)
    assert stats.counts() == FlushStats().counts()


def test_one_old_record_does_not_age_the_others_of_its_flush() -> None:
    stats = FlushStats()
    stats.landed([a_chunk(*[NOW_MS - 20] * 9), a_chunk(NOW_MS - 2000)], NOW_MS)
    ages = dict(stats.counts().age_buckets)
    assert (ages[0.05], ages[1.0], ages[2.5]) == (9, 9, 10)


def test_one_absurd_timestamp_does_not_age_the_others_of_its_flush() -> None:
    stats = FlushStats()
    two_days = 2 * 86_400_000
    stats.landed([a_chunk(*[NOW_MS - two_days] * 3), a_chunk(0)], NOW_MS)
    assert stats.counts().age_sum == pytest.approx(3 * two_days / 1000 + NOW_MS / 1000)
