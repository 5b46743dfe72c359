from __future__ import annotations

from typing import Any
from zlib import crc32

import pytest

from sidecar import BackpressureController, ControllerConfig, NotRunningError, PushResult, Strategy
from tests.unit.controller.parts import Downstream, Elsewhere, FakeClock, balanced

# A buffer of 10: ELEVATED from 5 (what is queued is flushed at once, so 0..4 are in flight), held from 8.
TEN: dict[str, Any] = {"max_items": 10}

ACCEPTED = PushResult(accepted=True)


def dropped(reason: str) -> PushResult:
    return PushResult(accepted=False, reason=reason)


def kept_by_sampling(offset: int, rate: int) -> bool:
    return crc32(b"%d" % offset) < 2**32 // rate


SAMPLED = [ACCEPTED if n < 5 or kept_by_sampling(n, 2) else dropped("sample") for n in range(13)]


@pytest.mark.parametrize(
    ("config", "answers", "delivered", "dropped_by_reason"),
    [
        (
            ControllerConfig(**TEN, strategy=Strategy.BLOCK, max_block=0),
            [ACCEPTED] * 10 + [dropped("max_block")] * 3,
            list(range(10)),
            {"max_block": 3},
        ),
        (
            ControllerConfig(**TEN, strategy="drop_oldest"),
            [ACCEPTED] * 13,
            [0, 1, 2, 3, 4, 8, 9, 10, 11, 12],
            {"drop_oldest": 3},
        ),
        (
            ControllerConfig(**TEN, strategy="drop_newest"),
            [ACCEPTED] * 10 + [dropped("drop_newest")] * 3,
            list(range(10)),
            {"drop_newest": 3},
        ),
        (
            ControllerConfig(**TEN, strategy="sample", sample_rate=2),
            SAMPLED,
            [n for n, answer in enumerate(SAMPLED) if answer],
            {"sample": SAMPLED.count(dropped("sample"))},
        ),
    ],
    ids=["block", "drop_oldest", "drop_newest", "sample"],
)
def test_a_full_buffer_does_what_its_strategy_says_and_the_books_say_so(
    config: ControllerConfig, answers: list[PushResult], delivered: list[int], dropped_by_reason: dict[str, int]
) -> None:
    downstream = Downstream(gated=True)
    controller: BackpressureController[int] = BackpressureController(downstream, config, clock=FakeClock())
    controller.start()
    assert [controller.push(n) for n in range(13)] == answers
    assert balanced(controller.metrics())
    downstream.gate.set()
    drained = controller.drain()
    assert (drained.complete, downstream.taken, drained.metrics.dropped) == (True, delivered, dropped_by_reason)
    assert (drained.metrics.pushed, drained.metrics.delivered) == (13, len(delivered))
    assert balanced(drained.metrics)


def test_the_example_of_sampling_both_keeps_and_drops() -> None:
    assert {answer.reason for answer in SAMPLED[5:]} == {None, "sample"}


def test_items_with_the_same_key_are_sampled_together() -> None:
    keys = [b"a%d" % n for n in range(8)]
    downstream = Downstream(gated=True)
    config = ControllerConfig(max_items=100, low_watermark=0.01, high_watermark=0.9, strategy="sample", sample_rate=2)
    with BackpressureController(downstream, config, clock=FakeClock()) as controller:
        controller.push("the first makes it elevated")
        answers = [(key, bool(controller.push(key, key=key))) for key in keys * 3]
        downstream.gate.set()
    assert answers == [(key, crc32(key) < 2**31) for key in keys * 3]
    assert {kept for _, kept in answers} == {True, False}


def held_at_eight(clock: FakeClock, **config: Any) -> tuple[BackpressureController[int], Downstream]:
    downstream = Downstream(gated=True)
    controller: BackpressureController[int] = BackpressureController(downstream, ControllerConfig(**TEN, **config), clock=clock)
    controller.start()
    assert all(controller.push(n) for n in range(8))
    assert controller.metrics().state == "critical"
    return controller, downstream


def test_a_push_waits_while_the_buffer_is_held_and_goes_on_when_there_is_room() -> None:
    clock = FakeClock()
    controller, downstream = held_at_eight(clock)
    push = Elsewhere(lambda: controller.push(8))
    clock.await_waiters(105.0)
    assert controller.metrics().pushed == 8
    downstream.gate.set()
    assert push.outcome() == ACCEPTED
    controller.drain()
    assert downstream.taken == list(range(9))


def test_a_push_waits_max_block_and_no_less_then_takes_the_reserve_and_where_that_is_used_up_is_dropped() -> None:
    clock = FakeClock()
    controller, downstream = held_at_eight(clock)
    pushes = [Elsewhere(lambda n=n: controller.push(n)) for n in (8, 9, 10)]  # type: ignore[misc]
    clock.await_waiters(105.0, 3)
    clock.advance(4.99)
    clock.await_waiters(105.0, 3)
    clock.advance(0.02)
    reasons = [push.outcome().reason for push in pushes]
    assert sorted(map(str, reasons)) == ["None", "None", "max_block"]
    metrics = controller.metrics()
    assert (metrics.pushed, metrics.dropped, metrics.buffered + metrics.in_flight) == (11, {"max_block": 1}, 10)
    assert balanced(metrics)
    downstream.gate.set()
    assert controller.drain().complete
    lost = 8 + reasons.index("max_block")
    assert sorted(downstream.taken) == [n for n in range(11) if n != lost]


