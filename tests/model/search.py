"""Exhaustive search, breadth first: what is found first is found by a shortest way.

Two states that differ by the names of the processes alone count as one.
"""

from __future__ import annotations

import gc
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from tests.model.promises import ENDS, PROMISES, Promise
from tests.model.states import State, start
from tests.model.steps import STEPS, Kind, Model, Step


@dataclass(frozen=True)
class Happened:
    """One step of a way: what happened, in a sentence, and the state then."""

    sentence: str
    state: State


@dataclass(frozen=True)
class Counterexample:
    """A shortest way to a state that breaks a promise."""

    promise: Promise
    way: Sequence[Happened]


@dataclass(frozen=True)
class Explored:
    """What a search came to: how many states it reached by which steps, and the first broken promise (None: all are kept in all of them)."""

    states: int
    steps: frozenset[Step]
    counterexample: Counterexample | None


@cache
def explore(model: Model, promises: tuple[Promise, ...] = (*PROMISES, ENDS)) -> Explored:
    """Visit every state of ``model``, until one breaks one of ``promises``. It takes seconds, and is done once."""
    with _uncollected():
        graph = _Graph(model)
        counterexample = graph.first_broken([promise for promise in promises if promise is not ENDS])
        if counterexample is None and ENDS in promises:
            counterexample = graph.first_endless()
        return Explored(len(graph.states), frozenset(graph.steps), counterexample)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Spare the collector the search for cycles among a million tuples that have none: it is a third of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class _Graph:
    """The states that were reached: each by its number, the number from which it was reached first, and those that lead to it without a fault."""

    def __init__(self, model: Model) -> None:
        self.states: list[State] = []
        self.steps: set[Step] = set()
        self._model = model
        self._possible = [step for step in STEPS if step.moves not in model.spared]
        self._numbers: dict[State, int] = {}
        self._parents: list[int] = []
        self._calm: list[list[int]] = []
        self._number(start(model.records), -1)

    def __iter__(self) -> Iterator[int]:
        """Give the number of each state that can be reached, nearest first; what follows a state is visited after it was given."""
        number = 0
        while number < len(self.states):
            yield number
            for step, _, after in self._following(self.states[number]):
                reached = self._number(after, number)
                self.steps.add(step)
                if step.kind is not Kind.FAULT:
                    self._calm[reached].append(number)
            number += 1

    def first_broken(self, promises: Collection[Promise]) -> Counterexample | None:
        """Visit everything; return the way to the nearest state that does not keep one of ``promises``."""
        for number in self:
            for promise in promises:
                if not promise.holds(self.states[number], self._model):
                    return Counterexample(promise, self._way(number))
        return None

    def first_endless(self) -> Counterexample | None:
        """Return the way to the nearest state from which, without a fault, no complete one is reached. Everything must have been visited."""
        ends = [ENDS.holds(state, self._model) for state in self.states]
        front = [number for number, complete in enumerate(ends) if complete]
        while front:
            for number in self._calm[front.pop()]:
                if not ends[number]:
                    ends[number] = True
                    front.append(number)
        return Counterexample(ENDS, self._way(ends.index(False))) if False in ends else None

    def _way(self, number: int) -> list[Happened]:
        numbers = [number]
        while self._parents[numbers[-1]] >= 0:
            numbers.append(self._parents[numbers[-1]])
        return [self._happened(self.states[before], self.states[after]) for before, after in pairwise(reversed(numbers))]

    def _number(self, state: State, parent: int) -> int:
        known = self._numbers.get(state)
        if known is None:
            known = self._numbers.get(state.mirrored())
        if known is None:
            known = self._numbers[state] = len(self.states)
            self.states.append(state)
            self._parents.append(parent)
            self._calm.append([])
        return known

    def _happened(self, before: State, after: State) -> Happened:
        step, me = next((step, me) for step, me, reached in self._following(before) if reached == after)
        return Happened(step.tell(before, after, me), after)

    def _following(self, state: State) -> Iterator[tuple[Step, int, State]]:
        for step in self._possible:
            for me in range(len(state.processes)):
                for after in step.moves(state, me, self._model):
                    yield step, me, after
