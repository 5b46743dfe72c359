from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from zlib import crc32

import pytest

from sidecar.core.actions import Dropped, Landed, Pause, Released, Resume
from sidecar.core.books import DropReason, ReleaseReason
from sidecar.core.config import EngineConfig, FlushLimits, Policy, Strategy
from sidecar.core.engine import POLL_RECORDS
from sidecar.core.events import Advanced, Assigned, RevokeBegun
from sidecar.core.records import Chunk
from sidecar.core.sampling import sampled_indexes
from tests.unit.core.examples import CLICKS, SMALL, T0, T1, T2, Bench, chunk, offsets_of, only, sized

KEYS = [b"customer-%d" % number for number in range(4_000)]


def policies(**by_topic: Policy) -> Callable[[str], Policy]:
    return by_topic.__getitem__


def config(orders: Policy | None = None, clicks: Policy | None = None, records: int = 10) -> EngineConfig:
    """Return a buffer of a few records, no flush of which is over before it is told."""
    orders, clicks = orders or Policy(), clicks or Policy()
    return EngineConfig(
        max_messages=records, flush=FlushLimits(1, 1, max_in_flight=1), policy=policies(orders=orders, clicks=clicks)
    )


def drops(bench: Bench) -> list[tuple[str, int, int, int, DropReason]]:
    return [(str(each.tp), each.start, each.end, each.records, each.reason) for each in only(bench.actions, Dropped)]


def delivered(bench: Bench) -> list[int]:
    """Flush what is there; return the offsets that were delivered."""
    landed = 0
    while landed < len(bench.flushed()):
        bench.land(bench.flushed()[landed].flight)
        landed += 1
    return [offset for each in only(bench.actions, Landed) for offset in offsets_of(each.chunks)]


def test_block_refuses_what_does_not_fit_and_fetches_it_again_in_order() -> None:
    bench = Bench(config(), T0)
    actions = bench.poll(chunk(offsets=range(15)))
    assert only(actions, Pause) == [Pause([T0])]
    assert bench.shot.books.polled == {"orders": 10}
    assert bench.engine.positions() == {T0: 10}
    delivered(bench)
    assert only(bench.actions, Resume)[-1] == Resume({T0: 10})
    bench.poll(chunk(offsets=range(10, 15)))
    assert delivered(bench) == list(range(15))
    assert drops(bench) == []


def test_block_takes_nothing_that_comes_behind_refused_records_until_they_were_fetched_again() -> None:
    bench = Bench(config(), T0)
    bench.poll(chunk(offsets=range(15)))
    bench.poll(chunk(offsets=range(15, 20)))
    bench.tell(Advanced({T0: 20}))
    assert bench.engine.positions() == {T0: 10}
    assert bench.shot.books.polled == {"orders": 10}


def test_a_small_record_behind_a_refused_large_one_is_not_taken_though_it_would_fit() -> None:
    bench = Bench(replace(config(), max_bytes=10_000), T0)
    bench.poll(sized(T0, 0, [5_000]), sized(T0, 1, [8_000]), sized(T0, 2, [300]))
    assert bench.engine.positions() == {T0: 1}
    assert bench.shot.books.polled == {"orders": 1}


def test_the_first_record_of_a_partition_that_began_nowhere_is_fetched_again_when_it_did_not_fit() -> None:
    bench = Bench(config(), T1)
    bench.tell(Assigned({T0: None}))
    bench.poll(chunk(T1, range(10)))
    bench.poll(chunk(T0, range(700, 702)))
    bench.tell(Advanced({T0: 702}))
    assert bench.engine.positions()[T0] == 700
    delivered(bench)
    assert only(bench.actions, Resume)[-1].positions[T0] == 700
    bench.poll(chunk(T0, range(700, 702)))
    assert delivered(bench) == [*range(10), 700, 701]


