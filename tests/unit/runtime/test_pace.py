from __future__ import annotations

import pytest

from sidecar.runtime.pace import LONGEST_WAIT, TRICKLE_WAIT, WORTH_RECORDS, Pace


def test_the_first_poll_comes_without_a_wait() -> None:
    assert Pace(100.0).wait == 0.0


def test_at_a_trickle_no_record_waits_for_others_to_come() -> None:
    pace = Pace(100.0)
    pace.polled(1, 100.1, has_backlog=False)
    assert pace.wait == TRICKLE_WAIT
    pace.polled(0, 100.2, has_backlog=False)
    assert pace.wait == TRICKLE_WAIT


def test_no_wait_is_longer_than_the_longest() -> None:
    pace = Pace(100.0)
    pace.polled(WORTH_RECORDS, 100.0 + LONGEST_WAIT, has_backlog=False)
    assert pace.wait == pytest.approx(LONGEST_WAIT)
    pace.polled(WORTH_RECORDS, 100.1 + 2 * LONGEST_WAIT, has_backlog=False)
    assert pace.wait == TRICKLE_WAIT


@pytest.mark.parametrize("rate", [20_000, 40_000, 100_000])
def test_the_wait_is_as_long_as_a_polls_worth_takes_to_come(rate: int) -> None:
    pace, now = Pace(100.0), 100.0
    for _ in range(20):
        elapsed = max(pace.wait, 0.005)
        now += elapsed
        pace.polled(round(rate * elapsed), now, has_backlog=False)
    assert pace.wait == pytest.approx(WORTH_RECORDS / rate, rel=0.05)


def test_while_there_is_a_backlog_there_is_no_wait() -> None:
    pace = Pace(100.0)
    pace.polled(5, 100.1, has_backlog=True)
    assert pace.wait == 0.0
