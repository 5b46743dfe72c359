from __future__ import annotations

from dataclasses import replace

import pytest

from sidecar.core.actions import BreakerChanged, DeadLetter, FlushFailed, Landed, PartitionStopped, Released, StartFlush
from sidecar.core.books import ReleaseReason
from sidecar.core.breaker import BreakerState
from sidecar.core.config import DeadLetterRules, EngineConfig, FlushLimits, OnPoison, Policy, Strategy
from sidecar.core.events import Assigned, DeadLetterFinished, Lost, PartitionFailed, Revoked
from sidecar.core.records import Batch
from sidecar.core.results import Delivered, FailureAction, Partial, Poison, RecordFailure, Result, Retriable, Systemic, TooLarge
from tests.unit.core.examples import SMALL, T0, T1, T2, Bench, chunk, offsets_of, only, started

DROPPING = replace(SMALL, on_poison=OnPoison.DROP)
STARTING = BreakerState.CLOSED, BreakerState.OPEN


def failed(action: FailureAction, *offsets: int) -> tuple[RecordFailure, ...]:
    return tuple(RecordFailure(T0, offset, action, "bad") for offset in offsets)


def flying(config: EngineConfig = SMALL, records: int = 10) -> Bench:
    """Return a bench with flight 1 of ten records under way."""
    bench = Bench(config, T0)
    bench.poll(chunk(offsets=range(records)))
    return bench


MANY_FLUSHES = 100


def poisoned_by(*bad: int) -> dict[str, list[int]]:
    """Run a batch of ten to its end, each flush that holds a ``bad`` offset being poison; return what became of them."""
    bench = flying(DROPPING)
    done, index = [], 0
    while index < len(bench.flushed()):
        assert index < MANY_FLUSHES, "the poison is not found"
        start = bench.flushed()[index]
        offsets = offsets_of(start.batch.chunks)
        done.append(len(offsets))
        bench.land(start.flight, Poison("422") if set(bad) & set(offsets) else None)
        index += 1
        if bench.shot.books.buffered:
            bench.wait(1)
    landed = [offset for each in only(bench.actions, Landed) for offset in offsets_of(each.chunks)]
    assert bench.committable() == 10
    assert bench.shot.books.dropped == {("orders", "poison"): len(bad)}
    return {"landed": landed, "sizes": done}


def test_delivered_records_may_be_committed_and_leave_room() -> None:
    bench = flying()
    [landed] = only(bench.land(1), Landed)
    assert offsets_of(landed.chunks) == list(range(10))
    assert (bench.committable(), bench.shot.books.delivered, bench.shot.buffer_records) == (10, {"orders": 10}, 0)


def test_a_retriable_failure_repeats_the_same_batch_and_nothing_of_the_partition_overtakes_it() -> None:
    bench = flying(records=30)
    original = bench.flushed()[0].batch
    for attempt in (1, 2, 3):
        [told] = only(bench.land(1, Retriable("503")), FlushFailed)
        assert (told.attempt, told.records) == (attempt, 10)
        assert started(bench.actions[-1:]) == []
        [again] = only(bench.wait_for_due(), StartFlush)
        assert (again.flight, again.attempt) == (1, attempt + 1)
        assert again.batch is original
    assert bench.committable() == 0
    assert [offsets[0] for _, offsets in started(bench.land(1))] == [10]


def test_a_wait_that_the_downstream_asks_for_is_kept_to_the_moment() -> None:
    bench = flying()
    [told] = only(bench.land(1, Retriable("429", 7.0)), FlushFailed)
    assert told.retry_in == 7.0
    assert started(bench.wait(6.999)) == []
    assert bench.engine.next_due(bench.now) == pytest.approx(107.0)
    assert len(started(bench.wait(0.002))) == 1


@pytest.mark.parametrize(("asked", "waits"), [(None, False), (30.0, True)])
def test_an_answer_to_another_batch_brings_retries_forward_but_not_those_that_were_asked_to_wait(
    asked: float | None, *, waits: bool
) -> None:
    bench = Bench(SMALL, T0, T1)
    bench.poll(chunk(T0), chunk(T1))
    for _ in range(12):
        bench.land(1, Retriable("503"))
        bench.wait(60)
    bench.land(1, Retriable("503", asked))
    bench.land(2)
    assert (started(bench.wait(1.0)) == []) == waits