def test_block_with_max_block_drops_the_newest_only_after_it() -> None:
    bench = Bench(config(Policy(max_block=5.0)), T0)
    bench.poll(chunk(offsets=range(15)))
    assert bench.holds
    bench.wait(4.999)
    assert (bench.holds, drops(bench)) == ({T0: ("buffer",)}, [])
    assert only(bench.wait_for_due(), Resume) == [Resume({T0: 10})]
    bench.poll(chunk(offsets=range(10, 15)))
    assert drops(bench) == [("orders[0]", 10, 15, 5, DropReason.MAX_BLOCK)]
    assert delivered(bench) == list(range(10))
    assert bench.committable() == 15


def test_after_max_block_ended_a_hold_the_next_one_lasts_as_long_again() -> None:
    bench = Bench(config(Policy(max_block=5.0)), T0)
    bench.poll(chunk(offsets=range(15)))
    bench.wait(5.0)
    bench.poll(chunk(offsets=range(10, 15)))
    delivered(bench)
    bench.poll(chunk(offsets=range(15, 30)))
    bench.wait(4.999)
    assert bench.holds
    assert len(drops(bench)) == 1


def test_drop_newest_drops_what_does_not_fit_and_its_offsets_may_be_committed() -> None:
    bench = Bench(config(Policy(Strategy.DROP_NEWEST)), T0)
    bench.poll(chunk(offsets=range(15)))
    bench.poll(chunk(offsets=range(15, 17)))
    assert drops(bench) == [
        ("orders[0]", 10, 15, 5, DropReason.DROP_NEWEST),
        ("orders[0]", 15, 17, 2, DropReason.DROP_NEWEST),
    ]
    assert delivered(bench) == list(range(10))
    assert bench.committable() == 17
    assert not bench.holds


def test_drop_oldest_evicts_the_oldest_that_is_queued_and_takes_everything_new() -> None:
    bench = Bench(config(Policy(Strategy.DROP_OLDEST)), T0)
    bench.poll(chunk(offsets=range(10)))
    bench.poll(chunk(offsets=range(10, 13)))
    assert drops(bench) == [("orders[0]", 1, 4, 3, DropReason.DROP_OLDEST)]
    assert bench.committable() == 0
    assert delivered(bench) == [0, *range(4, 13)]
    assert bench.committable() == 13


def test_drop_oldest_with_a_chunk_larger_than_the_buffer_keeps_its_tail() -> None:
    bench = Bench(config(Policy(Strategy.DROP_OLDEST)), T0)
    bench.poll(chunk(offsets=range(25)))
    assert delivered(bench) == list(range(15, 25))
    assert bench.committable() == 25


def test_drop_oldest_never_evicts_a_record_of_a_block_topic_and_then_loses_its_own() -> None:
    bench = Bench(config(clicks=Policy(Strategy.DROP_OLDEST)), T0, CLICKS)
    bench.poll(chunk(T0, range(10)))
    bench.poll(chunk(CLICKS, range(3)))
    assert drops(bench) == [("clicks[0]", 0, 3, 3, DropReason.DROP_OLDEST)]
    assert delivered(bench) == list(range(10))


@pytest.mark.parametrize(("orders_first", "victim"), [(0, "clicks[0]"), (5, "orders[0]")])
def test_drop_oldest_evicts_the_lowest_priority_first_then_the_oldest(orders_first: int, victim: str) -> None:
    lower = 5 - orders_first
    bench = Bench(config(Policy(Strategy.DROP_OLDEST, priority=lower), Policy(Strategy.DROP_OLDEST), 11), T0, T1, CLICKS)
    bench.poll(chunk(T1, range(1)))
    bench.poll(chunk(T0, range(5)))
    bench.now += 1
    bench.poll(chunk(CLICKS, range(5)))
    bench.poll(chunk(T1, range(1, 3)))
    [(tp, start, end, records, _)] = drops(bench)
    assert (tp, start, end, records) == (victim, 0, 2, 2)


def test_drop_oldest_evicts_nothing_for_a_lower_priority() -> None:
    bench = Bench(config(Policy(Strategy.DROP_OLDEST, priority=1), Policy(Strategy.DROP_OLDEST)), T0, CLICKS)
    bench.poll(chunk(T0, range(10)))
    bench.poll(chunk(CLICKS, range(2)))
    assert drops(bench) == [("clicks[0]", 0, 2, 2, DropReason.DROP_OLDEST)]


