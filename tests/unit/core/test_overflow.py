"""Records that would be dropped and go to an overflow topic instead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from sidecar.core.actions import Divert, DivertFailed, Dropped, Finish, Released
from sidecar.core.books import DropReason, ReleaseReason
from sidecar.core.config import EngineConfig, FlushLimits, Policy, Strategy
from sidecar.core.events import Assigned, DivertFinished, DrainRequested, Lost
from sidecar.core.landing import HASTE
from sidecar.core.records import RECORD_BYTES
from sidecar.core.snapshot import OverflowView
from tests.unit.core.examples import CLICKS, T0, Bench, chunk, only

SPARE = "clicks-spare"
OLDEST = Policy(Strategy.DROP_OLDEST, overflow_topic=SPARE)
NEWEST = Policy(Strategy.DROP_NEWEST, overflow_topic=SPARE)
FLUSH = FlushLimits(10, 10, max_in_flight=1)


def bench_of(clicks: Policy, orders: Policy | None = None, **limits: int) -> Bench:
    """Return a bench with room for 100 records, CRITICAL at 80, of which ten can be in flight."""
    policies = {"clicks": clicks, "orders": orders or Policy()}
    flush = replace(FLUSH, max_batch_bytes=limits.pop("max_batch_bytes", FLUSH.max_batch_bytes))
    config = EngineConfig(max_messages=100, flush=flush, policy=policies.__getitem__, pause_after=0.0)
    return Bench(config, CLICKS, T0)


def flooded(clicks: Policy, records: int = 90) -> Bench:
    """Return a bench with ten clicks in flight and the others of ``records`` queued or diverted."""
    bench = bench_of(clicks)
    for first in range(0, records, 30):
        bench.poll(chunk(CLICKS, range(first, min(records, first + 30))))
    return bench


def sent(bench: Bench) -> list[tuple[str, int, int, DropReason]]:
    return [(each.topic, each.chunk.start, each.chunk.end, each.reason) for each in only(bench.actions, Divert)]


def drops(bench: Bench) -> list[tuple[str | None, int, int, DropReason]]:
    return [(each.overflow_topic, each.start, each.end, each.reason) for each in only(bench.actions, Dropped)]


def answer(bench: Bench, error: str | None = None, numbers: Sequence[int] | None = None) -> None:
    """Let the broker answer for everything that was sent, or for ``numbers``."""
    for each in only(bench.actions, Divert):
        if numbers is None or each.number in numbers:
            bench.tell(DivertFinished(each.number, error))


@pytest.mark.parametrize(
    ("policy", "place", "reason"),
    [(OLDEST, (10, 20), DropReason.DROP_OLDEST), (NEWEST, (80, 90), DropReason.DROP_NEWEST)],
)
def test_what_is_above_the_high_watermark_is_diverted_and_dropped_once_it_is_acknowledged(
    policy: Policy, place: tuple[int, int], reason: DropReason
) -> None:
    bench = flooded(policy)
    assert sent(bench) == [("clicks-spare", *place, reason)]
    assert drops(bench) == []
    assert bench.shot.overflow == OverflowView(records=10)
    assert bench.shot.buffer_records == 90
    answer(bench)
    assert drops(bench) == [("clicks-spare", *place, reason)]
    assert bench.shot.buffer_records == 80
    assert bench.shot.books.dropped == bench.shot.books.diverted == {("clicks", reason.value): 10}
    assert bench.shot.overflow == OverflowView()


def test_up_to_the_high_watermark_nothing_is_diverted() -> None:
    assert sent(flooded(OLDEST, 80)) == []


def test_bytes_count_like_records() -> None:
    config = EngineConfig(max_messages=1_000, max_bytes=100 * (RECORD_BYTES + 8), flush=FLUSH, policy=lambda _: OLDEST)
    bench = Bench(config, CLICKS)
    for first in range(0, 90, 30):
        bench.poll(chunk(CLICKS, range(first, first + 30), values=[bytes(8)] * 30))
    assert sent(bench) == [("clicks-spare", 10, 20, DropReason.DROP_OLDEST)]


def test_no_offset_is_committed_past_a_record_that_is_on_its_way() -> None:
    bench = flooded(OLDEST)
    bench.land(1)
    assert bench.committable(CLICKS) == 10
    answer(bench)
    assert bench.committable(CLICKS) == 20


def test_a_record_that_expired_goes_to_the_overflow_topic_too() -> None:
    bench = bench_of(replace(OLDEST, max_wait=1.0))
    bench.poll(chunk(CLICKS, range(15)))
    bench.now += 10.0
    bench.land(1)
    assert sent(bench) == [("clicks-spare", 10, 15, DropReason.MAX_WAIT)]
    answer(bench)
    assert drops(bench) == [("clicks-spare", 10, 15, DropReason.MAX_WAIT)]
    assert bench.committable(CLICKS) == 15


def test_a_block_topic_is_diverted_only_after_max_block_and_its_newest_records_are() -> None:
    bench = flooded(Policy(max_block=5.0, overflow_topic=SPARE))
    assert (sent(bench), bench.holds) == ([], {CLICKS: ("buffer",)})
    bench.wait(5.0)
    assert sent(bench) == [("clicks-spare", 80, 90, DropReason.MAX_BLOCK)]


def test_while_too_much_is_on_its_way_its_partitions_are_held_and_no_others() -> None:
    bench = flooded(OLDEST)
    assert bench.holds == {CLICKS: ("overflow",)}
    bench.poll(chunk(T0, range(5)))
    assert bench.holds == {CLICKS: ("overflow",)}
    answer(bench)
    assert CLICKS not in bench.holds


def test_a_record_that_finds_no_room_is_refused_and_comes_again() -> None:
    bench = flooded(OLDEST)
    bench.poll(chunk(CLICKS, range(90, 120)))
    assert bench.shot.books.polled == {"clicks": 100}
    assert bench.engine.positions()[CLICKS] == 100
    assert "overflow" in bench.holds[CLICKS]
    answer(bench)
    answer(bench, numbers=[2])
    assert bench.holds == {}
    assert drops(bench) == [("clicks-spare", 10, 20, DropReason.DROP_OLDEST), ("clicks-spare", 20, 30, DropReason.DROP_OLDEST)]


def test_an_overflow_topic_that_takes_nothing_is_tried_again_later_and_nothing_is_dropped() -> None:
    bench = flooded(OLDEST)
    answer(bench, "no such topic")
    [failed] = only(bench.actions, DivertFailed)
    assert (failed.tp, failed.records, failed.overflow_topic, failed.error) == (CLICKS, 10, "clicks-spare", "no such topic")
    assert bench.shot.overflow == OverflowView(10, "clicks-spare: no such topic")
    assert len(sent(bench)) == 1
    bench.now += failed.retry_in
    bench.wait(0.0)
    assert sent(bench)[1:] == sent(bench)[:1]
    assert drops(bench) == []
    answer(bench)
    assert bench.shot.overflow == OverflowView()


def test_each_failure_in_a_row_is_followed_by_a_longer_wait() -> None:
    bench = flooded(OLDEST)
    waits = []
    for _ in range(30):
        bench.tell(DivertFinished(1, "no such topic"))
        waits.append(only(bench.actions, DivertFailed)[-1].retry_in)
        bench.wait(waits[-1])
    assert len(sent(bench)) == 31
    assert max(waits[:3]) < max(waits[-10:])


def test_after_a_failure_one_chunk_is_sent_alone_and_then_the_others_in_their_order() -> None:
    bench = bench_of(OLDEST)
    for first in range(0, 90, 5):
        bench.poll(chunk(CLICKS, range(first, first + 5)))
    first_time = sent(bench)
    assert [place[1] for place in first_time] == [10, 15]
    for number in (2, 1):
        bench.tell(DivertFinished(number, "no leader"))
    bench.wait(60.0)
    assert sent(bench)[2:] == first_time[:1]
    bench.tell(DivertFinished(1, None))
    assert sent(bench)[3:] == first_time[1:]


def test_while_its_overflow_topic_takes_nothing_a_partition_waits_in_kafka_and_what_is_queued_of_it_is_for_the_downstream() -> (
    None
):
    bench = bench_of(OLDEST)
    for first in range(0, 81, 27):
        bench.poll(chunk(CLICKS, range(first, first + 27)))
    assert (sent(bench), bench.holds) == ([("clicks-spare", 10, 11, DropReason.DROP_OLDEST)], {})
    answer(bench, "no such topic")
    assert bench.holds == {CLICKS: ("overflow",)}
    bench.poll(chunk(T0, range(3)))
    bench.wait(60.0)
    assert bench.shot.overflow.records == 1
    bench.tell(DivertFinished(1, None))
    assert bench.holds == {}


def test_of_an_overflow_topic_that_is_waited_for_no_more_nothing_is_said() -> None:
    bench = flooded(OLDEST)
    answer(bench, "no such topic")
    bench.tell(Lost([CLICKS]))
    assert bench.shot.overflow == OverflowView()
    bench.tell(Assigned({CLICKS: 10}))
    assert bench.holds == {}


def test_a_drain_tries_what_has_failed_again_at_once() -> None:
    bench = flooded(OLDEST)
    for _ in range(10):
        answer(bench, "no such topic")
        bench.wait(60.0)
    answer(bench, "no such topic")
    count = len(sent(bench))
    bench.tell(DrainRequested(bench.now + 30))
    bench.wait(HASTE)
    assert len(sent(bench)) == count + 1


def test_one_overflow_topic_that_fails_holds_up_no_other() -> None:
    bench = bench_of(OLDEST, replace(OLDEST, priority=-1, overflow_topic="other"))
    for first in range(0, 90, 30):
        bench.poll(chunk(CLICKS, range(first, first + 30)))
    answer(bench, "no such topic")
    bench.poll(chunk(T0, range(10)))
    assert sent(bench)[1:] == [("other", 0, 10, DropReason.DROP_OLDEST)]


def test_what_is_sent_at_once_is_bounded_in_bytes() -> None:
    bench = bench_of(OLDEST, max_batch_bytes=10 * RECORD_BYTES)
    for first in range(0, 90, 5):
        bench.poll(chunk(CLICKS, range(first, first + 5)))
    bench.poll(chunk(CLICKS, range(90, 95)))
    assert [place[1:3] for place in sent(bench)] == [(10, 15), (15, 20)]
    answer(bench, numbers=[1])
    assert [place[1:3] for place in sent(bench)] == [(10, 15), (15, 20), (20, 25)]


def test_overflow_topics_take_turns_so_that_a_flood_of_one_keeps_no_other_waiting() -> None:
    other = Policy(Strategy.DROP_OLDEST, priority=-1, overflow_topic="orders-spare")
    bench = bench_of(OLDEST, other, max_batch_bytes=5 * RECORD_BYTES)
    for first in range(0, 95, 5):
        bench.poll(chunk(CLICKS, range(first, first + 5)))
    bench.poll(chunk(T0, range(5)))
    for number in range(1, 4):
        answer(bench, numbers=[only(bench.actions, Divert)[-1].number])
        bench.poll(chunk(CLICKS, range(90 + 5 * number, 95 + 5 * number)))
    assert [topic for topic, *_ in sent(bench)] == ["clicks-spare", "clicks-spare", "orders-spare", "clicks-spare"]


def test_of_several_topics_the_one_of_the_lowest_priority_is_diverted_first() -> None:
    bench = bench_of(replace(OLDEST, priority=-1), replace(OLDEST, priority=1))
    bench.poll(chunk(T0, range(45)))
    bench.poll(chunk(CLICKS, range(45)))
    assert sent(bench) == [("clicks-spare", 0, 10, DropReason.DROP_OLDEST)]


def test_nothing_is_diverted_while_less_important_records_may_simply_be_dropped() -> None:
    bench = bench_of(OLDEST, Policy(Strategy.DROP_OLDEST, priority=-1))
    bench.poll(chunk(T0, range(45)))
    bench.poll(chunk(CLICKS, range(45)))
    assert sent(bench) == []
    bench.poll(chunk(CLICKS, range(45, 75)))
    assert drops(bench) == [(None, 10, 30, DropReason.DROP_OLDEST)]
    assert {each.tp for each in only(bench.actions, Dropped)} == {T0}


def test_records_of_a_topic_with_an_overflow_topic_are_never_evicted() -> None:
    bench = bench_of(replace(OLDEST, priority=-9), Policy(Strategy.DROP_NEWEST, priority=9))
    bench.poll(chunk(CLICKS, range(80)))
    bench.poll(chunk(T0, range(30)))
    assert {(str(each.tp), each.reason) for each in only(bench.actions, Dropped)} == {("orders[0]", DropReason.DROP_NEWEST)}


def test_what_is_not_sent_is_given_back_when_its_partition_leaves_and_what_is_sent_ends_as_it_may() -> None:
    bench = bench_of(OLDEST, max_batch_bytes=10 * RECORD_BYTES)
    for first in range(0, 95, 5):
        bench.poll(chunk(CLICKS, range(first, first + 5)))
    assert bench.engine.in_flight_of([CLICKS]) == 3
    bench.tell(Lost([CLICKS]))
    assert bench.shot.overflow == OverflowView(10)
    bench.tell(DivertFinished(1, None))
    bench.tell(DivertFinished(2, "no leader"))
    assert bench.shot.overflow.records == 0
    assert drops(bench) == [("clicks-spare", 10, 15, DropReason.DROP_OLDEST)]
    assert only(bench.actions, Released)[-1] == Released(CLICKS, 5, ReleaseReason.LOST)


def test_a_drain_waits_for_what_is_on_its_way_until_its_deadline() -> None:
    bench = flooded(OLDEST)
    bench.tell(DrainRequested(bench.now + 5))
    while bench.shot.flow.flushes_in_flight:
        bench.land(bench.flushed()[-1].flight)
    assert only(bench.actions, Finish) == []
    answer(bench)
    assert only(bench.actions, Finish) == [Finish(expired=False)]


def test_at_the_end_of_a_drain_it_is_given_back_and_a_late_answer_is_nobodys() -> None:
    bench = flooded(OLDEST)
    bench.tell(DrainRequested(bench.now + 5))
    bench.wait(5.0)
    assert only(bench.actions, Finish) == [Finish(expired=True)]
    answer(bench)
    assert drops(bench) == []
    assert bench.shot.books.released == {("clicks", "shutdown"): 90}


def test_what_is_on_its_way_to_an_overflow_topic_holds_up_no_flush() -> None:
    """Also where it is more than full batches would have, and its topic takes nothing."""
    bench = bench_of(OLDEST, max_batch_bytes=11 * RECORD_BYTES)
    bench.poll(chunk(CLICKS, range(50)))
    bench.poll(chunk(CLICKS, range(50, 100)))
    answer(bench, "UNKNOWN_TOPIC_OR_PART")
    assert bench.shot.overflow.records == 20
    bench.land(1)
    assert len(bench.flushed()) == 2
