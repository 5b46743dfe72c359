from __future__ import annotations

import pytest

from sidecar.core.actions import Dropped
from sidecar.core.books import DropReason
from sidecar.core.buffer import BoundedBuffer
from sidecar.core.config import EngineConfig, FlushLimits, Policy, Strategy
from sidecar.core.records import TopicPartition
from sidecar.core.shares import Shares
from tests.unit.core.examples import CLICKS, T0, T1, T2, Bench, chunk, only

WEIGHTS = {"orders": 1.0, "clicks": 3.0, "views": 4.0}
VIEWS = TopicPartition("views", 0)


def shares(*held: TopicPartition) -> Shares:
    buffer = BoundedBuffer(100, 10**9)
    for tp in held:
        buffer.push(chunk(tp, range(10)))
    return Shares(buffer, WEIGHTS.__getitem__)


@pytest.mark.parametrize(
    ("held", "asked", "share"),
    [
        ([], T0, 1.0),
        ([T0], T0, 1.0),
        ([T0], T1, 0.5),
        ([T0, T1], T1, 0.5),
        ([T0, T1], T2, 1 / 3),
        ([T0], CLICKS, 0.75),
        ([T0, CLICKS], T0, 0.25),
        ([T0, T1, CLICKS], T0, 0.125),
        ([T0, CLICKS], VIEWS, 0.5),
    ],
)
def test_the_buffer_is_divided_among_who_has_records_there_and_who_asks(
    held: list[TopicPartition], asked: TopicPartition, share: float
) -> None:
    assert shares(*held).of(asked) == pytest.approx(share)


def test_a_partition_is_below_its_share_until_it_fills_it() -> None:
    assert shares(T0, T1, CLICKS).is_below(T0)
    assert not shares(T0, *(TopicPartition("views", number) for number in range(9))).is_below(TopicPartition("views", 0))


def flooded(orders: Policy, clicks: Policy) -> Bench:
    """Return a bench whose buffer of 100 is full of clicks, ten of them in flight."""
    flush = FlushLimits(10, 10, max_in_flight=1)
    bench = Bench(
        EngineConfig(max_messages=100, flush=flush, policy={"orders": orders, "clicks": clicks}.__getitem__), T0, CLICKS
    )
    bench.poll(chunk(CLICKS, range(100)))
    return bench


def drops(bench: Bench) -> list[tuple[str, int, int, DropReason]]:
    return [(str(each.tp), each.start, each.end, each.reason) for each in only(bench.actions, Dropped)]


@pytest.mark.parametrize("strategy", [Strategy.DROP_OLDEST, Strategy.DROP_NEWEST, Strategy.SAMPLE])
@pytest.mark.parametrize("priority", [-1, 0, 1])
def test_a_block_topic_below_its_share_makes_room_in_a_flood_that_may_drop_however_important(
    strategy: Strategy, priority: int
) -> None:
    bench = flooded(Policy(), Policy(strategy, 1, priority=priority, weight=1.0))
    bench.poll(chunk(T0, range(30)))
    assert drops(bench) == [("clicks[0]", 10, 40, DropReason.DROP_OLDEST)]
    assert bench.shot.books.polled == {"clicks": 100, "orders": 30}
    assert bench.holds == {}


def test_a_block_topic_that_fills_its_share_evicts_no_more_and_waits() -> None:
    bench = flooded(Policy(), Policy(Strategy.DROP_NEWEST, weight=1.0))
    for first in range(0, 60, 10):
        bench.poll(chunk(T0, range(first, first + 10)))
    assert bench.shot.books.polled["orders"] == 50
    assert bench.holds == {T0: ("buffer",)}
    assert sum(end - start for _, start, end, _ in drops(bench)) == 50


def test_nothing_is_evicted_of_a_block_topic_even_for_a_higher_priority() -> None:
    bench = flooded(Policy(Strategy.DROP_OLDEST, priority=9), Policy(priority=-9))
    bench.poll(chunk(T0, range(5)))
    assert drops(bench) == [("orders[0]", 0, 5, DropReason.DROP_OLDEST)]


def test_records_of_a_higher_priority_evict_those_of_a_lower_one_whatever_the_shares() -> None:
    bench = flooded(Policy(Strategy.DROP_NEWEST, priority=1, weight=0.001), Policy(Strategy.SAMPLE, weight=1_000.0))
    bench.poll(chunk(T0, range(20)))
    assert drops(bench) == [("clicks[0]", 10, 30, DropReason.DROP_OLDEST)]


def test_of_two_topics_of_one_priority_that_below_its_share_makes_room_for_itself() -> None:
    bench = flooded(Policy(Strategy.DROP_NEWEST), Policy(Strategy.DROP_NEWEST))
    bench.poll(chunk(T0, range(20)))
    bench.poll(chunk(CLICKS, range(100, 110)))
    assert drops(bench) == [
        ("clicks[0]", 10, 30, DropReason.DROP_OLDEST),
        ("clicks[0]", 100, 110, DropReason.DROP_NEWEST),
    ]