def test_sample_takes_everything_while_there_is_no_pressure() -> None:
    bench = Bench(config(Policy(Strategy.SAMPLE), records=100), T0)
    bench.poll(chunk(offsets=range(49)))
    assert bench.shot.books.buffered + bench.shot.books.in_flight == 49


def elevated(policy: Policy) -> Bench:
    """Return a bench under pressure: half of its 1,000 records are held by another topic."""
    bench = Bench(config(clicks=policy, records=1_000), T0, CLICKS)
    bench.poll(chunk(T0, range(500)))
    return bench


def test_sample_under_pressure_keeps_the_keys_of_the_hash_with_their_weight_and_counts_the_others() -> None:
    bench = elevated(Policy(Strategy.SAMPLE, sample_rate=10))
    bench.poll(chunk(CLICKS, range(4_000), keys=KEYS))
    kept = [offset for offset, key in enumerate(KEYS) if crc32(key) < 2**32 // 10]
    assert drops(bench) == [("clicks[0]", 0, 4_000, 4_000 - len(kept), DropReason.SAMPLE)]
    delivered(bench)
    carried = [each for start in bench.flushed() for each in start.batch.chunks if each.tp == CLICKS]
    assert (offsets_of(carried), {each.weight for each in carried}) == (kept, {10})
    assert bench.committable(CLICKS) == 4_000


def test_sample_under_pressure_with_nothing_to_keep_moves_the_ledger_all_the_same() -> None:
    bench = elevated(Policy(Strategy.SAMPLE, sample_rate=10))
    left_out = [key for key in KEYS if crc32(key) >= 2**32 // 10][:50]
    bench.poll(chunk(CLICKS, range(50), keys=left_out))
    assert bench.committable(CLICKS) == 50
    assert bench.shot.books.dropped == {("clicks", "sample"): 50}


def test_what_sampling_kept_and_does_not_fit_is_dropped_as_the_newest_since_no_weight_stands_for_it() -> None:
    bench = Bench(config(clicks=Policy(Strategy.SAMPLE, sample_rate=10)), T0, CLICKS)
    bench.poll(chunk(T0, range(6)))
    bench.poll(chunk(CLICKS, range(4_000), keys=KEYS))
    kept = [offset for offset, key in enumerate(KEYS) if crc32(key) < 2**32 // 10]
    assert bench.shot.buffer_records == 10
    assert bench.shot.books.dropped == {("clicks", "sample"): 4_000 - len(kept), ("clicks", "drop_newest"): len(kept) - 4}
    delivered(bench)
    carried = [each for start in bench.flushed() for each in start.batch.chunks if each.tp == CLICKS]
    assert offsets_of(carried) == kept[:4]
    assert bench.committable(CLICKS) == 4_000


def test_sample_drops_what_does_not_fit() -> None:
    bench = Bench(config(Policy(Strategy.SAMPLE)), T0)
    bench.poll(chunk(offsets=range(15)))
    assert drops(bench) == [("orders[0]", 10, 15, 5, DropReason.DROP_NEWEST)]
    assert delivered(bench) == list(range(10))


@pytest.mark.parametrize("keys", [KEYS, [None] * len(KEYS)], ids=["by key", "by offset"])
@pytest.mark.parametrize("rate", [1, 2, 10, 100])
def test_sampling_keeps_about_one_in_n(keys: Sequence[bytes | None], rate: int) -> None:
    assert len(sampled_indexes(chunk(offsets=range(4_000), keys=keys), rate)) == pytest.approx(4_000 / rate, rel=0.25)


@pytest.mark.parametrize("keys", [KEYS, [None] * len(KEYS)], ids=["by key", "by offset"])
def test_sampling_keeps_the_same_records_on_a_replay_in_other_chunks_and_never_sticks(keys: Sequence[bytes | None]) -> None:
    whole = chunk(offsets=range(4_000), keys=keys)
    kept = [whole.offsets[at] for at in sampled_indexes(whole, 10)]
    parts: list[Chunk] = [whole.slice(at, min(at + 7, 4_000)) for at in range(0, 4_000, 7)]
    assert [part.offsets[at] for part in parts for at in sampled_indexes(part, 10)] == kept
    assert max(b - a for a, b in pairwise(kept)) < 120


def test_sampling_keeps_all_records_of_a_key_or_none_wherever_they_are() -> None:
    keys = KEYS[:100] * 10
    kept = {keys[at] for at in sampled_indexes(chunk(offsets=range(1_000), keys=keys), 4)}
    assert sampled_indexes(chunk(offsets=range(5_000, 6_000), keys=keys), 4) == [at for at in range(1_000) if keys[at] in kept]


def test_what_is_kept_at_some_rate_is_kept_at_every_lower_one() -> None:
    whole = chunk(offsets=range(4_000), keys=KEYS)
    assert set(sampled_indexes(whole, 100)) < set(sampled_indexes(whole, 10)) < set(sampled_indexes(whole, 2))


def test_an_empty_key_is_a_key() -> None:
    assert len(sampled_indexes(chunk(offsets=range(1_000), keys=[b""] * 1_000), 4)) in (0, 1_000)


@pytest.mark.parametrize("strategy", Strategy)
def test_records_that_come_again_after_a_seek_are_taken_once(strategy: Strategy) -> None:
    bench = Bench(config(Policy(strategy), records=1000), T0)
    bench.poll(chunk(offsets=range(10)))
    bench.poll(chunk(offsets=range(5)))
    bench.poll(chunk(offsets=range(5, 15)))
    assert delivered(bench) == list(range(15))
    assert bench.shot.books.polled == {"orders": 15}


def test_records_of_a_partition_that_is_not_ours_are_given_back_when_they_come() -> None:
    bench = Bench(SMALL, T0)
    bench.poll(chunk(T1, range(3)))
    bench.tell(RevokeBegun([T0]))
    bench.poll(chunk(T0, range(4)))
    assert only(bench.actions, Released) == [Released(T1, 3, ReleaseReason.REVOKED), Released(T0, 4, ReleaseReason.REVOKED)]
    assert bench.flushed() == []


def test_a_record_larger_than_the_buffer_waits_until_it_is_alone_and_holds_every_block_partition_meanwhile() -> None:
    bench = Bench(replace(config(), max_bytes=10_000), T0, T1)
    bench.poll(sized(T1, 0, [200]))
    bench.poll(sized(T0, 0, [20_000]))
    assert bench.holds == {T0: ("buffer", "room"), T1: ("buffer", "room")}
    assert bench.shot.books.polled == {"orders": 1}
    assert only(bench.land(1), Resume) == [Resume({T0: 0})]
    assert bench.holds == {}
    bench.poll(sized(T0, 0, [20_000]))
    assert delivered(bench) == [0, 0]


@pytest.mark.parametrize(
    ("strategy", "held", "limit"),
    [
        (Strategy.BLOCK, 3, 7),
        (Strategy.BLOCK, 10, 1),
        (Strategy.DROP_OLDEST, 3, 2),
        (Strategy.SAMPLE, 10, 2),
    ],
)
def test_no_more_is_polled_than_fits_and_where_something_may_be_dropped_than_a_part_of_the_buffer(
    strategy: Strategy, held: int, limit: int
) -> None:
    bench = Bench(config(clicks=Policy(strategy)), T0, T2, CLICKS)
    bench.poll(chunk(T0, range(held)))
    assert bench.engine.poll_limit == limit


@pytest.mark.parametrize("strategy", [Strategy.BLOCK, Strategy.SAMPLE])
def test_a_large_buffer_is_filled_by_the_largest_polls(strategy: Strategy) -> None:
    assert Bench(EngineConfig(policy=lambda _topic: Policy(strategy)), T0).engine.poll_limit == POLL_RECORDS
