from __future__ import annotations

import pytest

from sidecar.core.engine import POLL_RECORDS
from sidecar.runtime.pace import BACKLOG_RECORDS, LONGEST_IN_HASTE, LONGEST_WAIT, WORTH, Pace

INTERVAL = 1.0


def test_the_first_poll_comes_without_a_wait() -> None:
    assert Pace(100.0).wait == 0.0


@pytest.mark.parametrize("records", [1, int(WORTH * POLL_RECORDS) - 1])
def test_no_wait_is_longer_than_the_longest(records: int) -> None:
    pace = Pace(100.0)
    pace.polled(records, POLL_RECORDS, 100.0 + LONGEST_WAIT, INTERVAL, has_backlog=False)
    assert pace.wait == LONGEST_WAIT


@pytest.mark.parametrize(("interval", "longest"), [(0.05, 0.05), (0.001, LONGEST_IN_HASTE)])
@pytest.mark.parametrize("records", [0, 100])
def test_no_wait_is_longer_than_the_flush_interval_or_what_it_takes_to_poll(
    interval: float, longest: float, records: int
) -> None:
    pace = Pace(100.0)
    for step in range(1, 10):
        pace.polled(records, POLL_RECORDS, 100.0 + step / 10, interval, has_backlog=False)
        assert pace.wait <= longest
    assert pace.wait == longest


def test_after_a_poll_that_brings_nothing_the_client_is_looked_at_soon_and_then_ever_later() -> None:
    pace, waits = Pace(100.0), []
    for step in range(1, 7):
        pace.polled(0, POLL_RECORDS, 100.0 + step, INTERVAL, has_backlog=False)
        waits.append(pace.wait)
    assert waits == [0.005, 0.01, 0.02, 0.04, 0.08, LONGEST_WAIT]


@pytest.mark.parametrize("rate", [40_000, 100_000, 300_000])
def test_the_wait_is_as_long_as_a_polls_worth_takes_to_come(rate: int) -> None:
    pace, now = Pace(100.0), 100.0
    for _ in range(20):
        elapsed = max(pace.wait, 0.005)
        now += elapsed
        pace.polled(round(rate * elapsed), POLL_RECORDS, now, INTERVAL, has_backlog=False)
    assert pace.wait == pytest.approx(WORTH * POLL_RECORDS / rate, rel=0.05)


def test_where_less_fits_less_is_waited_for() -> None:
    pace = Pace(100.0)
    pace.polled(500, 1000, 100.01, INTERVAL, has_backlog=False)
    assert pace.wait == pytest.approx(0.01 * WORTH * 1000 / 500)


def test_while_there_is_a_backlog_there_is_no_wait() -> None:
    pace = Pace(100.0)
    pace.polled(5, POLL_RECORDS, 100.1, INTERVAL, has_backlog=True)
    assert pace.wait == 0.0


def test_a_poll_is_as_large_as_may_be_only_at_the_tail() -> None:
    pace = Pace(100.0)
    assert pace.most(POLL_RECORDS) == BACKLOG_RECORDS

    pace.polled(5, POLL_RECORDS, 100.1, INTERVAL, has_backlog=False)
    assert pace.most(POLL_RECORDS) == POLL_RECORDS > BACKLOG_RECORDS
    assert pace.most(7) == 7

    pace.polled(2000, POLL_RECORDS, 100.2, INTERVAL, has_backlog=True)
    assert pace.most(POLL_RECORDS) == BACKLOG_RECORDS
    assert pace.most(7) == 7


def test_a_poll_that_brings_nothing_does_not_tell_that_a_backlog_is_over() -> None:
    pace = Pace(100.0)
    pace.polled(2000, POLL_RECORDS, 100.1, INTERVAL, has_backlog=True)
    pace.polled(0, POLL_RECORDS, 100.2, INTERVAL, has_backlog=False)
    assert pace.most(POLL_RECORDS) == BACKLOG_RECORDS
