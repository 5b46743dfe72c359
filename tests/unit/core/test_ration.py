from __future__ import annotations

import pytest

from sidecar.core.ration import Ration
from sidecar.core.retry import LONGEST_SAVING, RETRIES_PER_SECOND, RetryBudget


def spent(ration: Ration) -> int:
    count = 0
    while ration.spend():
        count += 1
    return count


@pytest.mark.parametrize(("delivered", "earned"), [(0, 0), (99, 0), (100, 1), (250, 2), (10**9, 10)])
def test_dead_letters_are_earned_by_deliveries_and_never_more_than_the_burst(delivered: int, earned: int) -> None:
    ration = Ration(10, 100)
    assert spent(ration) == 10
    ration.earn(delivered)
    assert spent(ration) == earned


def retries(budget: RetryBudget, now: float) -> int:
    count = 0
    while budget.spend(now):
        count += 1
    return count


def test_ten_retries_a_second_are_always_possible_and_more_are_not() -> None:
    budget = RetryBudget()
    assert retries(budget, 100.0) == RETRIES_PER_SECOND
    assert retries(budget, 100.5) == RETRIES_PER_SECOND / 2


def test_a_refused_retry_is_told_when_there_will_be_one() -> None:
    budget = RetryBudget()
    retries(budget, 100.0)
    at = budget.next_at(100.0)
    assert at == pytest.approx(100.1)
    assert budget.spend(at + 1e-9)


def test_every_fifth_delivered_batch_earns_one_more_and_ten_seconds_worth_can_be_saved() -> None:
    budget = RetryBudget()
    retries(budget, 100.0)
    for _ in range(15):
        budget.earn()
    assert retries(budget, 100.0) == 3
    for _ in range(10**4):
        budget.earn()
    assert retries(budget, 100.0) == RETRIES_PER_SECOND * LONGEST_SAVING
    assert retries(budget, 1e6) == RETRIES_PER_SECOND * LONGEST_SAVING
