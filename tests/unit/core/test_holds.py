from __future__ import annotations

from dataclasses import replace

from sidecar.core.actions import Pause, Resume
from sidecar.core.config import EngineConfig, FlushLimits, Policy, Strategy
from sidecar.core.events import Advanced, Assigned, PartitionFailed, Revoked
from sidecar.core.records import RECORD_BYTES
from sidecar.core.results import Systemic
from tests.unit.core.examples import CLICKS, SMALL, T0, T1, Bench, chunk, only, sized

SLOW = EngineConfig(max_messages=100, flush=FlushLimits(first_batch=90, max_batch=90, max_in_flight=1), pause_after=1.0)
MIXED = replace(SLOW, policy=lambda topic: Policy(Strategy.BLOCK if topic == "orders" else Strategy.DROP_OLDEST))


def critical() -> Bench:
    """Return a bench whose two partitions fill their shares and are held for the buffer, with flight 1 under way."""
    bench = Bench(SLOW, T0, T1)
    bench.poll(chunk(T0, range(45)), chunk(T1, range(45)))
    assert bench.holds == {T0: ("buffer",), T1: ("buffer",)}
    return bench


def client_of(bench: Bench) -> dict[str, bool]:
    return {"polled": bench.engine.polling, "takes records": bench.engine.takes_records}


def test_a_hold_of_everything_first_means_not_polling_then_pausing_while_polling_goes_on() -> None:
    bench = critical()
    assert only(bench.actions, Pause) == []
    assert client_of(bench) == {"polled": False, "takes records": False}
    assert bench.engine.next_due(bench.now) == bench.now + 1.0
    assert only(bench.wait(0.999), Pause) == []
    assert only(bench.wait(0.001), Pause) == [Pause([T0, T1])]
    assert client_of(bench) == {"polled": True, "takes records": False}
    assert only(bench.wait(100), Pause) == []
    assert (bench.shot.holds, bench.shot.pauses) == (2, 2)


def test_a_hold_that_ends_before_pause_after_never_pauses() -> None:
    bench = critical()
    bench.wait(0.5)
    bench.land(1)
    assert bench.holds == {}
    assert client_of(bench) == {"polled": True, "takes records": True}
    assert only(bench.actions, Pause) + only(bench.actions, Resume) == []
    assert (bench.shot.holds, bench.shot.pauses) == (2, 0)


def test_what_was_paused_is_resumed_at_its_position_once() -> None:
    bench = critical()
    bench.wait(1)
    bench.tell(Advanced({T1: 50}))
    assert only(bench.land(1), Resume) == [Resume({T0: 45, T1: 50})]
    assert only(bench.wait(1), Resume) == []


def test_some_held_and_others_not_pauses_the_held_ones_at_once_and_goes_on_polling() -> None:
    bench = Bench(MIXED, T0, CLICKS)
    assert only(bench.poll(chunk(T0, range(45)), chunk(CLICKS, range(45))), Pause) == [Pause([T0])]
    assert client_of(bench) == {"polled": True, "takes records": True}
    assert only(bench.land(1), Resume) == [Resume({T0: 45})]


def test_a_topic_that_floods_the_buffer_and_may_drop_holds_no_other() -> None:
    bench = Bench(replace(MIXED, flush=SMALL.flush), T0, CLICKS)
    bench.poll(chunk(CLICKS, range(90)))
    assert (bench.shot.state, bench.holds) == ("critical", {})
    bench.poll(chunk(T0, range(39)))
    assert bench.holds == {}
    bench.poll(chunk(T0, range(39, 40)))
    assert bench.holds == {T0: ("buffer",)}


def test_a_hot_partition_holds_the_others_only_as_long_as_that_costs_nothing() -> None:
    bench = Bench(SLOW, T0, T1)
    bench.poll(chunk(T0, range(90)))
    assert bench.holds == {T0: ("buffer",), T1: ("buffer",)}
    assert only(bench.wait_for_due(), Pause) == [Pause([T0])]
    assert bench.holds == {T0: ("buffer",)}
    bench.poll(chunk(T1, range(10)))
    assert bench.shot.books.polled == {"orders": 100}


