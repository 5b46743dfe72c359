from __future__ import annotations

from dataclasses import replace

from sidecar.core.config import FlushLimits, RetryLimits
from sidecar.core.records import TopicPartition
from sidecar.core.results import Poison, Retriable, Systemic, TooLarge
from tests.unit.core.examples import SMALL, T0, T1, T2, Bench, chunk

ONE = replace(SMALL, flush=FlushLimits(first_batch=10, max_batch=10, max_in_flight=3))
TPS = (T0, T1, T2)
FAIL = [TopicPartition("orders", number) for number in (3, 4)]


def backlog(bench: Bench, first: int) -> None:
    bench.poll(*(chunk(tp, range(first, first + 10)) for tp in TPS))


def test_it_begins_with_one_flush_at_a_time() -> None:
    bench = Bench(ONE, *TPS)
    backlog(bench, 0)
    assert len(bench.flushed()) == 1
    assert (bench.shot.flow.concurrency_limit, bench.shot.flow.allowed, bench.shot.flow.max_in_flight) == (1, 1, 3)


def test_more_run_at_once_while_there_is_more_to_do_and_the_downstream_bears_it() -> None:
    bench = Bench(ONE, *TPS)
    landed = 0
    for first in range(0, 300, 10):
        backlog(bench, first)
        while landed < len(bench.flushed()):
            landed += 1
            bench.wait(0.03)
            bench.land(landed)
    assert bench.shot.flow.concurrency_limit == 3
    assert bench.shot.search.decisions[0].dial.value == "concurrency"


def test_a_downstream_that_limits_the_rate_halves_it() -> None:
    bench = Bench(SMALL, *TPS)
    backlog(bench, 0)
    bench.land(1, Retriable("429", too_many=True))
    assert bench.shot.flow.concurrency_limit == 1
    assert bench.shot.search.ceiling == 2


def test_one_that_asks_for_a_wait_does_so_too() -> None:
    bench = Bench(SMALL, *TPS)
    backlog(bench, 0)
    bench.land(1, Retriable("503", 2.0))
    assert bench.shot.flow.concurrency_limit == 1


def test_failures_in_a_row_halve_it() -> None:
    bench = Bench(SMALL, *TPS)
    backlog(bench, 0)
    bench.land(1, Retriable("timeout"))
    assert bench.shot.flow.concurrency_limit == 3
    bench.land(2, Systemic("refused"))
    assert bench.shot.flow.concurrency_limit == 1


def test_batches_that_fail_again_and_again_while_others_pass_are_no_sign_of_load() -> None:
    bench = Bench(replace(SMALL, max_messages=1000, retry=RetryLimits(max_wait=1.0)), *TPS, *FAIL)
    landed = 0
    for first in range(0, 5000, 10):
        backlog(bench, first)
        if first == 500:
            bench.poll(*(chunk(tp, range(10)) for tp in FAIL))
        bench.wait(0.01)
        while landed < len(bench.flushed()):
            start = bench.flushed()[landed]
            landed += 1
            bench.wait(0.03)
            bench.land(start.flight, Retriable("503") if start.batch.chunks[0].tp in FAIL else None)
    assert bench.shot.flow.concurrency_limit == 3


def test_poison_is_no_sign_of_load() -> None:
    bench = Bench(SMALL, *TPS)
    backlog(bench, 0)
    bench.land(1, Poison("422"))
    bench.land(2, Poison("422"))
    assert bench.shot.flow.concurrency_limit == 3


def test_what_is_too_large_is_a_decision_of_the_size() -> None:
    bench = Bench(SMALL, *TPS)
    backlog(bench, 0)
    bench.land(1, TooLarge("413"))
    [decision] = bench.shot.search.decisions
    assert (decision.dial.value, decision.before, decision.after) == ("batch", 10, 5)


def test_a_flight_that_waits_for_its_retry_leaves_its_place_to_others() -> None:
    bench = Bench(ONE, *TPS)
    backlog(bench, 0)
    bench.land(1, Retriable("503"))
    assert len(bench.flushed()) == 2
    bench.land(2)
    assert len(bench.flushed()) == 3


def test_a_flush_that_hangs_does_not_hold_the_others_up() -> None:
    bench = Bench(ONE, *TPS)
    backlog(bench, 0)
    assert len(bench.flushed()) == 1
    bench.wait_for_due()
    assert bench.now == 105.0
    assert len(bench.flushed()) == 2


def test_a_retry_that_is_due_waits_for_a_place() -> None:
    bench = Bench(ONE, *TPS)
    backlog(bench, 0)
    bench.land(1, Retriable("503"))
    bench.wait(4)
    assert [start.attempt for start in bench.flushed()] == [1, 1]
    bench.land(2)
    assert bench.flushed()[-1].attempt == 2
