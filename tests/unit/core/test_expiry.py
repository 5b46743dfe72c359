from __future__ import annotations

from dataclasses import replace

import pytest

from sidecar.core.actions import Dropped
from sidecar.core.books import DropReason
from sidecar.core.config import EngineConfig, FlushLimits, Policy, Strategy
from tests.unit.core.examples import SMALL, T0, T1, Bench, chunk, only, started

WALL = 1_800_000_000_000
ONE = FlushLimits(first_batch=10, max_batch=10, target_latency=100.0, max_in_flight=1)


def bench(policy: Policy) -> Bench:
    return Bench(EngineConfig(max_messages=1_000, policy=lambda _: policy, flush=ONE), T0)


def lost(bench: Bench) -> list[tuple[int, int, DropReason]]:
    return [(each.start, each.end, each.reason) for each in only(bench.actions, Dropped)]


def served_every(bench: Bench, seconds: float, times: int) -> None:
    """Let the downstream take a batch every ``seconds``, so many ``times``."""
    for _ in range(times):
        bench.now += seconds
        bench.land(bench.flushed()[-1].flight, seconds=seconds)


def test_a_burst_that_the_downstream_catches_up_with_loses_nothing() -> None:
    it = bench(Policy(Strategy.DROP_NEWEST, max_wait=1.0, max_burst_wait=4.0))
    it.poll(*[chunk(T0, range(300))])
    served_every(it, 0.1, 36)
    assert lost(it) == []
    assert it.shot.books.delivered == {"orders": 300}


def test_a_queue_that_stands_is_cut_to_max_wait() -> None:
    it = bench(Policy(Strategy.DROP_NEWEST, max_wait=1.0, max_burst_wait=4.0))
    waited = []
    for step in range(200):  # 20 records come, 10 leave, every 0.1 s
        it.poll(chunk(T0, range(step * 20, step * 20 + 20)))
        it.now += 0.1
        it.land(it.flushed()[-1].flight, seconds=0.1)
        waited += [it.now - each.polled_at for each in it.flushed()[-1].batch.chunks]
    assert max(waited) <= 4.0 + 1e-9
    assert max(waited[-100:]) <= 1.1
    assert {reason for _, _, reason in lost(it)} == {DropReason.MAX_WAIT}
    assert it.shot.books.delivered["orders"] > 1_900  # some batches are smaller than they might be, to learn what a record costs


def test_what_waited_longer_than_a_burst_may_is_dropped_also_where_nothing_stood_before() -> None:
    it = bench(Policy(Strategy.DROP_NEWEST, max_wait=1.0))
    it.poll(chunk(T0, range(30)))
    served_every(it, 3.9, 1)
    assert lost(it) == []
    served_every(it, 0.2, 1)
    assert lost(it) == [(20, 30, DropReason.MAX_WAIT)]
    assert it.committable() == 30


def test_a_queue_that_was_empty_between_does_not_stand() -> None:
    it = bench(Policy(Strategy.DROP_NEWEST, max_wait=1.0))
    for step in range(20):
        it.poll(chunk(T0, range(step * 20, step * 20 + 20)))
        served_every(it, 1.0, 3)
    assert lost(it) == []


@pytest.mark.parametrize("jump_ms", [3_600_000, 10 * 365 * 86_400_000])
def test_a_wall_clock_that_jumps_ahead_makes_no_record_too_old(jump_ms: int) -> None:
    it = Bench(replace(SMALL, policy=lambda _: Policy(max_age=60.0)), T0)
    for step in range(50):
        wall = WALL + step * 1_000 + (jump_ms if step >= 10 else 0)
        stamps = [WALL + step * 1_000 - 500] * 10
        it.poll(replace(chunk(offsets=range(step * 10, step * 10 + 10)), timestamps=stamps, polled_wall_ms=wall))
        it.now += 1.0
        it.land(it.flushed()[-1].flight)
    assert lost(it) == []


def test_whole_chunks_and_runs_of_them_expire_and_records_without_a_timestamp_never_do() -> None:
    it = Bench(replace(SMALL, policy=lambda _: Policy(max_age=60.0)), T0, T1)
    stale, fresh = WALL - 61_000, WALL - 59_000
    it.poll(replace(chunk(T0, range(4)), timestamps=[stale] * 4, polled_wall_ms=WALL))
    it.poll(replace(chunk(T1, range(5)), timestamps=[stale, -1, fresh, stale, stale], polled_wall_ms=WALL))
    it.wait_for_due()
    assert started(it.actions) == [(T1, [1]), (T1, [2])] or started(it.actions) == [(T1, [1, 2])]
    assert it.shot.books.dropped == {("orders", "expired"): 7}


@pytest.mark.parametrize("policy", [Policy(Strategy.DROP_NEWEST, max_wait=60.0), Policy(Strategy.DROP_NEWEST, max_age=60.0)])
def test_where_nothing_expires_no_chunk_is_divided_for_the_last_tenth_of_a_batch(policy: Policy) -> None:
    large = FlushLimits(first_batch=100, max_batch=100, max_in_flight=1)
    it = Bench(EngineConfig(max_messages=1_000, policy=lambda _: policy, flush=large), T0)
    chunks = [replace(chunk(T0, range(n, n + 23)), polled_wall_ms=WALL, timestamps=[WALL] * 23) for n in range(0, 230, 23)]
    it.poll(*chunks)
    assert [len(each) for each in it.flushed()[0].batch.chunks] == [23, 23, 23, 23]
