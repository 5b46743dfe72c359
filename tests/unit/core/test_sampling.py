from __future__ import annotations

from itertools import pairwise
from random import Random
from statistics import fmean

import pytest

from sidecar.core.config import EngineConfig, FlushLimits, Policy, Strategy
from sidecar.core.records import TopicPartition
from sidecar.core.sampling import FIRST, MEMORY, SPARSEST, AutoRate, sampled_indexes
from tests.simulation.world import Downstream, World
from tests.unit.core.examples import chunk


def settled(arrived: float, drained: float) -> AutoRate:
    """Return a rate that has seen so many records a second come and go for long."""
    auto = AutoRate()
    for step in range(400):
        auto.look(int(arrived * step * 0.1), int(drained * step * 0.1), step * 0.1)
    return auto


@pytest.mark.parametrize(
    ("arrived", "drained", "share"), [(1_000, 250, 0.25), (1_000, 900, 0.9), (1_000, 2_000, 1.0), (1e6, 10, 0.001)]
)
def test_the_share_is_the_rate_at_which_records_leave_by_the_rate_at_which_they_come(
    arrived: float, drained: float, share: float
) -> None:
    assert settled(arrived, drained).share(1.0) == pytest.approx(share, rel=0.02)


def test_less_room_keeps_less() -> None:
    auto = settled(1_000, 500)
    assert [auto.share(room) for room in (1.0, 0.5, 0.0)] == pytest.approx([0.5, 0.25, 1 / SPARSEST], rel=0.02)


def test_a_change_of_the_rates_is_learned_within_seconds() -> None:
    auto = settled(1_000, 500)
    for step in range(400, 400 + int(3 * MEMORY * 10)):
        auto.look(step * 100, 400 * 50 + (step - 400) * 10, step * 0.1)
    assert auto.share(1.0) == pytest.approx(0.1, rel=0.3)


def test_while_nothing_is_known_of_the_downstream_a_fixed_share_is_kept() -> None:
    assert AutoRate().share(1.0) == 1 / FIRST


@pytest.mark.parametrize("share", [0.9, 0.5, 0.3, 0.013])
def test_chunks_at_two_whole_rates_meet_a_share_between(share: float) -> None:
    auto = settled(10_000, int(10_000 * share))
    random = Random(1)
    sizes = [random.randint(1, 2_000) for _ in range(2_000)]
    rates = [auto.next(size, 1.0) for size in sizes]
    kept = sum(size / rate for size, rate in zip(sizes, rates, strict=True)) / sum(sizes)
    assert kept == pytest.approx(share, rel=0.02)
    assert max(rates) - min(rates) <= 1


@pytest.mark.parametrize("share", [0.7, 0.25, 0.01])
def test_the_sum_of_the_weights_estimates_how_many_there_were_without_a_bias(share: float) -> None:
    """400 trials with other keys: the mean of the estimates lies within four standard errors of the truth, which is what chance allows."""
    records, trials = 2_000, 400
    errors = []
    for trial in range(trials):
        random, auto, estimate = Random(trial), settled(10_000, int(10_000 * share)), 0
        for first in range(0, records, 100):
            keys = [random.randbytes(8) for _ in range(100)]
            rate = auto.next(100, 1.0)
            estimate += rate * len(sampled_indexes(chunk(offsets=range(first, first + 100), keys=keys), rate))
        errors.append(estimate - records)
    spread = (fmean(error * error for error in errors)) ** 0.5
    assert abs(fmean(errors)) < 4 * spread / trials**0.5
    assert spread < 3 * (records * (1 / share - 1)) ** 0.5 + 1


@pytest.mark.parametrize("keys", ["by key", "by offset"])
def test_what_is_kept_at_a_rate_is_kept_at_every_smaller_one(keys: str) -> None:
    random = Random(3)
    names = [random.randbytes(6) for _ in range(3_000)] if keys == "by key" else None
    whole = chunk(offsets=range(3_000), keys=names)
    kept = [set(sampled_indexes(whole, rate)) for rate in range(1, 30)]
    assert all(more >= fewer for more, fewer in pairwise(kept))


def test_an_engine_under_lasting_overload_keeps_what_the_downstream_takes_and_the_weights_tell_how_many_came() -> None:
    """5,000 records/s come, 1,000 are taken: nothing is lost for want of room, and what is delivered stands for what came."""
    tp = TopicPartition("clicks", 0)
    policy = Policy(Strategy.SAMPLE, None)
    config = EngineConfig(
        max_messages=2_000, policy=lambda _: policy, flush=FlushLimits(first_batch=100, max_batch=100, max_in_flight=1)
    )
    world = World(config, 1, [tp], Downstream(0.1, 0.0))
    for tick in range(600):
        world.at(tick * 0.1, lambda: world.produce(tp, [10] * 500))
    world.run(60)
    books = world.engine.snapshot(world.now).books
    assert {reason for _, reason in books.dropped} == {"sample"}
    assert books.delivered["clicks"] > 0.95 * 1_000 * 60
    assert world.weighed[tp] == pytest.approx(300_000, rel=0.08)
