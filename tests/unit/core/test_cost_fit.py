from __future__ import annotations

from random import Random

import pytest

from sidecar.core.cost_fit import CostFit


def shown(*flushes: tuple[int, float]) -> CostFit:
    fit = CostFit()
    for records, seconds in flushes:
        fit.add(records, seconds)
    return fit


def line(fit: CostFit) -> tuple[float, float]:
    cost = fit.cost
    assert cost is not None
    return cost.fixed, cost.per_record


def costs(fixed: float, per_record: float, flushes: int, jitter: float = 0.0) -> list[tuple[int, float]]:
    """Return flushes of a downstream, of sizes between 100 and 300."""
    random = Random(1)
    sizes = [random.choice((100, 200, 300)) for _ in range(flushes)]
    return [(size, (fixed + per_record * size) * random.lognormvariate(-(jitter**2) / 2, jitter)) for size in sizes]


@pytest.mark.parametrize("sizes", [[], [100], [100] * 50, [100, 101, 102]])
def test_it_says_nothing_while_the_sizes_are_too_alike(sizes: list[int]) -> None:
    assert shown(*((size, 0.1) for size in sizes)).cost is None


def test_it_finds_both_costs() -> None:
    assert line(shown(*costs(0.02, 0.000_3, 50))) == pytest.approx((0.02, 0.000_3), rel=1e-6)


def test_it_finds_them_through_jitter_and_says_how_sure_it_is() -> None:
    cost = shown(*costs(0.02, 0.000_3, 400, jitter=0.15)).cost
    assert cost is not None
    assert cost.per_record == pytest.approx(0.000_3, abs=3 * cost.error)
    assert 0 < cost.error < 0.000_03


def test_one_call_that_hangs_hardly_moves_it() -> None:
    fit = shown(*costs(0.02, 0.000_3, 400, jitter=0.15), (200, 30.0))
    assert line(fit) == pytest.approx((0.02, 0.000_3), rel=0.15)


@pytest.mark.parametrize(("fixed", "per_record"), [(0.2, 0.000_3), (0.002, 0.000_3), (0.02, 0.003), (0.02, 0.000_03)])
def test_a_downstream_that_becomes_another_one_is_known_within_a_few_flushes(fixed: float, per_record: float) -> None:
    fit = shown(*costs(0.02, 0.000_3, 1000, jitter=0.1), *costs(fixed, per_record, 30))
    assert line(fit) == pytest.approx((fixed, per_record), rel=0.06)


def test_old_flushes_fade() -> None:
    fit = shown(*costs(0.02, 0.000_3, 3000, jitter=0.3))
    cost = fit.cost
    assert cost is not None
    assert cost.samples == pytest.approx(200, rel=0.01)


@pytest.mark.parametrize("records", [1, 100, 10_000])
def test_what_a_size_costs_is_above_zero_also_where_the_line_is_not(records: int) -> None:
    cost = shown((1000, 0.1), (2000, 0.3), (3000, 0.5), (1000, 0.1)).cost
    assert cost is not None
    assert cost.fixed < 0
    assert cost.of(records) > 0