def test_partial_success_delivers_the_others_repeats_what_asked_for_it_and_keeps_order() -> None:
    bench = flying(records=20)
    actions = bench.land(1, Partial(failed(FailureAction.RETRY, 3, 7), wait=2.0))
    assert offsets_of(only(actions, Landed)[0].chunks) == [0, 1, 2, 4, 5, 6, 8, 9]
    assert bench.committable() == 3
    assert started(actions) == []
    [again] = only(bench.wait(2.001), StartFlush)
    assert offsets_of(again.batch.chunks) == [3, 7]
    assert bench.shot.books.in_flight == 2
    assert [offsets[0] for _, offsets in started(bench.land(1))] == [10]
    assert bench.committable() == 10


def test_a_failure_of_a_record_that_was_not_sent_changes_nothing() -> None:
    bench = flying()
    bench.land(1, Partial(failed(FailureAction.REJECT, 99)))
    assert (bench.committable(), bench.shot.books.delivered) == (10, {"orders": 10})


def test_a_rejected_record_stops_its_partition_there_and_gives_back_the_rest() -> None:
    bench = flying(records=30)
    actions = bench.land(1, Partial((*failed(FailureAction.REJECT, 3), *failed(FailureAction.RETRY, 7))))
    assert only(actions, PartitionStopped) == [PartitionStopped(T0, "poison record at offset 3: bad")]
    assert bench.shot.books.released == {("orders", "stopped"): 22}
    assert (bench.committable(), bench.shot.buffer_records) == (3, 0)
    assert bench.holds == {T0: ("stopped",)}
    assert bench.engine.stopped == {T0: "poison record at offset 3: bad"}
    bench.poll(chunk(offsets=range(30, 33)))
    assert started(bench.wait(100)) == []
    assert bench.shot.books.released == {("orders", "stopped"): 25}


def test_a_new_epoch_starts_a_stopped_partition_again() -> None:
    bench = flying()
    bench.land(1, Partial(failed(FailureAction.REJECT, 3)))
    bench.tell(Revoked([T0]))
    bench.tell(Assigned({T0: 3}))
    assert bench.engine.stopped == {}
    assert started(bench.poll(chunk(offsets=range(3, 13)))) == [(T0, list(range(3, 13)))]


def test_a_rejected_record_is_dropped_where_that_is_wanted() -> None:
    bench = flying(DROPPING)
    bench.land(1, Partial(failed(FailureAction.REJECT, 0, 3)))
    assert bench.shot.books.dropped == {("orders", "poison"): 2}
    assert (bench.committable(), bench.holds) == (10, {})


@pytest.mark.parametrize("bad", [(0,), (4,), (9,), (0, 9), (4, 5), tuple(range(10))])
def test_bisection_finds_exactly_the_poison_and_keeps_order(bad: tuple[int, ...]) -> None:
    assert poisoned_by(*bad)["landed"] == [offset for offset in range(10) if offset not in bad]


@pytest.mark.parametrize("bad", range(10))
def test_one_poison_record_among_ten_is_found_in_few_calls(bad: int) -> None:
    assert len(poisoned_by(bad)["sizes"]) <= 2 * 4 + 1


def test_poison_stops_the_partition_at_the_bad_record_and_delivers_those_before_it() -> None:
    bench, index = flying(), 0
    while index < len(bench.flushed()):
        assert index < MANY_FLUSHES, "the poison is not found"
        start = bench.flushed()[index]
        bench.land(start.flight, Poison("422") if 6 in offsets_of(start.batch.chunks) else None)
        index += 1
    assert bench.engine.stopped == {T0: "poison record at offset 6: 422"}
    assert bench.committable() == 6
    assert bench.shot.books.released == {("orders", "stopped"): 4}


def test_poison_in_a_shared_batch_stops_only_the_partition_that_has_it() -> None:
    bench, index = Bench(SMALL, T0, T1), 0
    bench.poll(chunk(T0, range(5)), chunk(T1, range(5)))
    while index < len(bench.flushed()):
        assert index < MANY_FLUSHES, "the poison is not found"
        start = bench.flushed()[index]
        bad = any(each.tp == T1 and 2 in each.offsets for each in start.batch.chunks)
        bench.land(start.flight, Poison("422") if bad else None)
        index += 1
    assert (bench.committable(T0), bench.committable(T1)) == (5, 2)
    assert list(bench.engine.stopped) == [T1]


