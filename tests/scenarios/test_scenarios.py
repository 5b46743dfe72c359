"""The flush control in every scenario, with three seeds each: the ranges are in the files."""

from __future__ import annotations

from math import isclose

import pytest

from tests.scenarios.capacity import capacity
from tests.scenarios.comparison import LAWS, SEEDS, row, run
from tests.scenarios.document import DOCUMENT
from tests.scenarios.scenario import load, names


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", names())
def test_it_stays_in_the_expected_ranges(name: str, seed: int) -> None:
    scenario = load(name)
    expect = scenario.expect
    for outcome in run(scenario, "ours", seed):
        assert expect.capacity[0] <= outcome.capacity <= expect.capacity[1], outcome
        assert expect.latency[0] <= outcome.latency <= expect.latency[1], outcome
        assert expect.limit[0] <= outcome.limit <= expect.limit[1], outcome
        assert expect.size[0] <= outcome.size <= expect.size[1], outcome
        assert outcome.recovery <= expect.recovery, outcome
        assert outcome.refused <= expect.refused, outcome


def test_the_same_seed_gives_the_same_run() -> None:
    scenario = load("knee-2")
    assert run(scenario, "ours", 1) == run(scenario, "ours", 1)
    assert run(scenario, "ours", 1) != run(scenario, "ours", 2)


@pytest.mark.parametrize("law", sorted(LAWS))
def test_no_law_delivers_more_than_the_capacity_of_a_steady_downstream(law: str) -> None:
    """The rig does not flatter: what is called the capacity cannot be exceeded."""
    [outcome] = run(load("knee-2"), law, 1)
    assert 0.5 < outcome.capacity < 1.02


@pytest.mark.parametrize(
    ("name", "step", "records"),
    [
        pytest.param("knee-8", 0, 8 / 0.008 * 2000, id="servers by the time of a flush"),
        pytest.param("rate-limit", 0, 2000 * 2000, id="the rate"),
        pytest.param("app-limited", 0, 100_000, id="what arrives"),
        pytest.param("hangs", 0, 64 / (0.008 + 0.3) * 2000, id="the places that do not hang"),
        pytest.param("by-bytes", 1, 8 / 0.02 * 2000, id="bytes"),
        pytest.param("batch-size", 0, 18_000 / 0.02, id="the size that spends 90 % of the time on records"),
        pytest.param("batch-size", 1, 100_000 / 0.12, id="the largest batch"),
        pytest.param("batch-size", 2, 36_000 / 0.2, id="the size that still keeps the target"),
    ],
)
def test_the_capacity(name: str, step: int, records: float) -> None:
    assert isclose(capacity(load(name).steps[step]), records, rel_tol=1e-6)


@pytest.mark.parametrize("name", ["knee-1", "knee-2", "batch-size", "both-dials"])
def test_the_documents_table_is_the_present_one(name: str) -> None:
    """Of the whole table, the rows that are quick to run; `make flow` writes all of it."""
    assert row(name) in DOCUMENT.read_text(), "run make flow"
