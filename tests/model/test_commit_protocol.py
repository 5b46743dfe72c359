"""The commit protocol, in every order in which things can happen (docs/COMMIT-PROTOCOL.md)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.model.document import document
from tests.model.promises import ENDS
from tests.model.protocols import AT_LEAST_ONCE, EXACTLY_ONCE, Expects, Offset
from tests.model.search import Counterexample, explore
from tests.model.steps import STEPS, Model
from tests.model.wrong import WRONG, Wrong

DOCUMENT = Path(__file__).parents[2] / "docs" / "COMMIT-PROTOCOL.md"

OURS = {
    "exactly once": (Model(EXACTLY_ONCE), 50_000),
    "exactly once, no bad record": (Model(EXACTLY_ONCE, poison=frozenset()), 50_000),
    "exactly once, the first record is bad": (Model(EXACTLY_ONCE, records=2, poison=frozenset({0})), 10_000),
    "at least once": (Model(AT_LEAST_ONCE), 50_000),
    "at least once, the first record is bad": (Model(AT_LEAST_ONCE, records=2, poison=frozenset({0})), 5_000),
}
"""Ours in several worlds, each with a number of states that shows that they were searched indeed."""


def told(found: Counterexample) -> str:
    """Tell a way to ruin, for whoever reads the output of a failed test."""
    lines = [f"{number:3} {happened.sentence}" for number, happened in enumerate(found.way, 1)]
    return "\n".join([f"broken: {found.promise.says}", *lines])


@pytest.mark.parametrize(("model", "states"), OURS.values(), ids=OURS)
def test_our_protocol_keeps_every_promise_in_every_state(model: Model, states: int) -> None:
    result = explore(model)
    assert result.counterexample is None, told(result.counterexample)
    assert result.states > states


def test_every_step_happens_to_one_of_our_protocols() -> None:
    happened = explore(Model(EXACTLY_ONCE)).steps | explore(Model(AT_LEAST_ONCE)).steps
    assert [step.text for step in STEPS if step not in happened] == []


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.name)
def test_the_search_finds_what_a_wrong_protocol_breaks(wrong: Wrong) -> None:
    found = explore(Model(wrong.protocol, spared=wrong.spared), (wrong.breaks,)).counterexample
    assert found is not None, "nothing is found"
    print(told(found))  # noqa: T201 -- the shortest way, for who asks pytest for it
    assert found.promise is wrong.breaks
    before, after = found.way[-2].state, found.way[-1].state
    model = Model(wrong.protocol)
    assert (wrong.breaks.holds(before, model), wrong.breaks.holds(after, model)) == (True, False)


def test_the_search_finds_a_protocol_that_never_comes_to_an_end() -> None:
    """What comes after a dead letter, or after a gap, begins behind the stored offset, and would be fenced for ever."""
    first = replace(EXACTLY_ONCE, expects=Expects.FIRST)
    found = explore(Model(first)).counterexample
    assert found is not None
    assert found.promise is ENDS


def test_an_owner_that_wakes_up_is_enough_to_repeat_records_where_the_offset_is_written_blindly() -> None:
    blind = next(wrong for wrong in WRONG if wrong.protocol.offset is Offset.BLIND)
    found = explore(Model(blind.protocol, spared=blind.spared), (blind.breaks,)).counterexample
    assert found is not None
    assert [happened.sentence for happened in found.way if "stopped" in happened.sentence] != []


def test_the_document_is_the_one_that_the_model_makes() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == document(), "stale: run `make generate`"
