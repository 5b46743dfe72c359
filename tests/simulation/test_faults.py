"""Seeded faults in virtual time: outages, hangs, rebalances, refused commits, frozen processes, oversize records; then everything heals.

Every invariant is checked after every event (:mod:`tests.simulation.audit`). A failing seed is in the test's name and
replays exactly: ``pytest tests/simulation -k 'seed-17'``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest

from sidecar.core.actions import Finish
from sidecar.core.config import EngineConfig, FlushLimits, OnPoison, Ordering, Policy, Strategy
from sidecar.core.hold_reasons import ASKED, HoldReason
from sidecar.core.records import Batch, TopicPartition
from sidecar.core.results import FailureAction, Partial, Poison, RecordFailure, Result, Retriable, Systemic, TooLarge
from sidecar.core.snapshot import OverflowView, Snapshot
from tests.simulation.broker import SAMPLE_RATE
from tests.simulation.world import TIMEOUT, Downstream, World

ORDERS = [TopicPartition("orders", number) for number in range(3)]
CLICKS = [TopicPartition("clicks", number) for number in range(2)]
HEALED = 20.0
SEEDS = range(100)


def seeds(count: range) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("seed", [pytest.param(seed, id=f"seed-{seed}") for seed in count])


@seeds(SEEDS)
def test_after_all_faults_heal_the_lag_reaches_zero_and_no_record_of_a_blocking_topic_was_lost(seed: int) -> None:
    world = troubled_world(seed)
    world.run(HEALED)
    world.downstream.outages.clear()
    world.commit_fails = world.overflow_fails = 0.0
    world.run(HEALED + 20)  # what a freeze put off happens now
    world.return_all()
    world.run(HEALED + 200)
    assert world.lag == 0
    for tp in ORDERS:
        assert all(world.audit.delivered[tp, offset] for offset in world.logs[tp].offsets)
    assert world.engine.snapshot(world.now).overflow == OverflowView()

    fresh = world.now
    world.produce(ORDERS[0], [10])
    world.run(fresh + 30)
    assert world.lag == 0
    world.drain(world.now + 10)
    world.run(world.now + 11)
    assert world.audit.finished == Finish(expired=False)


@seeds(range(100, 140))
def test_a_drain_amid_faults_ends_by_its_deadline_and_leaves_the_books_balanced(seed: int) -> None:
    world = troubled_world(seed)
    world.run(Random(seed).uniform(1, 19))
    asked = world.now
    world.drain(asked + 5)
    world.run(asked + 5)
    assert world.audit.finished is not None
    world.run(asked + 60)  # late results and rebalances after the end


@seeds(range(200, 240))
def test_a_quiesce_of_a_healthy_system_settles_soon_with_everything_committed_and_goes_on_as_if_nothing_had_been(
    seed: int,
) -> None:
    random = Random(seed)
    world = World(config(random, Strategy.BLOCK), seed, ORDERS, Downstream(0.02, 0.000_05), ["orders"])
    for tp in ORDERS:
        world.produce(tp, [100] * 3_000)
    world.run(random.uniform(0.1, 1.0))
    world.hold(HoldReason.QUIESCE, None)
    began, left = world.now, world.lag
    while not world.engine.snapshot(world.now).is_settled:
        world.run(world.now + 0.01)
    assert world.now - began < 5
    assert 0 < world.lag <= left
    assert world.audit.delivered.total() == 9_000 - world.lag
    quiet = world.lag
    world.run(world.now + 60)
    assert world.lag == quiet
    world.lift(HoldReason.QUIESCE)
    world.run(world.now + 120)
    assert world.lag == 0
    assert set(world.audit.delivered.values()) == {1}


@pytest.mark.parametrize("strategy", Strategy)
def test_a_drain_with_a_dead_downstream_ends_at_its_deadline_and_releases_the_rest(strategy: Strategy) -> None:
    patient = replace(config(Random(0), strategy), policy=lambda _topic: Policy(strategy, SAMPLE_RATE))
    world = World(patient, 0, CLICKS, Downstream(outages=[(0, 1e9, lambda _: Systemic("refused"))]))
    for tp in CLICKS:
        world.produce(tp, [10] * 100)
    world.run(10)
    world.drain(15)
    world.run(14.999)
    early = world.audit.finished
    world.run(15)
    assert (early, world.audit.finished) == (None, Finish(expired=True))
    books = world.engine.snapshot(world.now).books
    assert books.delivered == {}
    assert set(books.released) == {("clicks", "shutdown")}


def test_the_same_seed_gives_the_same_world() -> None:
    first, second, other = (fingerprint(seed) for seed in (7, 7, 8))
    assert first == second
    assert first != other


def fingerprint(seed: int) -> Snapshot:
    world = troubled_world(seed)
    world.run(HEALED)
    return world.engine.snapshot(world.now)


def troubled_world(seed: int) -> World:
    """Make a world with a schedule of traffic and faults until :data:`HEALED`."""
    random = Random(seed)
    downstream = Downstream(random.choice((0.001, 0.02, 0.2)), random.choice((0.000_005, 0.000_5)))
    engine = config(random, random.choice(list(Strategy)))
    lossless = [topic for topic in ("orders", "clicks") if topic == "orders" or engine.policy(topic).overflow_topic is not None]
    world = World(engine, seed, ORDERS + CLICKS, downstream, lossless)
    world.commit_fails = random.choice((0.0, 0.3))
    world.overflow_fails = random.choice((0.0, 0.3))
    gaps = random.random() < 0.5
    for tp in ORDERS + CLICKS:
        for _ in range(random.randint(1, 12)):
            sizes = [
                random.choice((0, 100, 100, 3_000, 30_000 if random.random() < 0.03 else 50))
                for _ in range(random.randint(1, 120))
            ]
            world.at(random.uniform(0, HEALED), lambda tp=tp, sizes=sizes: world.produce(tp, sizes, gaps=gaps))  # type: ignore[misc]
    for _ in range(random.randint(0, 4)):
        start = random.uniform(0, HEALED)
        downstream.outages.append((start, start + random.uniform(0.1, 5), random.choice(FAILURES)(random)))
    for _ in range(random.randint(0, 4)):
        schedule_rebalance(world, random)
    for _ in range(random.randint(0, 2)):
        world.at(random.uniform(0, HEALED), lambda: world.freeze(random.choice((0.01, 0.5, 8.0))))
    for _ in range(random.randint(0, 3)):
        schedule_hold(world, random)
    return world


def schedule_hold(world: World, random: Random) -> None:
    """Let a hook, an operator or the application's health hold everything for a while."""
    at, seconds, reason = random.uniform(0, HEALED - 3), random.uniform(0.01, 3), random.choice(ASKED)
    if random.random() < 0.5:
        world.at(at, lambda: world.hold(reason, at + seconds))
    else:
        world.at(at, lambda: world.hold(reason, None))
        world.at(at + seconds, lambda: world.lift(reason))


