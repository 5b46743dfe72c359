from __future__ import annotations

import pytest

from sidecar.runtime.pace import LONGEST_WAIT, WORTH_RECORDS, Pace


def test_the_first_poll_comes_without_a_wait() -> None:
    assert Pace(100.0).wait == 0.0


def test_at_a_trickle_the_wait_is_the_longest() -> None:
    pace = Pace(100.0)
    pace.polled(1, 100.1)
    assert pace.wait == LONGEST_WAIT
    pace.polled(0, 100.2)
    assert pace.wait == LONGEST_WAIT


@pytest.mark.parametrize("rate", [20_000, 40_000, 100_000])
def test_the_wait_is_as_long_as_a_polls_worth_takes_to_come(rate: int) -> None:
    pace, now = Pace(100.0), 100.0
    for _ in range(20):
        elapsed = max(pace.wait, 0.005)
        now += elapsed
        pace.polled(round(rate * elapsed), now)
    assert pace.wait == pytest.approx(WORTH_RECORDS / rate, rel=0.05)


def test_a_backlog_of_which_the_client_holds_more_than_a_polls_worth_ends_all_waiting() -> None:
    pace, now = Pace(100.0), 100.0
    pace.polled(0, now := now + 0.1)
    for _ in range(20):
        pace.polled(1000, now := now + pace.wait)
    assert pace.wait == 0.0
