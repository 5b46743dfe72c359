from __future__ import annotations

from dataclasses import replace

from sidecar.core.actions import Dropped
from sidecar.core.config import FlushLimits, OnPoison, Ordering
from sidecar.core.dispatch import RUN_AHEAD
from sidecar.core.results import Delivered, Poison, Retriable
from tests.unit.core.examples import SMALL, T0, T1, Bench, chunk, offsets_of, only

UNORDERED = replace(SMALL, ordering=Ordering.NONE)


def flying(bench: Bench) -> list[list[int]]:
    return [offsets_of(start.batch.chunks) for start in bench.flushed()]


def test_without_an_order_several_batches_of_a_partition_run_at_once() -> None:
    bench = Bench(UNORDERED, T0)
    bench.poll(chunk(T0, range(45)))
    assert flying(bench) == [[*range(10)], [*range(10, 20)], [*range(20, 30)]]


def test_with_one_there_is_one_at_a_time() -> None:
    bench = Bench(SMALL, T0)
    bench.poll(chunk(T0, range(45)))
    assert flying(bench) == [[*range(10)]]


def test_what_lands_out_of_order_is_committed_once_what_is_before_it_has_landed_too() -> None:
    bench = Bench(UNORDERED, T0)
    bench.poll(chunk(T0, range(30)))
    bench.land(3)
    bench.land(2)
    assert bench.shot.partitions[0].committable == 0
    bench.land(1)
    assert bench.shot.partitions[0].committable == 30


def test_a_flush_that_fails_goes_on_beside_the_others() -> None:
    bench = Bench(UNORDERED, T0)
    bench.poll(chunk(T0, range(30)))
    bench.land(1, Retriable("503"))
    bench.land(2)
    bench.land(3)
    bench.wait(10)
    assert flying(bench)[-1] == [*range(10)]
    bench.land(1)
    assert bench.shot.partitions[0].committable == 30


def test_poison_is_isolated_alone_while_others_of_its_partition_land() -> None:
    bench = Bench(replace(UNORDERED, on_poison=OnPoison.DROP), T0)
    bench.poll(chunk(T0, range(30)))
    started = 0
    while started < len(bench.flushed()):
        start = bench.flushed()[started]
        started += 1
        bench.land(start.flight, Poison("422") if 7 in offsets_of(start.batch.chunks) else Delivered())
    assert [drop.start for drop in only(bench.actions, Dropped)] == [7]
    assert bench.shot.books.dropped == {("orders", "poison"): 1}
    assert bench.shot.books.delivered == {"orders": 29}
    assert bench.shot.partitions[0].committable == 30


def test_while_poison_is_searched_for_nothing_else_of_the_partition_starts() -> None:
    bench = Bench(UNORDERED, T0, T1)
    bench.poll(chunk(T0, range(40)))
    bench.land(1, Poison("422"))
    before = len(flying(bench))
    bench.land(2)
    bench.land(3)
    assert flying(bench)[before:] == [[0, 1, 2, 3, 4]]


def test_a_partition_does_not_run_ahead_of_a_flush_that_hangs_without_an_end() -> None:
    ahead = RUN_AHEAD
    limits = FlushLimits(first_batch=1, max_batch=1, max_in_flight=2, first_in_flight=2)
    bench = Bench(replace(UNORDERED, max_messages=10 * ahead, flush=limits), T0)
    bench.poll(chunk(T0, range(2 * ahead)))
    landed = 1
    while landed < len(bench.flushed()):
        landed += 1
        bench.land(landed)
    assert landed == ahead + 1
    bench.land(1)
    assert len(bench.flushed()) > landed


def test_several_partitions_still_take_turns() -> None:
    bench = Bench(UNORDERED, T0, T1)
    bench.poll(chunk(T0, range(20)), chunk(T1, range(20)))
    assert [start.batch.chunks[0].tp for start in bench.flushed()] == [T0, T1, T0]
