from __future__ import annotations

from dataclasses import replace

import pytest

from sidecar.core.actions import Dropped, StartFlush
from sidecar.core.books import DropReason
from sidecar.core.config import EngineConfig, FlushLimits, Policy
from sidecar.core.events import RevokeBegun
from sidecar.core.records import RECORD_BYTES, batch_id
from tests.unit.core.examples import SMALL, T0, T1, T2, Bench, chunk, only, sized, started

WALL = 1_700_000_000_000


def test_a_full_batch_starts_at_once_and_the_rest_waits_for_it() -> None:
    bench = Bench(SMALL, T0)
    assert started(bench.poll(chunk(offsets=range(25)))) == [(T0, list(range(10)))]
    assert started(bench.land(1)) == [(T0, list(range(10, 20)))]
    assert started(bench.land(2)) == []


def test_a_batch_full_of_bytes_starts_at_once() -> None:
    bench = Bench(EngineConfig(flush=FlushLimits(max_batch_bytes=10 * RECORD_BYTES)), T0)
    assert started(bench.poll(chunk(offsets=range(9)))) == []
    assert started(bench.poll(chunk(offsets=range(9, 12)))) == [(T0, list(range(9))), (T0, [9])]


def test_a_record_larger_than_a_batch_travels_alone() -> None:
    bench = Bench(EngineConfig(flush=FlushLimits(max_batch_bytes=1_000)), T0)
    assert started(bench.poll(chunk(offsets=range(2), values=[bytes(5_000)] * 2))) == [(T0, [0])]


def test_records_of_several_partitions_share_the_bytes_of_a_batch() -> None:
    bench = Bench(EngineConfig(flush=FlushLimits(max_batch_bytes=1_000, max_in_flight=1)), T0, T1)
    assert started(bench.poll(sized(T0, 0, [700]), sized(T1, 0, [600]))) == [(T0, [0])]
    assert started(bench.wait(60)) == []
    assert started(bench.land(1)) == [(T1, [0])]


def test_a_record_larger_than_a_batch_that_expires_makes_room_for_a_whole_batch_of_others() -> None:
    config = EngineConfig(policy=lambda _: Policy(max_age=10.0), flush=FlushLimits(max_batch_bytes=10_000))
    bench = Bench(config, T0, T1)
    old = replace(chunk(T0, range(1), values=[bytes(20_000)]), timestamps=[WALL - 30_000], polled_wall_ms=WALL)
    fresh = replace(chunk(T1, range(8)), timestamps=[WALL] * 8, polled_wall_ms=WALL)
    assert started(bench.poll(old, fresh)) == [(T1, list(range(8)))]


def test_records_larger_than_a_batch_are_under_way_together_only_while_full_batches_would_take_as_much() -> None:
    limits = FlushLimits(max_batch_bytes=1_000, max_in_flight=3, first_in_flight=3)
    bench = Bench(EngineConfig(flush=limits), T0, T1, T2)
    bench.poll(*(chunk(tp, range(1), values=[bytes(2_000)]) for tp in (T0, T1, T2)))
    assert started(bench.actions) == [(T0, [0]), (T1, [0])]
    assert started(bench.land(1)) == [(T2, [0])]


def test_a_part_filled_batch_waits_for_the_interval_since_its_oldest_record() -> None:
    bench = Bench(SMALL, T0)
    assert started(bench.poll(chunk(offsets=range(3)))) == []
    bench.now += 0.05
    assert started(bench.poll(chunk(offsets=range(3, 5)))) == []
    assert bench.engine.next_due(bench.now) == 100.1
    assert started(bench.wait_for_due()) == [(T0, [0, 1, 2]), (T0, [3, 4])]
    assert bench.now == 100.1


def test_a_part_filled_batch_starts_at_once_under_pressure() -> None:
    bench = Bench(replace(SMALL, max_messages=12), T0)
    assert started(bench.poll(chunk(offsets=range(5)))) == []
    assert started(bench.poll(chunk(offsets=range(5, 6)))) == [(T0, [0, 1, 2, 3, 4]), (T0, [5])]