def test_a_batch_that_is_too_large_is_repeated_in_halves_and_later_ones_are_smaller() -> None:
    bench = flying()
    bench.land(1, TooLarge("413"))
    assert started(bench.actions)[-1] == (T0, [0, 1, 2, 3, 4])
    assert bench.shot.flow.batch_records == 5
    assert bench.engine.stopped == {}


def test_the_size_that_was_learned_is_kept_over_later_flushes_and_asked_for_again_only_now_and_then() -> None:
    bench, index = Bench(EngineConfig(flush=FlushLimits(first_batch=100, max_batch=100)), T0), 0
    taken: list[int] = []
    refused: list[int] = []
    while len(taken) < 300:
        bench.poll(chunk(T0, range(index * 100, index * 100 + 100)))
        for start in bench.flushed()[index:]:
            count = start.batch.records
            bench.land(start.flight, TooLarge("413") if count > 60 else None)
            (refused if count > 60 else taken).append(count)
        index = len(taken) + len(refused)
    assert max(taken) == 60
    assert taken[0] == 50
    assert refused[0] == 100
    assert set(refused[1:]) == {61}
    assert len(refused) <= 4


OLDEST = replace(SMALL, max_messages=10, policy=lambda _: Policy(Strategy.DROP_OLDEST))
AGING = replace(SMALL, policy=lambda _: Policy(Strategy.DROP_NEWEST, max_wait=1.0, max_burst_wait=1.0))


@pytest.mark.parametrize("config", [OLDEST, AGING], ids=["evicted", "waited too long"])
def test_poison_is_searched_for_no_more_among_records_that_were_dropped(config: EngineConfig) -> None:
    bench = flying(replace(config, flush=FlushLimits(first_batch=10, max_batch=10, max_in_flight=1)))
    bench.land(1, Poison("422"))
    assert [view.suspects for view in bench.shot.partitions] == [10]
    bench.now += 2
    bench.poll(chunk(offsets=range(10, 20)))
    bench.land(2)
    assert [view.suspects for view in bench.shot.partitions] == [0]


def test_what_comes_after_suspects_that_waited_too_long_makes_no_batch_larger_than_others() -> None:
    bench = flying(replace(AGING, flush=FlushLimits(first_batch=10, max_batch=10, max_batch_bytes=5_000, max_in_flight=1)))
    bench.land(1, Poison("422"))
    bench.land(2, Systemic("refused"))
    bench.now += 2
    bench.poll(chunk(offsets=range(10, 20), values=[bytes(2_000)] * 10))
    assert started(bench.flushed())[-1] == (T0, [10, 11])


def test_a_single_record_that_is_too_large_is_poison() -> None:
    bench = flying(replace(SMALL, flush=FlushLimits(first_batch=1)), 1)
    bench.land(1, TooLarge("413"))
    assert bench.engine.stopped == {T0: "poison record at offset 0: 413"}


def test_a_systemic_failure_opens_the_breaker_holds_everything_and_tries_again_with_a_small_batch() -> None:
    bench = Bench(replace(SMALL, flush=FlushLimits(first_batch=20)), T0, T1)
    bench.poll(chunk(T0, range(40)))
    actions = bench.land(1, Systemic("refused"))
    assert [(each.old, each.new) for each in only(actions, BreakerChanged)] == [STARTING]
    assert bench.holds == {T0: ("breaker",), T1: ("breaker",)}
    assert started(actions) == []
    assert (bench.shot.books.in_flight, bench.shot.books.buffered) == (0, 40)
    while not started(actions):
        actions = bench.wait_for_due()
    assert started(actions) == [(T0, list(range(10)))]
    assert started(bench.wait(60)) == []
    actions = bench.land(2)
    assert bench.shot.flow.breaker == "closed"
    assert (bench.holds, started(actions)[0][1][0]) == ({}, 10)


def test_a_probe_is_no_larger_than_a_batch_may_be() -> None:
    bench = Bench(replace(SMALL, flush=FlushLimits(first_batch=2, max_batch=2)), T0)
    bench.poll(chunk(T0, range(5)))
    actions = bench.land(1, Systemic("refused"))
    while not started(actions):
        actions = bench.wait_for_due()
    assert started(actions) == [(T0, [0, 1])]


