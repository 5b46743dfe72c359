from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest

from sidecar.core.batch_size import BatchSize
from sidecar.core.config import FlushLimits
from sidecar.core.cost_fit import Cost

SURE = {"error": 0.0, "samples": 200.0, "mean_records": 500.0, "spread": 0.0}


def cost(fixed: float, per_record: float, **others: float) -> Cost:
    return Cost(fixed, per_record, mean_seconds=fixed + 500 * per_record, **(SURE | others))


def size(**limits: Any) -> BatchSize:
    return BatchSize(FlushLimits(**limits))


def approx(count: int) -> Any:
    return pytest.approx(count, abs=50)


@pytest.mark.parametrize(
    ("fixed", "per_record", "limits", "wanted"),
    [
        pytest.param(0.01, 0.000_1, {}, 922, id="e/(1-e) * (a + own)/b"),
        pytest.param(0.02, 0.000_05, {}, 3645, id="a dearer call wants more records"),
        pytest.param(0.01, 0.000_1, {"first_batch": 5000}, 922, id="from above, too"),
        pytest.param(0.3, 0.001, {}, 200, id="bounded by the latency target"),
        pytest.param(0.3, 0.001, {"target_latency": 0.35}, 50, id="the target goes below the least size of the closed form"),
        pytest.param(0.6, 0.001, {}, 1, id="a fixed cost above the target: down to one record"),
        pytest.param(0.02, 0.000_01, {"max_batch": 2000}, 2000, id="bounded by max_batch"),
        pytest.param(0.0, 0.000_1, {}, 100, id="no fixed cost: no batch is too small, down to the noise"),
        pytest.param(0.0, 0.000_005, {"first_batch": 5000}, 450, id="nor is one that keeps the sidecar itself busy"),
        pytest.param(0.02, 0.0, {}, 10_000, id="records that cost nothing"),
        pytest.param(0.02, -0.000_000_1, {}, 10_000, id="records that seem to cost less than nothing"),
        pytest.param(0.0052, 0.000_1, {}, 500, id="near enough: left alone"),
    ],
)
def test_the_size_that_is_wanted(fixed: float, per_record: float, limits: dict[str, float], wanted: int) -> None:
    assert size(**limits).wanted(cost(fixed, per_record), 1.0) == pytest.approx(wanted, abs=1)


def test_while_flushes_wait_in_a_queue_less_fits_into_the_target() -> None:
    assert size().wanted(cost(0.1, 0.001), 2.0) == pytest.approx((0.25 - 0.1) / 0.001, abs=1)


def test_where_flushes_vary_a_larger_part_of_the_target_is_left_for_that() -> None:
    assert size().wanted(cost(0.1, 0.001, spread=0.05), 1.0) == pytest.approx((0.5 - 0.1 - 0.1) / 0.001, abs=1)


@pytest.mark.parametrize(("first", "wanted"), [(5000, 2278), (2000, 2000), (500, 922)])
def test_it_is_made_smaller_only_as_far_as_that_is_sure(first: int, wanted: int) -> None:
    """The size for a slope that is less by its error: a = 0.05 - 500 * 0.000_08, b = 0.000_08, 9 (a + own)/b = 2278."""
    unsure = Cost(0.01, 0.000_1, error=0.000_02, samples=20, mean_records=500, mean_seconds=0.06, spread=0.0)
    assert size(first_batch=first).wanted(unsure, 1.0) == pytest.approx(wanted, abs=1)


def test_while_nothing_is_known_other_sizes_are_tried() -> None:
    assert size(first_batch=400).wanted(None, 1.0) == 450
    assert size(first_batch=1).wanted(None, 1.0) == 2
    assert size(first_batch=10, max_batch=10).wanted(None, 1.0) == 10


@pytest.mark.parametrize(
    ("first", "wanted", "stepped"),
    [(1000, 9000, 1250), (1000, 1100, 1100), (1000, 600, 600), (1000, 200, 500), (1, 9, 2), (3, 9, 4), (3, 1, 1)],
)
def test_one_step_goes_up_by_a_quarter_and_at_least_one_record_and_down_to_half(first: int, wanted: int, stepped: int) -> None:
    assert size(first_batch=first).stepped(wanted) == stepped


@pytest.mark.parametrize(("first", "flushed", "half"), [(1000, 1000, 500), (1000, 300, 150), (3, 3, 1), (1, 1, 1)])
def test_half_of_what_was_too_much(first: int, flushed: int, half: int) -> None:
    assert size(first_batch=first).halved(flushed) == half


def dithered(dial: BatchSize) -> dict[int, int]:
    """Count the sizes of 1,000 batches."""
    random = Random(1)
    return dict(Counter(dial.dithered(random) for _ in range(1000)))


def test_dithered_sizes_lie_on_both_sides() -> None:
    assert dithered(size(first_batch=1000)) == {750: approx(500), 1250: approx(500)}
    assert dithered(size(first_batch=1000, max_batch=1250)) == {750: approx(500), 1250: approx(500)}
    assert dithered(size(first_batch=1)) == {1: 1000}


def test_where_there_is_no_room_above_one_batch_in_eight_is_smaller_and_none_larger() -> None:
    at_the_target = size(first_batch=1000)
    at_the_target.wanted(cost(0.3, 0.000_2), 1.0)  # of which 1,000 take the whole target

    assert dithered(size(first_batch=1000, max_batch=1100)) == {750: approx(125), 1000: approx(875)}
    assert dithered(at_the_target) == {750: approx(125), 1000: approx(875)}
    at_the_target.wanted(None, 1.0)
    assert dithered(at_the_target) == {750: approx(500), 1250: approx(500)}


def test_the_first_batch_is_never_above_the_largest() -> None:
    assert size(first_batch=500, max_batch=50).records == 50


@pytest.mark.parametrize(
    ("records", "nbytes", "next_records", "next_bytes"),
    [(400, 60_000, 200, 30_000), (2000, 60_000, 500, 30_000), (400, 10**9, 200, 8 * 1024 * 1024), (1, 1, 1, 1)],
)
def test_what_was_refused_for_its_size_halves_both_limits_and_never_raises_one(
    records: int, nbytes: int, next_records: int, next_bytes: int
) -> None:
    dial = size()
    dial.was_refused(records, nbytes)
    assert (dial.records, dial.nbytes) == (next_records, next_bytes)


def test_a_learned_size_grows_back_so_slowly_that_few_batches_are_refused() -> None:
    dial = size()
    dial.was_refused(1000, 1_000_000)
    taken = 0
    while dial.nbytes <= 1_000_000:
        dial.was_full()
        taken += 1
    assert taken == 139


def test_a_learned_size_grows_up_to_the_largest() -> None:
    dial = size(max_batch_bytes=1000)
    dial.was_refused(2, 3)
    for _ in range(2000):
        dial.was_full()
    assert dial.nbytes == 1000
