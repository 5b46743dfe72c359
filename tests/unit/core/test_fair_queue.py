from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from random import Random

import pytest

from sidecar.core.config import EngineConfig, FlushLimits, Policy, Strategy
from sidecar.core.fair_queue import FairQueue
from sidecar.core.records import TopicPartition
from tests.unit.core.examples import T0, T1, Bench, chunk, started

LARGEST = 1_000


def served(weights: Mapping[str, float], rounds: int, random: Random) -> list[tuple[str, int]]:
    """Serve topics that all have a backlog; return who got how much, in order."""
    queue, order = FairQueue(), []
    for _ in range(rounds):
        topic = min(weights, key=queue.start)
        nbytes = random.randint(1, LARGEST)
        queue.charge(topic, nbytes, weights[topic])
        order.append((topic, nbytes))
    return order


@pytest.mark.parametrize("seed", range(5))
def test_what_two_topics_with_a_backlog_got_by_their_weights_differs_in_every_interval_by_less_than_the_bound(seed: int) -> None:
    weights = {"a": 1.0, "b": 3.0, "c": 0.25}
    order = served(weights, 400, Random(seed))
    for first in range(0, 400, 7):
        got = Counter[str]()
        for topic, nbytes in order[first:]:
            got[topic] += nbytes
            for one, other in (("a", "b"), ("a", "c"), ("b", "c")):
                bound = LARGEST / weights[one] + LARGEST / weights[other]
                assert abs(got[one] / weights[one] - got[other] / weights[other]) <= bound


def test_a_topic_that_comes_late_is_next_and_has_saved_nothing_up() -> None:
    queue = FairQueue()
    for _ in range(100):
        queue.charge("old", 1_000, 1.0)
    assert queue.start("new") < queue.start("old")
    for _ in range(3):
        queue.charge("new", 1_000, 1.0)
    assert queue.start("new") > queue.start("old")


def bench(**policies: Policy) -> Bench:
    flush = FlushLimits(first_batch=10, max_batch=10, max_in_flight=1)
    return Bench(EngineConfig(max_messages=1_000, policy=policies.__getitem__, flush=flush), *BOTH)


CLICKS = TopicPartition("clicks", 0)
BOTH = (T0, T1, CLICKS)


def turns(bench: Bench, flights: int) -> list[str]:
    """Deliver ``flights`` batches; return the partitions in the order in which they were served."""
    for flight in range(1, flights + 1):
        bench.land(flight)
    return [str(tp) for tp, _ in started(bench.actions)][1 : flights + 1]


def test_topics_share_by_weight_and_the_partitions_of_one_take_turns() -> None:
    it = bench(orders=Policy(), clicks=Policy(weight=2.0))
    for tp in BOTH:
        it.poll(chunk(tp, range(100)))
    counts = Counter(turns(it, 11))
    assert counts["clicks[0]"] in {7, 8}  # 2 of 3, of batches of about one size
    assert abs(counts["orders[0]"] - counts["orders[1]"]) <= 1


def test_a_step_of_priority_is_twice_the_share_and_nobody_starves() -> None:
    it = bench(orders=Policy(), clicks=Policy(Strategy.DROP_NEWEST, priority=-2))
    for tp in BOTH:
        it.poll(chunk(tp, range(200)))
    counts = Counter(name.partition("[")[0] for name in turns(it, 20))
    assert counts == {"orders": 16, "clicks": 4}


def test_of_topics_that_are_equally_due_the_heaviest_is_served_first() -> None:
    it = bench(orders=Policy(), clicks=Policy(weight=2.0))
    it.poll(*(chunk(tp, range(100)) for tp in BOTH))
    assert started(it.actions)[0][0] == CLICKS


def test_a_topic_with_few_records_is_served_before_one_with_a_backlog() -> None:
    it = bench(orders=Policy(), clicks=Policy())
    it.poll(chunk(T0, range(100)), chunk(T1, range(100)))
    it.land(1)
    it.poll(chunk(CLICKS, range(1)))
    it.land(2)
    assert next(each for each in started(it.actions) if each[0] == CLICKS)
    assert started(it.actions)[2][0] == CLICKS
