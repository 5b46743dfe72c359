"""What becomes of poison where there is a topic for it: proven, paid for, acknowledged, and only then passed by a commit."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from math import log2

import pytest

from sidecar.core.actions import BreakerChanged, DeadLetter, DeadLettered, DeadLetterFailed, Landed, LetterReason
from sidecar.core.breaker import BreakerState
from sidecar.core.config import DeadLetterRules, EngineConfig, FlushLimits, RetryLimits
from sidecar.core.events import DeadLetterFinished, DrainRequested, Located, Lost, RevokeBegun
from sidecar.core.results import Delivered, FailureAction, Partial, Poison, RecordFailure, Result, Retriable, Said, Systemic
from tests.unit.core.examples import SMALL, T0, T1, T2, Bench, chunk, offsets_of, only, started

LETTERS = replace(SMALL, dead_letters=DeadLetterRules())
SAID = Said("422", "no such customer")
MANY_FLUSHES = 1000


def named(*offsets: int) -> tuple[RecordFailure, ...]:
    return tuple(RecordFailure(T0, offset, FailureAction.REJECT, "bad") for offset in offsets)


def flying(config: EngineConfig = LETTERS, records: int = 10) -> Bench:
    """Return a bench with flight 1 under way."""
    bench = Bench(config, T0)
    bench.poll(chunk(offsets=range(records)))
    return bench


def letters(bench: Bench) -> list[int]:
    """Return the offsets of all letters that were sent."""
    return [letter.chunk.start for letter in only(bench.actions, DeadLetter)]


def landed(bench: Bench) -> list[int]:
    return [offset for each in only(bench.actions, Landed) for offset in offsets_of(each.chunks)]


def play(bench: Bench, bad: Collection[int], *, names: bool = False) -> int:
    """Answer all flushes, each that holds a ``bad`` offset with Poison, and acknowledge all letters; return how many flushes there were."""
    flushes = acknowledged = 0
    while flushes < len(bench.flushed()) or acknowledged < len(letters(bench)):
        assert flushes < MANY_FLUSHES, "it never ends"
        if acknowledged < len(letters(bench)):
            bench.tell(DeadLetterFinished(only(bench.actions, DeadLetter)[acknowledged].number, None))
            acknowledged += 1
            continue
        start = bench.flushed()[flushes]
        flushes += 1
        found = [offset for offset in offsets_of(start.batch.chunks) if offset in bad]
        answer: Result = Poison("422", named(found[0]) if names else ()) if found else Delivered()
        bench.land(start.flight, answer)
        if flushes == len(bench.flushed()) and bench.shot.flow.breaker == "closed" and bench.shot.buffer_records:
            bench.wait(1)
    return flushes


@pytest.mark.parametrize("names", [False, True], ids=["by halves", "by name"])
@pytest.mark.parametrize("bad", [[0], [4], [9], [0, 9], [3, 4, 5]], ids=str)
def test_the_bad_records_of_a_batch_become_dead_letters_and_the_others_are_delivered_in_order(
    bad: list[int], *, names: bool
) -> None:
    bench = flying()
    play(bench, bad, names=names)
    assert letters(bench) == bad
    assert landed(bench) == [offset for offset in range(10) if offset not in bad]
    assert bench.committable() == 10
    assert bench.shot.books.dead_lettered == {"orders": len(bad)}


def of_size(records: int) -> Bench:
    """Return a bench with one flight of so many records."""
    flush = replace(SMALL.flush, first_batch=records, max_batch=records, max_batch_bytes=1 << 30)
    return flying(replace(LETTERS, max_messages=2 * records, max_bytes=1 << 30, flush=flush), records)


@pytest.mark.parametrize(("records", "places"), [(64, range(64)), (10_000, [0, 1, 4_999, 5_000, 5_001, 7_777, 9_999])])
def test_one_bad_record_costs_at_most_two_flushes_for_each_halving_and_one_more(records: int, places: Sequence[int]) -> None:
    extra = [play(of_size(records), [place]) - 1 for place in places]
    assert max(extra) <= 2 * log2(records) + 1


def test_a_record_that_is_named_costs_four_flushes_more_at_most() -> None:
    assert max(play(of_size(64), [place], names=True) - 1 for place in range(64)) == 4


def test_a_record_that_an_outage_refused_is_tried_once_more_and_delivered_though_late() -> None:
    bench = flying(records=3)
    bench.wait_for_due()
    bench.land(1, Poison("422"))
    bench.land(2, Poison("422"))
    for flight in (3, 4):
        bench.land(flight)
    assert (landed(bench), letters(bench)) == ([1, 2, 0], [])
    assert bench.committable() == 3


def test_records_that_an_outage_refuses_when_they_are_tried_once_more_are_delivered_in_order() -> None:
    bench = flying(records=3)
    bench.wait_for_due()
    answers: list[Result] = [*[Poison("422")] * 4, Delivered(), *[Systemic("refused")] * 2]
    for answer in answers:
        bench.land(bench.flushed()[-1].flight, answer)
        while bench.shot.flow.breaker == "open":
            bench.wait_for_due()
    assert started(bench.flushed())[-4:] == [(T0, [0]), (T0, [1]), (T0, [0]), (T0, [1])]
    bench.land(bench.flushed()[-1].flight)
    assert (landed(bench), bench.committable()) == ([2, 0, 1], 3)


def test_a_record_that_is_to_be_tried_once_more_is_due_at_once_when_a_flush_that_hangs_leaves_its_place() -> None:
    bench = Bench(LETTERS, T0, T1, T2)
    bench.poll(chunk(offsets=range(2)))
    bench.wait_for_due()
    bench.land(1, Poison("422"))
    bench.land(2, Poison("422"))
    bench.poll(chunk(T1), chunk(T2))
    assert started(bench.actions)[-3:] == [(T0, [1]), (T1, list(range(10))), (T2, list(range(10)))]
    bench.land(5, Retriable("429", 60.0, too_many=True))
    assert started(bench.land(3)) == []
    bench.now += 50
    assert bench.engine.next_due(bench.now) == bench.now
    assert started(bench.wait_for_due()) == [(T0, [0])]


def test_a_letter_tells_what_was_tried_since_when_and_what_the_downstream_said() -> None:
    bench = flying(records=1)
    bench.wait_for_due()
    bench.now += 2.0
    bench.land(1, Poison("answered 422 Unprocessable Entity", said=SAID))
    [letter] = only(bench.actions, DeadLetter)
    assert (letter.chunk.start, letter.reason, letter.error) == (0, LetterReason.POISON, "answered 422 Unprocessable Entity")
    assert (letter.said, letter.attempts) == (SAID, 1)
    assert letter.failed_wall_ms - letter.chunk.polled_wall_ms == pytest.approx(
        (bench.now - letter.chunk.polled_at) * 1000, abs=1
    )


def test_the_attempts_of_the_batches_that_a_record_was_in_are_counted_and_the_first_failure_stays_the_first() -> None:
    bench = flying(records=2)
    bench.wait_for_due()
    bench.land(1, Poison("422"))
    first = bench.now
    bench.now += 5
    bench.land(2, Poison("422"))
    bench.land(3)
    bench.land(4, Poison("422"))
    [letter] = only(bench.actions, DeadLetter)
    assert letter.attempts == 3
    assert letter.failed_wall_ms == letter.chunk.polled_wall_ms + int((first - letter.chunk.polled_at) * 1000)


def test_the_offset_is_passed_only_after_the_letter_is_acknowledged_and_nothing_of_its_partition_is_flushed_before() -> None:
    bench = flying(records=1)
    bench.wait_for_due()
    bench.land(1, Poison("422"))
    bench.poll(chunk(offsets=range(1, 11)))
    assert (bench.committable(), len(bench.flushed())) == (0, 1)
    [letter] = only(bench.actions, DeadLetter)
    [done] = only(bench.tell(DeadLetterFinished(letter.number, None)), DeadLettered)
    assert done == DeadLettered(T0, 0, LetterReason.POISON, "422")
    assert (bench.committable(), len(bench.flushed())) == (1, 2)


def test_a_letter_that_its_topic_does_not_take_is_sent_again_and_its_partition_is_held_meanwhile() -> None:
    bench = flying(records=1)
    bench.wait_for_due()
    bench.land(1, Poison("422"))
    [letter] = only(bench.actions, DeadLetter)
    [failed] = only(bench.tell(DeadLetterFinished(letter.number, "unknown topic")), DeadLetterFailed)
    assert (failed.error, bench.holds) == ("unknown topic", {T0: ("dead_letter",)})
    assert only(bench.wait_for_due(), DeadLetter) == [letter]
    bench.tell(DeadLetterFinished(letter.number, None))
    assert (bench.committable(), bench.holds) == (1, {})


def test_letters_that_their_topic_does_not_take_keep_no_other_partition_from_being_flushed() -> None:
    tight = replace(LETTERS, flush=FlushLimits(max_batch_bytes=1_000, max_in_flight=1))
    bench = Bench(tight, T0, T1)
    bench.poll(chunk(values=[bytes(2_000)], offsets=range(1)))
    bench.land(1, Poison("422"))
    [letter] = only(bench.actions, DeadLetter)
    bench.tell(DeadLetterFinished(letter.number, "unknown topic"))
    bench.poll(chunk(T1, values=[bytes(2_000)], offsets=range(1)))
    assert started(bench.actions) == [(T0, [0]), (T1, [0])]


def test_a_record_alone_is_dead_lettered_at_once_and_one_among_others_when_the_downstream_has_taken_another() -> None:
    bench = flying(records=2)
    bench.wait_for_due()
    bench.land(1, Poison("422"))
    bench.land(2, Poison("422"))
    assert letters(bench) == []
    bench.land(3)
    bench.land(4, Poison("422"))
    assert letters(bench) == [0]


def test_ten_records_in_a_row_that_are_refused_are_no_poison_and_open_the_breaker() -> None:
    bench = flying(records=20)
    play(bench, range(20))
    assert letters(bench) == []
    [opened] = [change for change in only(bench.actions, BreakerChanged) if change.new is BreakerState.OPEN]
    assert opened.reason == "10 records in a row are refused, too many to be poison; the last one: 422"
    assert bench.shot.buffer_records == 20


def test_once_the_downstream_is_well_again_they_are_all_delivered_in_order() -> None:
    bench = flying(records=20)
    flushes = play(bench, range(20))
    while bench.shot.buffer_records:
        if flushes == len(bench.flushed()):
            bench.wait_for_due()
        bench.land(bench.flushed()[flushes].flight)
        flushes += 1
    assert landed(bench) == list(range(20))


def test_the_waits_between_openings_grow_as_long_as_nothing_is_delivered() -> None:
    bench = flying(records=20)
    for _ in range(12):
        play(bench, range(20))
        bench.wait_for_due()
    waits = [change.probe_in for change in only(bench.actions, BreakerChanged) if change.new is BreakerState.OPEN]
    assert waits[-1] is not None
    assert waits[-1] >= 7.5


def test_a_user_may_allow_that_everything_is_dead_lettered() -> None:
    bench = flying(replace(LETTERS, dead_letters=DeadLetterRules(burst=100, max_share=1.0)), records=20)
    play(bench, range(20))
    assert letters(bench) == list(range(20))


def test_too_large_a_part_of_rejected_records_is_a_failure_of_the_whole_and_no_poison() -> None:
    bench = flying()
    bench.land(1, Partial(named(*range(6)), said=SAID))
    assert letters(bench) == []
    assert landed(bench) == [6, 7, 8, 9]
    [opened] = only(bench.actions, BreakerChanged)
    assert opened.reason == "6 of 10 records are rejected, too many to be poison"
    bench.wait_for_due()
    assert offsets_of(bench.flushed()[-1].batch.chunks) == list(range(6))
    bench.land(1, Partial(named(*range(5))))
    assert bench.shot.flow.breaker == "open"
    bench.wait_for_due()
    bench.land(1, Partial(named(2)))
    assert letters(bench) == [2]


def test_any_number_of_records_is_dead_lettered_that_the_downstream_rejects_one_by_one_among_others_that_it_takes() -> None:
    bench = flying(
        replace(LETTERS, dead_letters=DeadLetterRules(burst=100), flush=replace(SMALL.flush, first_batch=40, max_batch=40)), 40
    )
    bench.land(1, Partial(named(*range(0, 40, 2))))
    assert letters(bench) == list(range(0, 40, 2))


def test_a_batch_of_which_too_many_records_are_named_opens_the_breaker_and_is_kept_in_order() -> None:
    bench = flying(replace(LETTERS, stored_offsets=True))
    bench.tell(Located({T0: 0}, {T0: 1}))
    bench.poll(chunk())
    bench.land(1, Poison("not a number", named(*range(4, 10))))
    assert letters(bench) == []
    [opened] = only(bench.actions, BreakerChanged)
    assert opened.reason == "6 of 10 records are refused, too many to be poison; the last reason: not a number"
    assert bench.shot.buffer_records == 10


def test_half_of_a_batch_may_be_rejected() -> None:
    bench = flying()
    bench.land(1, Partial(named(*range(5)), said=SAID))
    assert letters(bench) == [0, 1, 2, 3, 4]
    assert {letter.said for letter in only(bench.actions, DeadLetter)} == {SAID}


def test_without_a_token_the_partition_is_held_until_deliveries_have_earned_one() -> None:
    config = replace(SMALL, dead_letters=DeadLetterRules(burst=1, earned_by=10))
    bench = Bench(config, T0, T1)
    bench.poll(chunk(T0))
    bench.land(1, Partial(named(0, 1)))
    assert letters(bench) == [0]
    assert bench.holds == {T0: ("dead_letter",)}
    [failed] = only(bench.actions, DeadLetterFailed)
    assert failed.error.startswith("dead_letter_budget_exhausted")
    bench.poll(chunk(T1))
    bench.land(2)
    assert letters(bench) == [0, 1]


def test_a_drain_makes_no_dead_letters_and_gives_the_record_back_with_all_that_is_behind_it() -> None:
    bench = flying(records=15)
    bench.tell(DrainRequested(bench.now + 30))
    bench.land(1, Partial(named(3)))
    assert letters(bench) == []
    assert bench.shot.books.released == {("orders", "shutdown"): 6}
    assert bench.committable() == 3
    assert bench.shot.buffer_records == 0


def test_a_letter_that_was_sent_before_the_drain_still_counts() -> None:
    bench = flying(records=1)
    bench.wait_for_due()
    bench.land(1, Poison("422"))
    bench.tell(DrainRequested(bench.now + 30))
    bench.tell(DeadLetterFinished(1, None))
    assert (bench.committable(), bench.shot.books.dead_lettered) == (1, {"orders": 1})


def test_a_revocation_waits_for_letters_that_are_sent() -> None:
    bench = flying(records=1)
    bench.wait_for_due()
    bench.land(1, Poison("422"))
    bench.tell(RevokeBegun([T0]))
    assert bench.engine.in_flight_of([T0]) == 1
    bench.tell(DeadLetterFinished(1, None))
    assert bench.engine.in_flight_of([T0]) == 0
    assert bench.engine.offsets_to_commit([T0])[T0].offset == 1


def test_the_letters_of_a_partition_that_was_lost_are_given_back_or_counted_when_they_are_acknowledged() -> None:
    bench = flying()
    bench.land(1, Partial(named(0, 1)))
    bench.tell(DeadLetterFinished(1, "unknown topic"))
    bench.tell(Lost([T0]))
    assert bench.shot.books.released == {("orders", "lost"): 1}
    bench.tell(DeadLetterFinished(2, None))
    assert bench.shot.books.dead_lettered == {"orders": 1}


IMPATIENT = replace(LETTERS, retry=RetryLimits(max_attempts=3))


def fail(bench: Bench, flight: int) -> None:
    bench.land(flight, Retriable("503", said=SAID))


def test_retries_are_exhausted_only_while_the_downstream_answers_others() -> None:
    bench = Bench(replace(IMPATIENT, flush=replace(SMALL.flush, first_batch=1, max_batch=1)), T0, T1)
    bench.poll(chunk(T0, range(1)))
    for _ in range(6):
        fail(bench, 1)
        bench.wait(60)
    assert letters(bench) == []
    bench.poll(chunk(T1, range(1)))
    fail(bench, 1)
    bench.land(2)
    bench.wait(60)
    fail(bench, 1)
    [letter] = only(bench.actions, DeadLetter)
    assert (letter.reason, letter.error, letter.said) == (LetterReason.RETRIES_EXHAUSTED, "503", SAID)


def test_a_batch_whose_retries_are_exhausted_is_divided_and_only_what_goes_on_failing_is_dead_lettered() -> None:
    bench = Bench(IMPATIENT, T0, T1)
    bench.poll(chunk(T0))
    index, others = 0, 0
    while index < len(bench.flushed()) and index < MANY_FLUSHES:
        start = bench.flushed()[index]
        index += 1
        offsets = offsets_of(start.batch.chunks)
        if start.batch.chunks[0].tp == T0 and 7 in offsets:
            bench.poll(chunk(T1, range(others, others + 10)))
            others += 10
            if start.flight == bench.flushed()[-1].flight:
                bench.now += 60
            fail(bench, start.flight)
        else:
            bench.land(start.flight)
        bench.wait(0.2)
        if index == len(bench.flushed()) and bench.shot.buffer_records:
            bench.wait(60)
    assert letters(bench) == [7]


def test_the_time_since_the_first_failure_exhausts_retries_too() -> None:
    bench = Bench(replace(LETTERS, retry=RetryLimits(max_elapsed=100.0)), T0, T1)
    bench.poll(chunk(T0, range(1)))
    bench.wait_for_due()
    fail(bench, 1)
    bench.poll(chunk(T1))
    bench.now += 0.1
    bench.land(2)
    bench.now += 99.8
    bench.wait(0)
    fail(bench, 1)
    assert letters(bench) == []
    bench.wait(60)
    fail(bench, 1)
    assert letters(bench) == [0]
