from __future__ import annotations

from random import Random

import pytest

from sidecar.core.breaker import Breaker, BreakerSignal, BreakerState
from sidecar.core.errors import IllegalTransition

CLOSED, OPEN, HALF = BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN
SUCCESS, FAILURE, SYSTEMIC, TRIPPED, DUE = BreakerSignal

TABLE = {
    #        SUCCESS FAILURE SYSTEMIC TRIPPED PROBE_DUE
    CLOSED: (CLOSED, CLOSED, OPEN, OPEN, None),
    OPEN: (OPEN, OPEN, OPEN, None, HALF),
    HALF: (CLOSED, OPEN, OPEN, None, None),
}
CELLS = [(old, signal, new) for old, row in TABLE.items() for signal, new in zip(BreakerSignal, row, strict=True)]
WAY = {CLOSED: [], OPEN: [SYSTEMIC], HALF: [SYSTEMIC, DUE]}


def breaker(state: BreakerState, max_wait: float = 60.0) -> Breaker:
    made = Breaker(max_wait, Random(1))
    for signal in WAY[state]:
        made.signal(signal, 0.0, "refused")
    assert made.state is state
    return made


@pytest.mark.parametrize(("old", "signal", "new"), [cell for cell in CELLS if cell[2] is not None])
def test_every_cell_of_the_table(old: BreakerState, signal: BreakerSignal, new: BreakerState) -> None:
    made = breaker(old)
    assert made.signal(signal, 1.0, "again") is (new is not old)
    assert made.state is new


@pytest.mark.parametrize(("old", "signal"), [(old, signal) for old, signal, new in CELLS if new is None])
def test_an_illegal_signal_raises_and_changes_nothing(old: BreakerState, signal: BreakerSignal) -> None:
    made = breaker(old)
    before = (made.state, made.reason, made.probe_at)
    with pytest.raises(IllegalTransition, match=f"no transition from {old.name} on {signal.name}"):
        made.signal(signal, 1.0)
    assert (made.state, made.reason, made.probe_at) == before


def test_it_keeps_the_first_reason_while_open_and_forgets_it_when_closed() -> None:
    made = breaker(CLOSED)
    made.signal(SYSTEMIC, 0.0, "first")
    made.signal(SYSTEMIC, 0.0, "second")
    assert made.reason == "first"
    made.signal(DUE, 1.0)
    assert made.reason == "first"
    made.signal(SUCCESS, 1.0)
    assert made.reason is None


@pytest.mark.parametrize(("max_wait", "longest"), [(60.0, 15.0), (3.0, 3.0)])
def test_the_wait_doubles_with_each_opening_in_a_row_up_to_the_longest(max_wait: float, longest: float) -> None:
    made, ceiling = breaker(CLOSED, max_wait), 0.5
    made.signal(SYSTEMIC, 0.0)
    for _ in range(1_100):
        assert made.probe_at is not None
        assert min(ceiling, longest) / 2 <= made.probe_at <= min(ceiling, longest)
        made.signal(DUE, 0.0)
        made.signal(FAILURE, 0.0)
        ceiling = min(60.0, ceiling * 2)


def test_after_a_delivery_the_first_wait_is_short_again() -> None:
    made = breaker(CLOSED)
    for _ in range(6):
        made.signal(SYSTEMIC, 0.0)
        made.signal(DUE, 0.0)
    made.signal(SUCCESS, 0.0)
    made.delivered()
    made.signal(SYSTEMIC, 100.0)
    assert made.probe_at is not None
    assert 100.25 <= made.probe_at <= 100.5


def test_a_probe_is_due_when_its_wait_is_over_and_only_while_open() -> None:
    made = breaker(OPEN)
    assert made.probe_at is not None
    assert not made.is_probe_due(made.probe_at - 0.001)
    assert made.is_probe_due(made.probe_at)
    made.signal(DUE, made.probe_at)
    assert not made.is_probe_due(1e9)


def test_a_probe_can_be_brought_forward_never_put_off() -> None:
    made = breaker(OPEN)
    made.hasten(1e9)
    assert made.probe_at is not None
    assert made.probe_at < 1.0
    made.hasten(0.01)
    assert made.probe_at == 0.01
    idle = breaker(CLOSED)
    idle.hasten(0.01)
    assert idle.probe_at is None


def noted(*answers: tuple[float, bool]) -> bool:
    """Return what is said to the last of ``answers``, each (time, failed)."""
    made = breaker(CLOSED)
    return [made.note(failed=failed, now=now) for now, failed in answers][-1]


def test_it_is_tripped_by_a_failure_when_half_of_at_least_ten_answers_failed() -> None:
    assert noted(*[(0.0, False)] * 5, *[(0.0, True)] * 5)
    assert not noted(*[(0.0, False)] * 6, *[(0.0, True)] * 5)
    assert not noted(*[(0.0, True)] * 9)
    assert not noted(*[(0.0, True)] * 9, (0.0, False))


def test_answers_of_long_ago_do_not_trip_it() -> None:
    assert not noted(*[(0.0, True)] * 9, (10.0, True))
    assert noted(*[(0.1, True)] * 9, (10.0, True))


def test_only_the_latest_answers_are_looked_at() -> None:
    assert noted(*[(0.0, False)] * 1000, *[(0.0, True)] * 50)


def test_what_was_before_it_opened_does_not_trip_it_when_it_has_closed() -> None:
    made = breaker(HALF)
    for _ in range(20):
        made.note(failed=True, now=0.0)
    made.signal(SUCCESS, 0.0)
    assert not made.note(failed=True, now=0.0)
