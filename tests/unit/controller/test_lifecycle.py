from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from sidecar import BackpressureController, ControllerConfig, DrainExpiredError, FlushContractError, NotRunningError
from tests.unit.controller.parts import PATIENCE, Downstream, Elsewhere, FakeClock, balanced

Controller = BackpressureController[int]

SMALL = ControllerConfig(max_items=20, first_batch=5, max_batch=5)


def loaded(downstream: Downstream, clock: FakeClock, items: int = 12) -> Controller:
    """Return a running controller with ``items`` items, the first batch of five at the downstream."""
    controller: Controller = BackpressureController(downstream, SMALL, clock=clock)
    controller.start()
    for n in range(items):
        assert controller.push(n)
    downstream.await_calls(1)
    return controller


def test_a_drain_delivers_everything_without_waiting_for_full_batches() -> None:
    downstream = Downstream(gated=True)
    controller = loaded(downstream, FakeClock())
    downstream.gate.set()
    drained = controller.drain(10)
    assert drained
    assert (downstream.taken, drained.metrics.delivered, drained.metrics.state) == (list(range(12)), 12, "draining")
    assert drained == controller.drain(10)


def test_a_drain_with_a_flush_that_hangs_ends_at_its_deadline_and_what_hangs_changes_nothing_any_more() -> None:
    clock, downstream = FakeClock(), Downstream(gated=True)
    controller = loaded(downstream, clock)
    drain = Elsewhere(lambda: controller.drain(10))
    clock.await_waiters(110.0)
    clock.advance(9.9)
    clock.await_waiters(110.0)
    clock.advance(0.2)
    drained = drain.outcome()
    assert (drained.complete, drained.metrics.released, drained.metrics.in_flight) == (False, 12, 0)
    assert balanced(drained.metrics)
    downstream.gate.set()
    controller.stop()
    assert controller.metrics() == drained.metrics
    assert len(downstream.calls) == 1


def test_a_drain_with_a_flush_that_always_fails_ends_at_its_deadline_with_balanced_books() -> None:
    clock, downstream = FakeClock(), Downstream(*[OSError("away")] * 1000, gated=True)
    controller = loaded(downstream, clock)
    drain = Elsewhere(lambda: controller.drain(10))
    clock.await_waiters(110.0)
    downstream.gate.set()
    clock.advance(0)
    for _ in range(3):
        clock.await_sleepers(2)  # the drain for its deadline, the worker for the next attempt
        clock.advance(1.0)
    downstream.await_calls(4)
    clock.await_sleepers(2)
    clock.advance(10.0)
    drained = drain.outcome()
    assert not drained
    assert (drained.metrics.delivered, drained.metrics.released) == (0, 12)
    assert balanced(drained.metrics)
    assert drained.metrics.last_error == "OSError: away"


def test_a_stop_releases_what_is_left_and_does_not_wait_for_a_flush_that_hangs() -> None:
    downstream = Downstream(gated=True)
    controller = loaded(downstream, FakeClock())
    controller.stop()
    metrics = controller.metrics()
    assert (metrics.released, metrics.buffered, metrics.in_flight, metrics.delivered) == (12, 0, 0, 0)
    assert balanced(metrics)
    downstream.gate.set()
    controller.stop()
    assert not controller.drain(1)


def started(controller: Controller) -> None:
    controller.start()


def stopped(controller: Controller) -> None:
    controller.start()
    controller.stop()


def drained(controller: Controller) -> None:
    controller.start()
    controller.drain()


def never_started_but_stopped(controller: Controller) -> None:
    controller.stop()


@pytest.mark.parametrize(
    ("history", "call"),
    [
        (lambda _controller: None, lambda controller: controller.push(1)),
        (lambda _controller: None, lambda controller: controller.drain()),
        (stopped, lambda controller: controller.push(1)),
        (drained, lambda controller: controller.push(1)),
        (never_started_but_stopped, lambda controller: controller.push(1)),
        (never_started_but_stopped, lambda controller: controller.start()),
        (started, lambda controller: controller.start()),
        (stopped, lambda controller: controller.start()),
    ],
)
def test_what_comes_too_early_or_too_late_is_refused_and_changes_nothing(
    history: Callable[[Controller], None], call: Callable[[Controller], Any]
) -> None:
    controller: Controller = BackpressureController(Downstream())
    history(controller)
    with pytest.raises(NotRunningError):
        call(controller)
    assert controller.metrics().pushed == 0
    controller.stop()


@pytest.mark.parametrize("timeout", [-1, float("nan")])
def test_a_timeout_that_is_none_is_refused_and_does_not_begin_the_drain(timeout: float) -> None:
    with BackpressureController(Downstream()) as controller:
        with pytest.raises(ValueError, match="timeout"):
            controller.drain(timeout)
        assert controller.push(1)


def test_a_drain_may_wait_for_ever() -> None:
    downstream = Downstream(gated=True)
    controller = loaded(downstream, FakeClock())
    drain = Elsewhere(lambda: controller.drain(float("inf")))
    downstream.gate.set()
    assert drain.outcome().metrics.delivered == 12


def test_the_end_of_a_with_block_delivers_what_was_pushed() -> None:
    downstream = Downstream()
    with BackpressureController(downstream) as controller:
        controller.push("a")
    assert downstream.taken == ["a"]
    with pytest.raises(NotRunningError):
        controller.push("b")


def push_and_fail(controller: BackpressureController[str]) -> None:
    with controller:
        controller.push("a")
        raise KeyError("the block's")


def test_a_with_block_that_ends_by_an_exception_delivers_what_was_pushed_and_lets_the_exception_through() -> None:
    downstream = Downstream()
    with pytest.raises(KeyError, match="the block's"):
        push_and_fail(BackpressureController(downstream))
    assert downstream.taken == ["a"]


NO_TIME = ControllerConfig(min_interval=30, drain_timeout=0)
"""Nothing is flushed before the drain, and nothing in it."""


def test_a_with_block_whose_items_cannot_be_delivered_says_so() -> None:
    with (
        pytest.raises(DrainExpiredError, match="1 items could not be flushed"),
        BackpressureController(Downstream(), NO_TIME, clock=FakeClock()) as controller,
    ):
        controller.push("a")
    assert controller.metrics().released == 1


@pytest.mark.parametrize(("downstream", "config"), [(Downstream(), NO_TIME), (Downstream("nonsense"), ControllerConfig())])
def test_a_with_block_that_fails_keeps_its_own_exception_though_its_drain_fails_too(
    downstream: Downstream, config: ControllerConfig
) -> None:
    controller: BackpressureController[str] = BackpressureController(downstream, config)
    with pytest.raises(KeyError, match="the block's"):
        push_and_fail(controller)
    assert controller.metrics().released == 1


def test_a_with_block_whose_flush_broke_its_contract_says_so_and_stops() -> None:
    with pytest.raises(FlushContractError), BackpressureController(Downstream("nonsense")) as controller:
        controller.push("a")
    assert controller.metrics().released == 1


def test_flush_may_push_and_stop_without_a_deadlock() -> None:
    over = threading.Event()

    def flush(items: list[int]) -> None:
        if items == [1]:
            controller.push(2)
        else:
            controller.stop()
            over.set()

    controller: Controller = BackpressureController(flush, ControllerConfig(first_batch=1, max_batch=1))
    controller.start()
    controller.push(1)
    assert over.wait(PATIENCE)
    metrics = controller.metrics()
    assert (metrics.delivered, metrics.released) == (1, 1)
    assert balanced(metrics)
