"""Redriving and dropping: what is chosen goes, what was taken is committed, what stays is there the next time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from sidecar.core.records import Batch, TopicPartition
from sidecar.core.results import Delivered, FailureAction, Partial, Poison, RecordFailure, Result, Retriable, Systemic, TooLarge
from sidecar.dlq.letters import Letter
from sidecar.dlq.redriven import refusal
from sidecar.dlq.selection import Selection
from sidecar.dlq.to_writer import ATTEMPTS, LONGEST_WAIT, ToWriter
from sidecar.dlq.work import Orders, Places, Work
from tests.unit.dlq.examples import DEAD, ORDERS, letter


class Target:
    """Takes everything but the letters at the offsets ``bad``."""

    def __init__(self, *bad: int) -> None:
        self.bad = bad
        self.taken: list[int] = []

    def take(self, letters: Sequence[Letter]) -> Sequence[str | None]:
        self.taken += [letter.offset for letter in letters if letter.offset not in self.bad]
        return ["no" if letter.offset in self.bad else None for letter in letters]


class Group:
    """What a group remembers."""

    def __init__(self) -> None:
        self.places: dict[TopicPartition, tuple[int, str]] = {DEAD: (0, "")}

    def commit(self, places: Places) -> None:
        self.places |= places


def test_what_is_taken_is_committed_and_what_failed_or_was_not_meant_stays() -> None:
    group, target = Group(), Target(2)
    letters = [letter(0), letter(1, reason="retries_exhausted"), letter(2), letter(3)]
    first = Work(Orders(Selection(reason="poison")), group.places, target, group.commit)
    assert first.round(letters)
    assert (first.tally.seen, first.tally.taken, dict(first.tally.failed)) == (4, 2, {"no": 1})
    assert (target.taken, group.places[DEAD]) == ([0, 3], (1, "2+1"))

    second = Work(Orders(Selection()), group.places, target := Target(), group.commit)
    second.round(letters)
    assert (target.taken, group.places[DEAD]) == ([1, 2], (4, ""))


def test_no_more_than_so_many_are_tried() -> None:
    group, target = Group(), Target(0)
    work = Work(Orders(Selection(), most=3), group.places, target, group.commit)
    assert work.round([letter(0), letter(1)])
    assert not work.round([letter(2), letter(3)])
    assert target.taken == [1, 2]


def test_what_is_refused_is_counted_and_not_sent() -> None:
    group, target = Group(), Target()
    work = Work(Orders(Selection(), None, partial(refusal, most=3)), group.places, target, group.commit)
    work.round([letter(0, origin=None), letter(1)])
    assert (target.taken, work.tally.refused.total(), group.places[DEAD]) == ([1], 1, (0, "1+1"))


def test_offsets_without_a_letter_are_passed_with_the_letter_after_them() -> None:
    group = Group()
    Work(Orders(Selection()), group.places, Target(), group.commit).round([letter(4), letter(9)])
    assert group.places[DEAD] == (10, "")


def test_it_stops_before_the_group_could_not_remember_the_holes() -> None:
    group = Group()
    work = Work(Orders(Selection(reason="poison")), group.places, Target(), group.commit)
    letters = [letter(n, reason="poison" if n % 2 else "other") for n in range(4_000)]
    assert not work.round(letters)
    assert work.tally.stopped is not None
    assert len(group.places[DEAD][1]) < 4096


class Downstream:
    """A writer that answers as it is told."""

    def __init__(self, *answers: Result, poison: Sequence[int] = ()) -> None:
        self.answers = list(answers)
        self.poison = poison
        self.batches: list[list[int]] = []

    def connect(self, deadline: float) -> None: ...

    def write(self, batch: Batch, attempt: int, deadline: float) -> Result:  # noqa: ARG002 -- the protocol's
        offsets = [offset for chunk in batch.chunks for offset in chunk.offsets]
        self.batches.append(offsets)
        if self.answers:
            return self.answers.pop(0)
        return Poison("bad") if set(offsets) & set(self.poison) else Delivered()

    def close(self) -> None: ...


def take(downstream: Downstream, *letters: Letter) -> tuple[list[str | None], list[float]]:
    """Return why each of ``letters`` is not taken, and the waits between attempts."""
    waits: list[float] = []
    return list(ToWriter(downstream, 30, waits.append).take(letters)), waits


def test_a_letter_goes_to_the_writer_as_the_record_that_it_was() -> None:
    downstream = Downstream()
    assert take(downstream, letter(0), letter(7)) == ([None, None], [])
    assert downstream.batches == [[100, 107]]


def test_a_batch_is_tried_again_as_the_downstream_asks_and_not_for_ever() -> None:
    assert take(Downstream(Retriable("busy", 7.0), Retriable("busy", 999.0)), letter()) == ([None], [7.0, LONGEST_WAIT])
    answers, waits = take(Downstream(*[Retriable("busy")] * 9), letter())
    assert (answers, len(waits)) == (["busy"], ATTEMPTS - 1)


def test_poison_is_found_by_halves_and_the_others_are_taken() -> None:
    downstream = Downstream(poison=[102])
    assert take(downstream, *map(letter, range(4))) == ([None, None, "bad", None], [])


def test_records_that_are_named_stay_and_a_batch_too_large_is_divided() -> None:
    named = Partial((RecordFailure(ORDERS, 101, FailureAction.REJECT, "not this one"),))
    assert take(Downstream(named), letter(0), letter(1))[0] == [None, "not this one"]
    downstream = Downstream(TooLarge("too large"))
    assert take(downstream, letter(0), letter(1))[0] == [None, None]
    assert downstream.batches == [[100, 101], [100], [101]]


def test_a_downstream_that_refuses_us_as_a_whole_takes_nothing() -> None:
    assert take(Downstream(Systemic("401")), letter(0), letter(1))[0] == ["401", "401"]
