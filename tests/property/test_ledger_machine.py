"""The ledger against the simplest model: a set of offsets without an outcome."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sidecar.core.errors import AccountingError
from sidecar.core.ledger import Ledger
from sidecar.core.records import Chunk
from tests.unit.core.examples import chunk


class LedgerMachine(RuleBasedStateMachine):
    """Polls with gaps, outcomes of any part in any order, and mistakes."""

    @initialize(start=st.integers(0, 1_000), known=st.booleans())
    def begin(self, start: int, *, known: bool) -> None:
        self.ledger = Ledger(start if known else None)
        self.end = start
        self.begun = known
        self.open: list[Chunk] = []
        self.done: list[Chunk] = []
        self.before = -1

    @rule(steps=st.lists(st.integers(1, 4), min_size=1, max_size=12), gap=st.integers(0, 3))
    def poll(self, steps: list[int], gap: int) -> None:
        offsets = [self.end + gap + sum(steps[:at]) for at in range(len(steps))]
        polled = chunk(offsets=offsets)
        self.ledger.track(polled)
        self.open.append(polled)
        self.begun, self.end = True, polled.end

    @rule(distance=st.integers(-5, 5))
    def advance(self, distance: int) -> None:
        if self.end + distance < 0:
            return
        self.ledger.advance(self.end + distance)
        self.end = self.end + distance if not self.begun else max(self.end, self.end + distance)
        self.begun = True

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def complete(self, data: st.DataObject) -> None:
        """Complete a slice of something; what is left of it stays open."""
        whole = self.open.pop(data.draw(st.integers(0, len(self.open) - 1)))
        first = data.draw(st.integers(0, len(whole) - 1))
        stop = data.draw(st.integers(first + 1, len(whole)))
        self.ledger.complete(whole.slice(first, stop))
        self.done.append(whole.slice(first, stop))
        self.open += [whole.slice(a, b) for a, b in ((0, first), (stop, len(whole))) if a < b]

    @precondition(lambda self: self.done)
    @rule(data=st.data())
    def complete_twice(self, data: st.DataObject) -> None:
        wrong = data.draw(st.sampled_from(self.done))
        with pytest.raises(AccountingError):
            self.ledger.complete(wrong)

    @rule()
    def complete_what_was_never_polled(self) -> None:
        with pytest.raises(AccountingError):
            self.ledger.complete(chunk(offsets=range(self.end, self.end + 1)))

    @precondition(lambda self: self.begun and self.end > 0)
    @rule()
    def poll_again(self) -> None:
        with pytest.raises(AccountingError):
            self.ledger.track(chunk(offsets=range(self.end - 1, self.end + 1)))

    @invariant()
    def it_agrees_with_the_model(self) -> None:
        ledger = self.ledger
        if not self.begun:
            assert (ledger.position, ledger.committable) == (None, None)
            return
        assert ledger.position == self.end
        assert ledger.committable == min((each.start for each in self.open), default=self.end)
        assert ledger.outstanding == sum(map(len, self.open))
        assert ledger.committable >= self.before
        self.before = ledger.committable


TestLedger = LedgerMachine.TestCase
TestLedger.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