def test_only_one_flush_of_a_partition_is_under_way_and_partitions_take_turns() -> None:
    bench = Bench(SMALL, T0, T1)
    bench.poll(chunk(T0, range(30)), chunk(T1, range(10)))
    assert started(bench.actions) == [(T0, list(range(10))), (T1, list(range(10)))]


def test_no_more_flushes_than_allowed_are_under_way() -> None:
    bench = Bench(replace(SMALL, flush=FlushLimits(first_batch=10, max_batch=10, max_in_flight=2, first_in_flight=2)), T0, T1, T2)
    bench.poll(*(chunk(tp, range(10)) for tp in (T0, T1, T2)))
    assert [tp for tp, _ in started(bench.actions)] == [T0, T1]
    assert [tp for tp, _ in started(bench.land(1))] == [T2]


def test_at_a_trickle_partitions_share_a_batch() -> None:
    bench = Bench(SMALL, T0, T1)
    bench.poll(chunk(T0, range(2)), chunk(T1, range(3)))
    [start] = only(bench.wait_for_due(), StartFlush)
    assert [(each.tp, len(each)) for each in start.batch.chunks] == [(T0, 2), (T1, 3)]
    assert (start.batch.records, start.batch.nbytes) == (5, 5 * RECORD_BYTES)


def test_a_backlog_of_one_partition_does_not_starve_the_others() -> None:
    bench = Bench(replace(SMALL, flush=FlushLimits(first_batch=10, max_batch=10, max_in_flight=1)), T0, T1)
    bench.poll(chunk(T0, range(30)), chunk(T1, range(30)))
    for flight in range(1, 4):
        bench.land(flight)
    assert [tp for tp, _ in started(bench.actions)] == [T0, T1, T0, T1]


def test_nothing_new_of_a_partition_is_flushed_once_its_revocation_began() -> None:
    bench = Bench(SMALL, T0, T1)
    bench.poll(chunk(T0, range(20)), chunk(T1, range(10)))
    bench.tell(RevokeBegun([T0]))
    assert started(bench.land(1)) == []
    assert started(bench.wait(60)) == []


@pytest.mark.parametrize(("max_age", "fresh"), [(None, [0, 1, 2, 3]), (10.0, [1, 2, 3]), (4.0, [1, 3])])
def test_records_older_than_max_age_are_dropped_as_expired_when_they_are_about_to_be_flushed(
    max_age: float | None, fresh: list[int]
) -> None:
    bench = Bench(replace(SMALL, policy=lambda _: Policy(max_age=max_age)), T0)
    stamps = [WALL - 30_000, -1, WALL - 5_000, WALL]
    bench.poll(replace(chunk(offsets=range(4)), timestamps=stamps, polled_wall_ms=WALL))
    carried = [offset for _, offsets in started(bench.wait_for_due()) for offset in offsets]
    assert carried == fresh
    bench.land(1)
    assert bench.committable() == 4
    assert sum(each.records for each in only(bench.actions, Dropped) if each.reason is DropReason.EXPIRED) == 4 - len(fresh)


def test_the_age_grows_with_the_time_in_the_buffer_and_everything_may_expire() -> None:
    bench = Bench(replace(SMALL, policy=lambda _: Policy(max_age=10.0), flush=FlushLimits(min_interval=20.0)), T0)
    bench.poll(replace(chunk(offsets=range(4)), timestamps=[WALL] * 4, polled_wall_ms=WALL))
    assert started(bench.wait_for_due()) == []
    assert bench.shot.books.dropped == {("orders", "expired"): 4}
    assert bench.committable() == 4
    assert bench.shot.flow.flushes_in_flight == 0


def test_a_batch_is_named_by_its_records_and_nothing_else() -> None:
    bench, other = Bench(SMALL, T0), Bench(SMALL, T0)
    for each in (bench, other):
        each.poll(chunk(offsets=range(10)))
        each.now += 5
    [batch], [same] = ([start.batch for start in each.flushed()] for each in (bench, other))
    assert batch_id(batch) == batch_id(same)
    other.land(1)
    other.poll(chunk(offsets=range(10, 20)))
    assert batch_id(other.flushed()[-1].batch) != batch_id(batch)
