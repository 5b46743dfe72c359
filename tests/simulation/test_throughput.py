"""A fixed batch and interval cap a system whatever its downstream can do; the flush control does not. Virtual time."""

from __future__ import annotations

import pytest

from sidecar.core.config import EngineConfig
from sidecar.core.records import Batch, TopicPartition
from tests.simulation.world import Downstream, World
from tests.unit.core.examples import chunk

PARTITIONS = [TopicPartition("orders", number) for number in range(4)]
BACKLOG = 40_000
BATCH, INTERVAL = 100, 0.1

DOWNSTREAMS = [
    pytest.param(0.001, 20, id="a fast application"),
    pytest.param(0.02, 20, id="20 ms a request"),
    pytest.param(0.2, 10, id="200 ms a request"),
]


def fixed_pair(downstream: Downstream, records: int) -> float:
    """Deliver ``records`` by the fixed pair, 100 records every 100 ms; return the records a second."""
    now, left = 0.0, records
    while left:
        batch = Batch.of([chunk(offsets=range(min(BATCH, left)))])
        _, seconds = downstream.answer(batch, now)
        now += max(INTERVAL, seconds)
        left -= batch.records
    return records / now


def ours(downstream: Downstream, records: int) -> float:
    """Deliver ``records`` through the engine; return the records a second, commits included."""
    world = World(EngineConfig(), 1, PARTITIONS, downstream, ["orders"])
    for tp in PARTITIONS:
        world.produce(tp, [100] * (records // len(PARTITIONS)))
    while world.lag:
        world.run(world.now + 0.01)
    return records / world.now


@pytest.mark.parametrize(("fixed", "times"), DOWNSTREAMS)
def test_a_fixed_pair_delivers_at_most_1000_records_a_second_and_we_many_times_that(fixed: float, times: float) -> None:
    capped = fixed_pair(Downstream(fixed), BACKLOG)
    assert capped == pytest.approx(min(1_000, BATCH / fixed), rel=0.01)
    assert ours(Downstream(fixed), BACKLOG) > times * capped


def test_the_batches_grow_to_what_the_downstream_is_efficient_with() -> None:
    world = World(EngineConfig(), 1, PARTITIONS[:1], Downstream(0.02, 0.000_05), ["orders"])
    world.produce(PARTITIONS[0], [0] * 120_000)
    world.run(5)
    assert world.engine.snapshot(world.now).flow.batch_records == pytest.approx(0.9 / 0.1 * 0.02 / 0.000_05, rel=0.15)