@pytest.mark.parametrize("end", ["drain", "stop"])
def test_a_waiting_push_is_refused_when_the_controller_begins_to_end_and_its_item_is_in_no_book(end: str) -> None:
    clock = FakeClock()
    controller, downstream = held_at_eight(clock)
    push = Elsewhere(lambda: controller.push(8))
    clock.await_waiters(105.0)
    ending = Elsewhere(getattr(controller, end))
    assert isinstance(push.outcome(), NotRunningError)
    downstream.gate.set()
    ending.outcome()
    assert controller.metrics().pushed == 8
    assert 8 not in downstream.taken
    assert balanced(controller.metrics())


@pytest.mark.parametrize("strategy", [Strategy.DROP_OLDEST, Strategy.DROP_NEWEST, Strategy.SAMPLE])
def test_where_items_may_be_dropped_no_push_waits_even_while_half_of_the_flushes_fail(strategy: Strategy) -> None:
    clock, downstream = FakeClock(), Downstream(*[OSError("down"), None] * 5, *[OSError("down")] * 20)
    controller = BackpressureController(downstream, ControllerConfig(strategy=strategy), clock=clock)
    controller.start()
    for n in range(6):
        controller.push(n)
        for _ in range(2):
            clock.await_sleepers(1)
            clock.advance(0.11)
    assert len(downstream.calls) >= 11
    push = Elsewhere(lambda: controller.push(6))
    outcome = push.outcome()
    controller.stop()
    assert outcome == ACCEPTED


def test_a_part_filled_batch_waits_for_its_interval_and_a_full_one_does_not() -> None:
    clock, downstream = FakeClock(), Downstream()
    config = ControllerConfig(first_batch=3, min_interval=0.05)
    with BackpressureController(downstream, config, clock=clock) as controller:
        for n in range(3):
            controller.push(n)
        downstream.await_calls(1)
        clock.await_waiters(100.25)  # for something else, and later than the item may wait
        controller.push(3)
        clock.await_waiters(100.05)
        assert downstream.calls == [[0, 1, 2]]
        clock.advance(0.05)
        downstream.await_calls(2)
    assert downstream.calls == [[0, 1, 2], [3]]


def test_the_limit_in_bytes_counts_what_size_of_says_and_a_larger_item_passes_alone() -> None:
    downstream = Downstream(gated=True)
    config = ControllerConfig(max_bytes=10_000, strategy="drop_newest")
    controller = BackpressureController(downstream, config, size_of=int, clock=FakeClock())
    controller.start()
    sizes = [4_000, 4_000, 4_000, 1_000, 50_000]
    assert [bool(controller.push(size)) for size in sizes] == [True, True, False, True, False]
    assert 9_000 <= controller.metrics().buffered_bytes <= 10_000
    downstream.gate.set()
    controller.drain()
    alone = BackpressureController(Downstream(), config, size_of=int, clock=FakeClock())
    with alone:
        assert alone.push(50_000)
    assert alone.metrics().delivered == 1


def test_an_item_that_fits_is_taken_though_a_larger_one_was_dropped_before() -> None:
    downstream = Downstream(gated=True)
    config = ControllerConfig(max_bytes=10_000, first_batch=1, max_block=0)
    controller = BackpressureController(downstream, config, size_of=int, clock=FakeClock())
    controller.start()
    assert [controller.push(size).reason for size in (4_000, 7_000, 10, 10)] == [None, "max_block", None, None]
    downstream.gate.set()
    assert controller.drain()
    assert downstream.taken == [4_000, 10, 10]
    assert balanced(controller.metrics())


@pytest.mark.parametrize("large", [7_000, 50_000])
def test_under_block_a_large_item_waits_until_it_fits_and_smaller_ones_do_not_overtake_it(large: int) -> None:
    clock, downstream = FakeClock(), Downstream(gated=True)
    config = ControllerConfig(max_bytes=10_000, first_batch=1)
    controller = BackpressureController(downstream, config, size_of=int, clock=clock)
    controller.start()
    controller.push(4_000)
    first = Elsewhere(lambda: controller.push(large))
    clock.await_waiters(105.0)
    second = Elsewhere(lambda: controller.push(10))
    clock.await_waiters(105.0, 2)
    assert controller.metrics().pushed == 1
    downstream.gate.set()
    assert first.outcome()
    assert second.outcome()
    assert controller.drain()
    assert sorted(downstream.taken) == [10, 4_000, large]
    assert balanced(controller.metrics())


@pytest.mark.parametrize(("size", "error"), [(-1, ValueError), (1.5, TypeError), (None, TypeError)])
def test_an_item_whose_size_is_none_is_refused_and_changes_nothing(size: Any, error: type[Exception]) -> None:
    with BackpressureController(Downstream(), size_of=lambda _item: size, clock=FakeClock()) as controller:
        with pytest.raises(error):
            controller.push("item")
        assert controller.metrics().pushed == 0
