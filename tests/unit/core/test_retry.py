from __future__ import annotations

from random import Random

import pytest

from sidecar.core.config import RetryLimits
from sidecar.core.retry import backoff

LIMITS = RetryLimits(base=0.1, max_wait=60.0)


def waits(attempt: int, asked: float | None = None) -> list[float]:
    random = Random(5)
    return sorted(backoff(attempt, LIMITS, random, asked) for _ in range(2_000))


@pytest.mark.parametrize(
    ("attempt", "ceiling"), [(1, 0.1), (2, 0.2), (3, 0.4), (9, 25.6), (10, 51.2), (11, 60.0), (50, 60.0), (10**9, 60.0)]
)
def test_full_jitter_spreads_evenly_from_zero_to_a_ceiling_that_doubles(attempt: int, ceiling: float) -> None:
    seen = waits(attempt)
    assert 0.0 <= seen[0] < 0.01 * ceiling
    assert 0.99 * ceiling < seen[-1] <= ceiling
    for share in (0.25, 0.5, 0.75):
        assert seen[int(share * len(seen))] == pytest.approx(share * ceiling, rel=0.1)


def test_the_wait_that_the_downstream_asks_for_is_the_least() -> None:
    seen = waits(7, asked=3.0)
    assert seen[0] == 3.0
    assert 6.0 < seen[-1] <= 6.4


@pytest.mark.parametrize(("attempt", "asked", "wait"), [(1, 5.0, 5.0), (1, 60.0, 60.0), (1, 86_400.0, 60.0), (50, 1e9, 60.0)])
def test_a_long_wait_is_obeyed_up_to_the_cap(attempt: int, asked: float, wait: float) -> None:
    assert set(waits(attempt, asked)) == {wait}


def test_asking_for_no_wait_shortens_nothing() -> None:
    assert waits(5, asked=0.0) == waits(5)
