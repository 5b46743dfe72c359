from __future__ import annotations

from dataclasses import dataclass, field

from sidecar.core.records import TopicPartition
from sidecar.kafka.turns import PATIENCE, TURN_RECORDS, TURN_SECONDS, Change, Turns
from tests.unit.core.examples import chunk

A, B, C = (TopicPartition("t", number) for number in range(3))
NOBODY = Change(frozenset(), frozenset())


@dataclass
class Group:
    """Partitions that are polled turn by turn; ``behind`` are those whose log goes on."""

    turns: Turns = field(default_factory=Turns)
    fetched: set[TopicPartition] = field(default_factory=lambda: {A, B, C})
    behind: set[TopicPartition] = field(default_factory=lambda: {A, B, C})
    now: float = 100.0

    def turn(self, *served: TopicPartition) -> Change:
        for tp in served:
            self.turns.took([chunk(tp, range(TURN_RECORDS))], has_backlog=True)
        return self.end()

    def fruitless_turn(self) -> Change:
        for _ in range(PATIENCE):
            self.turns.took([], has_backlog=False)
        return self.end()

    def end(self) -> Change:
        self.now += TURN_SECONDS
        assert self.turns.is_over(self.now)
        change = self.turns.next(self.fetched, self.behind.__contains__, self.now)
        self.fetched = self.fetched - change.rest | change.wake
        return change


def test_nobody_rests_while_each_partition_gets_some() -> None:
    group = Group()
    assert group.turn(A, B, C) == NOBODY


def test_those_that_were_served_rest_while_another_starves() -> None:
    group = Group()
    assert group.turn(A, B) == Change(rest=frozenset({A, B}), wake=frozenset())


def test_each_has_had_its_turn_before_all_go_on() -> None:
    group = Group()
    assert group.turn(A).rest == {A}
    assert group.turn(B).rest == {B}
    assert group.turn(C).wake == {A, B}
    assert group.turn(A).rest == {A}


def test_a_partition_at_its_end_is_not_starved() -> None:
    group = Group(behind={A, B})
    assert group.turn(A, B) == NOBODY


def test_a_turn_takes_its_time_however_many_records_come() -> None:
    group = Group()
    group.turn(A, B, C)
    group.turns.took([chunk(A, range(TURN_RECORDS))], has_backlog=True)
    assert not group.turns.is_over(group.now + TURN_SECONDS / 2)


def test_what_gives_nothing_although_it_is_alone_is_not_waited_for_again() -> None:
    group = Group(behind={A, C})
    group.turn(A)
    assert group.fruitless_turn() == Change(rest=frozenset(), wake=frozenset({A}))
    assert group.turn(A) == NOBODY


def test_what_gave_nothing_can_starve_again_once_it_gave_some() -> None:
    group = Group(behind={A, C})
    group.turn(A)
    group.fruitless_turn()
    group.turn(A, C)
    assert group.turn(A).rest == {A}


def test_an_idle_turn_is_not_over_while_nobody_rests() -> None:
    turns = Turns()
    for _ in range(PATIENCE):
        turns.took([], has_backlog=False)
    assert not turns.is_over(1000.0)


def test_what_the_engine_holds_is_not_woken() -> None:
    group = Group(behind={A, C})
    group.turn(A)
    group.turns.forget([A])
    assert group.turn(C) == NOBODY


def test_a_turn_for_the_starved_ends_when_only_a_trickle_comes_of_them() -> None:
    group = Group(behind={A, C})
    group.turn(A)
    group.behind = {A}
    for offset in range(PATIENCE):
        group.turns.took([chunk(C, range(offset, offset + 1))], has_backlog=False)
    assert group.end().wake == {A}


def test_a_turn_for_the_starved_goes_on_while_they_have_a_backlog() -> None:
    group = Group(behind={A, C})
    group.turn(A)
    for offset in range(2 * PATIENCE):
        group.turns.took([chunk(C, range(offset, offset + 1))], has_backlog=True)
    assert not group.turns.is_over(group.now + 10 * TURN_SECONDS)