def test_a_partition_whose_records_found_no_room_beside_a_hot_one_waits_until_there_is_some_again() -> None:
    bench = Bench(replace(SLOW, flush=FlushLimits(first_batch=10, max_batch=10, max_in_flight=1)), T0, T1)
    bench.poll(chunk(T0, range(90)))
    bench.wait(1)
    bench.poll(chunk(T1, range(15)))
    assert bench.holds == {T0: ("buffer",), T1: ("buffer",)}
    resumed = [only(bench.land(flight), Resume) for flight in range(1, 4)]
    assert resumed == [[], [], [Resume({T1: 10})]]
    assert bench.holds == {T0: ("buffer",)}


def test_a_hold_begins_at_the_high_watermark_and_ends_below_the_low_one() -> None:
    bench = Bench(replace(SLOW, pause_after=0, flush=FlushLimits(first_batch=10, max_batch=10, max_in_flight=1)), T0)
    assert only(bench.poll(chunk(offsets=range(79))), Pause) == []
    assert only(bench.poll(chunk(offsets=range(79, 80))), Pause) == [Pause([T0])]
    resumed = [only(bench.land(flight), Resume) for flight in range(1, 5)]
    assert resumed == [[], [], [], [Resume({T0: 80})]]


def test_a_partition_that_comes_while_everything_is_held_is_held_and_paused_too() -> None:
    bench = critical()
    bench.wait(1)
    bench.tell(Revoked([T1]))
    assert only(bench.tell(Assigned({T1: 5})), Pause) == [Pause([T1])]


def test_the_client_forgets_a_pause_with_the_partition_so_it_is_paused_again_in_the_next_epoch() -> None:
    bench = critical()
    bench.wait(1)
    assert only(bench.tell(Assigned({T0: 0, T1: 0})), Pause) == [Pause([T0, T1])]


def test_a_revoked_partition_is_never_resumed() -> None:
    bench = critical()
    bench.wait(1)
    bench.tell(Revoked([T0]))
    assert only(bench.land(1), Resume) == [Resume({T1: 45})]


def test_without_partitions_nothing_is_held_and_the_client_is_polled() -> None:
    bench = critical()
    bench.tell(Revoked([T0, T1]))
    assert bench.holds == {}
    assert client_of(bench) == {"polled": True, "takes records": True}


def test_a_partition_has_every_reason_that_it_is_held_for_and_is_held_until_the_last_one_is_gone() -> None:
    bench = Bench(SLOW, T0, T1)
    bench.poll(chunk(T0, range(90)))
    bench.land(1, Systemic("refused"))
    assert bench.holds == {T0: ("breaker", "buffer"), T1: ("breaker", "buffer")}
    bench.tell(PartitionFailed(T0, "out of range"))
    assert bench.holds[T0] == ("stopped", "breaker")
    while bench.shot.flow.breaker == "open":
        bench.wait_for_due()
    assert bench.holds == {T0: ("stopped",)}


def test_the_breaker_holds_partitions_of_every_strategy() -> None:
    bench = Bench(replace(MIXED, flush=SMALL.flush), T0, CLICKS)
    bench.poll(chunk(CLICKS))
    bench.land(1, Systemic("refused"))
    assert bench.holds == {T0: ("breaker",), CLICKS: ("breaker",)}


def test_a_partition_that_is_stopped_while_its_record_waits_for_room_keeps_no_other_from_flowing() -> None:
    bench = Bench(replace(SLOW, max_bytes=10 * RECORD_BYTES), T0, T1)
    bench.poll(chunk(T1, range(1)), sized(T0, 0, [20 * RECORD_BYTES]))
    assert bench.holds == {T0: ("buffer", "room"), T1: ("buffer", "room")}
    bench.tell(PartitionFailed(T0, "poison"))
    assert bench.holds == {T0: ("stopped",)}
