from __future__ import annotations

import pytest

from sidecar.core.actions import StateChanged
from sidecar.core.backpressure import TRANSITIONS, Backpressure, Signal, State
from sidecar.core.errors import IllegalTransition
from sidecar.core.events import DrainRequested
from tests.unit.core.examples import SMALL, T0, Bench, chunk, only

N, E, C, B, D = State.NORMAL, State.ELEVATED, State.CRITICAL, State.BLOCKED, State.DRAINING

TABLE = {
    #   LOW MIDDLE HIGH FULL DRAIN
    N: (N, E, C, B, D),
    E: (N, E, C, B, D),
    C: (N, C, C, B, D),
    B: (N, C, B, B, D),
    D: (D, D, D, D, None),
}
CELLS = [(old, signal, new) for old, row in TABLE.items() for signal, new in zip(Signal, row, strict=True)]


def machine(state: State) -> Backpressure:
    machine = Backpressure(0.5, 0.8)
    machine.state = state
    return machine


@pytest.mark.parametrize(("old", "signal", "new"), [cell for cell in CELLS if cell[2] is not None])
def test_every_cell_of_the_table(old: State, signal: Signal, new: State) -> None:
    backpressure = machine(old)
    assert backpressure.signal(signal) is (new is not old)
    assert backpressure.state is new
    assert backpressure.transitions == ({} if new is old else {(old, new): 1})


def test_an_illegal_signal_raises_and_changes_nothing() -> None:
    illegal = [(old, signal) for old, signal, new in CELLS if new is None]
    assert illegal == [(D, Signal.DRAIN)]
    backpressure = machine(D)
    with pytest.raises(IllegalTransition, match="no transition from DRAINING on DRAIN"):
        backpressure.signal(Signal.DRAIN)
    assert (backpressure.state, backpressure.transitions) == (D, {})


def test_no_state_leads_out_of_draining_and_every_state_leads_into_it() -> None:
    assert set(TRANSITIONS[D].values()) == {D}
    assert all(TRANSITIONS[state][Signal.DRAIN] is D for state in (N, E, C, B))
    assert set(TRANSITIONS) == set(State)


@pytest.mark.parametrize(
    ("pressure", "level"),
    [
        (0.0, Signal.LOW),
        (0.4999, Signal.LOW),
        (0.5, Signal.MIDDLE),
        (0.7999, Signal.MIDDLE),
        (0.8, Signal.HIGH),
        (0.9999, Signal.HIGH),
        (1.0, Signal.FULL),
        (5.0, Signal.FULL),
    ],
)
def test_a_pressure_at_a_watermark_belongs_to_the_level_above(pressure: float, level: Signal) -> None:
    assert machine(N).level(pressure) is level


@pytest.mark.parametrize(
    ("pressures", "states"),
    [
        pytest.param([0.6, 0.4], [E, N], id="below the low one: back to normal"),
        pytest.param([0.8, 0.79, 0.5, 0.49], [C, C, C, N], id="critical ends below the low one"),
        pytest.param([1.0, 0.99, 0.8, 0.79, 0.5, 0.49], [B, B, B, C, C, N], id="blocked ends below the high one"),
        pytest.param([1.0, 0.79, 1.0], [B, C, B], id="critical rises again"),
        pytest.param([0.6, 0.9, 0.6, 0.1, 0.6], [E, C, C, N, E], id="after the low one the middle is elevated again"),
        pytest.param([1.0, 0.0], [B, N], id="emptied at once"),
    ],
)
def test_hysteresis(pressures: list[float], states: list[State]) -> None:
    backpressure = machine(N)
    seen = []
    for pressure in pressures:
        backpressure.signal(backpressure.level(pressure))
        seen.append(backpressure.state)
    assert seen == states


@pytest.mark.parametrize(
    ("state", "holds", "sheds", "flushes"),
    [
        (N, 0, 0, 0),
        (E, 0, 1, 1),
        (C, 1, 1, 1),
        (B, 1, 1, 1),
        (D, 0, 0, 1),
    ],
)
def test_what_each_state_means(state: State, holds: int, sheds: int, flushes: int) -> None:
    backpressure = machine(state)
    assert backpressure.holds_blocking_topics == bool(holds)
    assert backpressure.sheds_samples == bool(sheds)
    assert backpressure.flushes_at_once == bool(flushes)


def test_the_engine_tells_each_transition_once_and_counts_it() -> None:
    bench = Bench(SMALL, T0)
    assert only(bench.poll(chunk(offsets=range(60))), StateChanged) == [StateChanged(N, E, 0.6)]
    assert only(bench.poll(chunk(offsets=range(60, 70))), StateChanged) == []
    assert only(bench.poll(chunk(offsets=range(70, 120))), StateChanged) == [StateChanged(E, B, 1.0)]
    assert only(bench.tell(DrainRequested(bench.now + 5)), StateChanged) == [StateChanged(B, D, 1.0)]
    assert bench.shot.transitions == {("normal", "elevated"): 1, ("elevated", "blocked"): 1, ("blocked", "draining"): 1}
