from __future__ import annotations

from statistics import median
from typing import Any

import pytest

from sidecar.core.config import FlushLimits
from sidecar.core.flush_control import FEW, CostFit, FlushControl


def control(**limits: Any) -> FlushControl:
    return FlushControl(FlushLimits(**limits))


def settled(flow: FlushControl, fixed: float, per_record: float, flushes: int = 400) -> float:
    """Show ``flow`` full batches of a downstream that costs ``fixed + per_record·n``; return the size it settles around.

    It tries another size now and then, when the last ones were too alike to fit a line through.
    """
    sizes = []
    for _ in range(flushes):
        flow.flushed(flow.batch_records, fixed + per_record * flow.batch_records, filled=True)
        sizes.append(flow.batch_records)
    return median(sizes[-50:])


@pytest.mark.parametrize(
    ("fixed", "per_record", "limits", "size"),
    [
        pytest.param(0.01, 0.000_1, {}, 900, id="e/(1-e) * a/b"),
        pytest.param(0.02, 0.000_05, {}, 3600, id="a dearer call wants more records"),
        pytest.param(0.01, 0.000_1, {"first_batch": 5000}, 900, id="from above, too"),
        pytest.param(0.3, 0.001, {}, 200, id="bounded by the latency target: (target - a)/b"),
        pytest.param(0.3, 0.001, {"target_latency": 0.35}, 50, id="the target goes below the least size of the closed form"),
        pytest.param(0.02, 0.000_01, {"max_batch": 2000}, 2000, id="bounded by max_batch"),
        pytest.param(0.0, 0.000_1, {}, FEW, id="no fixed cost: no batch is too small, down to the noise"),
        pytest.param(0.02, 0.0, {}, 10_000, id="records that cost nothing"),
        pytest.param(0.02, -0.000_000_1, {}, 10_000, id="records that seem to cost less than nothing"),
    ],
)
def test_the_batch_size_settles_where_the_closed_form_says(
    fixed: float, per_record: float, limits: dict[str, float], size: int
) -> None:
    assert settled(control(**limits), fixed, per_record) == pytest.approx(size, rel=0.03)


def test_the_size_follows_a_downstream_that_changes() -> None:
    flow = control()
    assert settled(flow, 0.01, 0.000_1) == pytest.approx(900, rel=0.03)
    assert settled(flow, 0.05, 0.000_1) == pytest.approx(4500, rel=0.03)
    assert settled(flow, 0.01, 0.000_1) == pytest.approx(900, rel=0.03)


@pytest.mark.parametrize("first", [1, 2, 3, 10, 500, 7000])
def test_growth_is_at_most_a_quarter_a_flush_and_at_least_one_record(first: int) -> None:
    flow = control(first_batch=first, target_latency=10.0)
    while flow.batch_records < 10_000:
        before = flow.batch_records
        settled(flow, 0.2, 0.000_001, flushes=1)
        assert before < flow.batch_records <= max(before + 1, before * 1.25)


@pytest.mark.parametrize(("size", "flushed", "next_size"), [(1000, 1000, 500), (1000, 300, 150), (3, 3, 1), (1, 1, 1)])
def test_one_sample_over_the_target_halves_the_size(size: int, flushed: int, next_size: int) -> None:
    flow = control(first_batch=size)
    flow.flushed(flushed, 0.500_001, filled=True)
    assert flow.batch_records == next_size


def test_a_sample_at_the_target_does_not() -> None:
    flow = control(first_batch=1000)
    flow.flushed(1000, 0.5, filled=True)
    assert flow.batch_records > 1000


def test_the_first_batch_is_never_above_the_largest() -> None:
    assert control(first_batch=500, max_batch=50).batch_records == 50


@pytest.mark.parametrize(
    ("latencies", "interval"),
    [
        pytest.param([0.751], 1.5, id="slower than 1.5 x target: longer"),
        pytest.param([0.75], 1.0, id="just not"),
        pytest.param([0.25], 1.0, id="just not faster than 0.5 x target"),
        pytest.param([0.249], 0.8, id="faster: shorter"),
        pytest.param([2.0, 2.0, 0.1], 1.8, id="in steps"),
        pytest.param([2.0] * 50, 30.0, id="up to the longest"),
        pytest.param([0.0] * 50, 0.1, id="down to the shortest"),
    ],
)
def test_the_interval_after_part_filled_batches(latencies: list[float], interval: float) -> None:
    flow = control()
    flow.interval = 1.0
    for seconds in latencies:
        flow.flushed(10, seconds, filled=False)
    assert flow.interval == pytest.approx(interval)
    assert flow.batch_records == 500


@pytest.mark.parametrize("seconds", [0.0, 0.3, 5.0])
def test_a_full_batch_says_nothing_about_waiting(seconds: float) -> None:
    flow = control()
    flow.interval = 1.0
    flow.flushed(500, seconds, filled=True)
    assert flow.interval == 1.0


def test_it_begins_at_the_shortest_interval() -> None:
    assert control(min_interval=0.3).interval == 0.3


@pytest.mark.parametrize(
    ("records", "nbytes", "next_records", "next_bytes"),
    [(400, 60_000, 200, 30_000), (2000, 60_000, 500, 30_000), (400, 10**9, 200, 8 * 1024 * 1024), (1, 1, 1, 1)],
)
def test_what_was_refused_for_its_size_halves_both_limits_and_never_raises_one(
    records: int, nbytes: int, next_records: int, next_bytes: int
) -> None:
    flow = control()
    flow.too_large(records, nbytes)
    assert (flow.batch_records, flow.batch_bytes) == (next_records, next_bytes)


def test_a_learned_size_is_kept_and_grows_back_so_slowly_that_few_batches_are_refused() -> None:
    flow = control()
    flow.too_large(1000, 1_000_000)
    taken = 0
    while flow.batch_bytes <= 1_000_000:
        flow.flushed(flow.batch_records, 0.1, filled=True)
        taken += 1
    assert taken == 139


def test_a_learned_size_grows_up_to_the_largest_and_by_full_batches_alone() -> None:
    flow = control(max_batch_bytes=1000)
    flow.too_large(2, 3)
    for _ in range(100):
        flow.flushed(1, 0.1, filled=False)
    assert flow.batch_bytes == 1
    for _ in range(2000):
        flow.flushed(1, 0.1, filled=True)
    assert flow.batch_bytes == 1000


def test_the_fit_finds_both_costs_and_forgets_old_ones() -> None:
    fit = CostFit()
    for records in range(100, 300, 10):
        fit.add(records, 9.0)
    for records in [100, 200, 300] * 100:
        fit.add(records, 0.02 + 0.000_3 * records)
    assert fit.estimate() == pytest.approx((0.02, 0.000_3), rel=1e-3)


@pytest.mark.parametrize("sizes", [[], [100], [100] * 50, [100, 101, 102]])
def test_the_fit_says_nothing_while_the_sizes_are_too_alike(sizes: list[int]) -> None:
    fit = CostFit()
    for records in sizes:
        fit.add(records, 0.1)
    assert fit.estimate() is None