def schedule_rebalance(world: World, random: Random) -> None:
    """Take some partitions away at some time, and give everything back at a later one."""
    at = random.uniform(0, HEALED - 2)
    taken = random.sample(ORDERS + CLICKS, random.randint(1, 5))
    if random.random() < 0.5:
        world.at(at, lambda: world.revoke(taken, random.choice((0.0, 0.01, 0.3))))
    else:
        world.at(at, lambda: world.lose(taken))
    world.at(at + random.uniform(0.4, 1.5), world.return_all)


def config(random: Random, strategy: Strategy) -> EngineConfig:
    """Limit the engine tightly, with ``strategy`` for the clicks."""
    policies = {
        "orders": Policy(Strategy.BLOCK),
        "clicks": Policy(
            strategy,
            sample_rate=random.choice((SAMPLE_RATE, None)),
            max_block=random.choice((None, None, 0.5)),
            priority=random.choice((-1, 0, 1)),
            max_age=random.choice((None, None, 2.0)),
            max_wait=random.choice((None, None, 0.5)),
            overflow_topic=None if strategy is Strategy.SAMPLE else random.choice((None, "clicks-overflow")),
        ),
    }
    return EngineConfig(
        max_messages=random.choice((20, 100, 400)),
        max_bytes=random.choice((20_000, 200_000)),
        policy=policies.__getitem__,
        flush=FlushLimits(first_batch=10, max_batch=100, max_in_flight=random.choice((1, 3)), max_batch_bytes=15_000),
        ordering=random.choice(tuple(Ordering)),
        on_poison=OnPoison.STOP,
        pause_after=random.choice((0.0, 0.1, 1.0)),
    )


def flaky(random: Random) -> Callable[[Batch], Result]:
    """Answer each batch by one of the failures that pass."""

    def answer(batch: Batch) -> Result:
        chunk = random.choice(batch.chunks)
        failure = RecordFailure(chunk.tp, random.choice(chunk.offsets), FailureAction.RETRY, "later")
        answers: list[Result] = [
            Retriable("503"),
            Retriable("429", 0.2),
            Systemic("refused"),
            Partial((failure,)),
            Partial((failure,), 0.1),
        ]
        if batch.records > 1:
            answers += [TooLarge("413"), Poison("422")]
        return random.choice(answers)

    return answer


FAILURES: list[Callable[[Random], Callable[[Batch], Result]]] = [
    lambda _: lambda _: Systemic("refused"),
    lambda _: lambda _: Retriable("503"),
    lambda _: lambda _: Retriable("429", 1.0),
    lambda _: lambda _: TIMEOUT,
    flaky,
]
