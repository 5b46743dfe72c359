from __future__ import annotations

from random import Random

import pytest

from sidecar.core.breaker import Breaker, BreakerSignal, BreakerState
from sidecar.core.errors import IllegalTransition

CLOSED, OPEN, HALF = BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN
SUCCESS, FAILURE, SYSTEMIC, DUE = BreakerSignal

TABLE = {
    #        SUCCESS FAILURE SYSTEMIC PROBE_DUE
    CLOSED: (CLOSED, CLOSED, OPEN, None),
    OPEN: (OPEN, OPEN, OPEN, HALF),
    HALF: (CLOSED, OPEN, OPEN, None),
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


def test_after_it_closed_the_first_wait_is_short_again() -> None:
    made = breaker(CLOSED)
    for _ in range(6):
        made.signal(SYSTEMIC, 0.0)
        made.signal(DUE, 0.0)
    made.signal(SUCCESS, 0.0)
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
