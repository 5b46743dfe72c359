from __future__ import annotations

from dataclasses import replace

import pytest

from sidecar.core.config import DeadLetterRules
from sidecar.core.events import PartitionFailed
from sidecar.core.results import FailureAction, Poison, RecordFailure, Retriable
from sidecar.core.snapshot import PartitionView, RetryView
from tests.unit.core.examples import SMALL, T0, T1, Bench, chunk


def view(bench: Bench) -> PartitionView:
    return next(each for each in bench.shot.partitions if each.tp == T0)


@pytest.fixture
def bench() -> Bench:
    made = Bench(SMALL, T0, T1)
    made.poll(chunk())
    return made


def test_a_failed_flush_shows_on_the_partitions_that_wait_for_it(bench: Bench) -> None:
    assert view(bench).retry is None
    bench.land(1, Retriable("answered 503", 7.0))
    assert view(bench).retry == RetryView("answered 503", attempts=1, next_in=7.0, limited=True)
    assert [each.retry for each in bench.shot.partitions if each.tp == T1] == [None]
    bench.wait(2.0)
    assert view(bench).retry == RetryView("answered 503", attempts=1, next_in=5.0, limited=True)


def test_it_still_shows_while_the_next_try_is_under_way(bench: Bench) -> None:
    bench.land(1, Retriable("answered 503"))
    bench.wait_for_due()
    assert view(bench).retry == RetryView("answered 503", attempts=1, next_in=None, limited=False)
    bench.land(1)
    assert view(bench).retry is None


@pytest.mark.parametrize(
    ("failure", "limited"),
    [(Retriable("503"), False), (Retriable("429", too_many=True), True), (Retriable("503", 3.0), True)],
)
def test_a_limited_rate_is_told_from_a_failure(bench: Bench, failure: Retriable, limited: bool) -> None:  # noqa: FBT001 -- a column
    bench.land(1, failure)
    retry = view(bench).retry
    assert retry is not None
    assert retry.limited is limited


def test_suspects_are_counted_while_poison_is_searched_for(bench: Bench) -> None:
    bench.land(1, Poison("answered 422"))
    assert view(bench).suspects == 10


def test_a_record_that_waits_for_its_dead_letter_is_the_oldest_that_is_here() -> None:
    bench = Bench(replace(SMALL, dead_letters=DeadLetterRules()), T0)
    bench.poll(chunk(offsets=[5]))
    bench.wait_for_due()
    bench.land(1, Poison("answered 422"))
    assert (view(bench).letters, view(bench).oldest_wall_ms) == (1, 1_000)
    bench.poll(replace(chunk(offsets=[6]), timestamps=[7_000]))
    assert (view(bench).buffered, view(bench).oldest_wall_ms) == (1, 1_000)


def test_what_stopped_a_partition_is_a_kind_and_not_only_a_text() -> None:
    bench = Bench(SMALL, T0)
    bench.poll(chunk(offsets=[5]))
    bench.wait_for_due()
    bench.land(1, Poison("answered 422"))
    assert (view(bench).stopped_by, view(bench).stopped) == ("poison", "poison record at offset 5: answered 422")

    bench = Bench(SMALL, T0)
    bench.tell(PartitionFailed(T0, "not in the log"))
    assert (view(bench).stopped_by, view(bench).stopped) == ("offset_out_of_range", "not in the log")


def age_bound(bench: Bench) -> int | None:
    """Return the timestamp that the lag in seconds goes by while nothing is here."""
    assert view(bench).oldest_wall_ms is None
    return view(bench).last_wall_ms


def test_of_a_stopped_partition_the_lag_goes_by_the_first_record_that_was_given_back() -> None:
    bench = Bench(SMALL, T0)
    bench.poll(replace(chunk(offsets=range(20)), timestamps=range(1_000, 21_000, 1_000)))
    bench.land(1, Poison("answered 422", named=(RecordFailure(T0, 2, FailureAction.REJECT, "422"),)))
    bench.land(2)
    assert bench.committable() == 2
    bench.land(3, Poison("answered 422"))
    assert view(bench).stopped is not None
    assert age_bound(bench) == 3_000


def test_of_a_partition_whose_records_found_no_room_the_lag_goes_by_the_first_of_them() -> None:
    bench = Bench(SMALL, T0, T1)
    bench.poll(chunk(T1, range(100)), replace(chunk(T0, range(3)), timestamps=[1_000, 5_000, 9_000]))
    assert age_bound(bench) == 1_000