def test_while_nothing_that_is_here_can_probe_the_half_open_breaker_records_are_taken_to_probe_it_with() -> None:
    """One record waits for its dead letter; what opened the breaker left with its partition."""
    bench = Bench(replace(SMALL, dead_letters=DeadLetterRules()), T0, T1, T2)
    bench.poll(chunk(T0, range(1)))
    bench.wait_for_due()
    bench.land(1, Poison("422"))
    [letter] = only(bench.actions, DeadLetter)
    bench.tell(DeadLetterFinished(letter.number, "unknown topic"))
    bench.poll(chunk(T1))
    bench.land(2, Systemic("refused"))
    bench.tell(Lost([T1]))
    while bench.shot.flow.breaker == "open":
        bench.wait_for_due()
    assert T2 not in bench.holds
    assert started(bench.poll(chunk(T2, range(5)))) == [(T2, list(range(5)))]
    assert "breaker" in bench.holds[T2]


@pytest.mark.parametrize("answer", [Systemic("still refused"), Retriable("503")])
def test_a_probe_that_fails_opens_the_breaker_again(answer: Result) -> None:
    bench = flying()
    bench.land(1, Systemic("refused"))
    while bench.shot.flow.breaker == "open":
        bench.wait_for_due()
    assert bench.shot.flow.breaker == "half_open"
    bench.land(bench.flushed()[-1].flight, answer)
    assert bench.shot.flow.breaker == "open"
    assert bench.committable() == 0


def test_answers_to_flushes_from_before_the_breaker_opened_say_nothing_about_now() -> None:
    bench = Bench(SMALL, T0, T1)
    bench.poll(chunk(T0), chunk(T1))
    bench.land(1, Systemic("refused"))
    bench.land(2)
    assert bench.shot.flow.breaker == "open"
    assert bench.committable(T1) == 10


@pytest.mark.parametrize(
    ("result", "delivered", "released"),
    [
        (Delivered(), 10, 0),
        (Partial(failed(FailureAction.RETRY, 3)), 9, 1),
        (Partial(failed(FailureAction.REJECT, 3)), 9, 1),
        (Retriable("503"), 0, 10),
        (Poison("422"), 0, 10),
        (TooLarge("413"), 0, 10),
        (Systemic("refused"), 0, 10),
    ],
)
@pytest.mark.parametrize("leaving", [Revoked([T0]), Lost([T0])])
def test_a_result_of_an_older_epoch_changes_nothing_but_the_books(
    result: Result, delivered: int, released: int, leaving: Revoked | Lost
) -> None:
    bench = flying()
    bench.tell(leaving)
    bench.tell(Assigned({T0: 0}))
    before = bench.shot.partitions
    bench.land(1, result)
    [after], [was] = bench.shot.partitions, before
    assert replace(was, in_flight=0, holds=after.holds) == replace(after, in_flight=0)
    assert sum(bench.shot.books.delivered.values()) == delivered
    reason = "revoked" if isinstance(leaving, Revoked) else "lost"
    assert bench.shot.books.released == ({("orders", reason): released} if released else {})
    assert bench.engine.stopped == {}


def test_a_new_epoch_waits_for_what_an_older_one_has_with_a_flusher() -> None:
    bench = flying()
    bench.tell(Lost([T0]))
    bench.tell(Assigned({T0: 0}))
    assert started(bench.poll(chunk(offsets=range(10)))) == []
    assert started(bench.land(1)) == [(T0, list(range(10)))]
    assert bench.committable() == 0


def test_a_partition_that_leaves_takes_its_records_out_of_a_waiting_retry() -> None:
    bench = Bench(SMALL, T0, T1)
    bench.poll(chunk(T0, range(3)), chunk(T1, range(3)))
    bench.wait_for_due()
    bench.land(1, Retriable("503", 5.0))
    assert only(bench.tell(Revoked([T0])), Released) == [Released(T0, 3, ReleaseReason.REVOKED)]
    [again] = only(bench.wait(5.1), StartFlush)
    assert isinstance(again.batch, Batch)
    assert [(each.tp, len(each)) for each in again.batch.chunks] == [(T1, 3)]


def test_a_partition_that_failed_is_stopped_once_and_says_why() -> None:
    bench = flying(records=30)
    assert only(bench.tell(PartitionFailed(T0, "offset out of range")), PartitionStopped) == [
        PartitionStopped(T0, "offset out of range")
    ]
    assert bench.tell(PartitionFailed(T0, "again")) == []
    bench.land(1)
    assert bench.committable() == 10
    assert bench.shot.books.released == {("orders", "stopped"): 20}


def test_the_result_of_an_unknown_flight_is_ignored() -> None:
    bench = flying()
    bench.land(1)
    before = bench.shot
    assert bench.land(1) == []
    assert bench.land(77, Poison("422")) == []
    assert bench.shot == before
