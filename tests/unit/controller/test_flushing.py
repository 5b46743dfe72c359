from __future__ import annotations

import threading
from typing import Any
from weakref import ref

import pytest

from sidecar import BackpressureController, ConfigurationError, ControllerConfig, FlushContractError, FlushResult, Metrics
from tests.unit.controller.parts import PATIENCE, Answer, Downstream, FakeClock, balanced

QUICK = ControllerConfig(first_batch=5, min_interval=30, retry_max_wait=0.001)
"""For the machine's own clock: full batches only, until the drain, and no retry waits for long."""


def test_what_failed_is_flushed_again_before_anything_newer_and_nothing_is_lost() -> None:
    nothing = FlushResult(success=0, failed=range(5), errors=["disk full"])
    downstream = Downstream(ConnectionError("refused"), nothing, ConnectionError("refused"), gated=True)
    with BackpressureController(downstream, QUICK) as controller:
        for n in range(20):
            assert controller.push(n)
        downstream.gate.set()
        downstream.await_calls(4)
    head = downstream.calls[0]
    assert downstream.calls[:4] == [head] * 4
    assert downstream.taken == list(range(20))
    metrics = controller.metrics()
    assert (metrics.failed_flushes, metrics.last_error) == (3, "ConnectionError: refused")
    assert (metrics.delivered, metrics.released) == (20, 0)
    assert balanced(metrics)


def test_only_the_items_that_failed_are_flushed_again() -> None:
    config = ControllerConfig(first_batch=5, max_batch=5, retry_max_wait=0.001, min_interval=30)
    some = FlushResult(success=3, failed=[3, 1], errors=["no such row"])
    downstream = Downstream(some, ConnectionError("refused"))
    with BackpressureController(downstream, config) as controller:
        for item in "abcdefgh":
            controller.push(item)
    assert downstream.calls == [list("abcde"), list("bd"), list("bd"), list("fgh")]
    assert downstream.taken == list("acebdfgh")
    assert (controller.metrics().delivered, controller.metrics().failed_flushes) == (8, 2)


def test_the_last_error_is_the_one_that_flush_reported() -> None:
    downstream = Downstream(FlushResult(success=0, failed=[0, 1], errors=["disk full"]))
    with BackpressureController(downstream, ControllerConfig(first_batch=2, min_interval=30, retry_max_wait=0.001)) as controller:
        controller.push("a")
        controller.push("b")
    assert controller.metrics().last_error == "disk full"


class Item:
    """Anything that can be pushed."""


def test_once_items_are_taken_nobody_holds_them() -> None:
    clock, item = FakeClock(), Item()
    taken = ref(item)
    controller: BackpressureController[Item] = BackpressureController(
        lambda _items: None, ControllerConfig(first_batch=1), clock=clock
    )
    controller.start()
    clock.await_sleepers(1)
    controller.push(item)
    del item
    clock.await_sleepers(2)  # the worker has flushed, and waits for the next batch
    assert controller.metrics().delivered == 1
    assert taken() is None
    controller.stop()


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        ("done", "flush returned 'done': return a FlushResult, or None when every item was taken"),
        (FlushResult(success=1), "flush had 2 items and reported 1 taken and 0 failed"),
        (FlushResult(success=2, failed=[0]), "flush had 2 items and reported 2 taken and 1 failed"),
        (FlushResult(success=1, failed=[2]), "flush named [2] as failed"),
        (FlushResult(success=1, failed=[-1]), "flush named [-1] as failed"),
        (FlushResult(success=0, failed=[1, 1]), "flush named [1, 1] as failed"),
        (SystemExit("enough"), "SystemExit: enough"),
    ],
)
def test_an_answer_that_means_nothing_is_raised_to_who_pushes_and_drains_and_nothing_is_flushed_twice(
    answer: Answer, complaint: str
) -> None:
    downstream = Downstream(answer, gated=True)
    controller: BackpressureController[int] = BackpressureController(
        downstream, ControllerConfig(first_batch=2, max_items=2, low_watermark=0.6), clock=FakeClock()
    )
    controller.start()
    controller.push(1)
    controller.push(2)
    downstream.gate.set()
    with pytest.raises(FlushContractError) as raised:
        controller.push(3)  # waits, as the buffer is full, until flush has answered
    assert complaint in str(raised.value)
    with pytest.raises(FlushContractError):
        controller.drain()
    assert controller.metrics().in_flight == 2
    controller.stop()
    assert (controller.metrics().released, len(downstream.calls)) == (2, 1)
    assert balanced(controller.metrics())


def test_many_threads_lose_nothing_and_each_keeps_its_order_while_flushes_fail_and_the_books_balance_all_the_time() -> None:
    threads, items = 8, 300
    answers = [OSError("away") if n % 3 == 0 else None for n in range(60)]
    downstream = Downstream(*answers)
    config = ControllerConfig(max_items=40, max_block=PATIENCE, first_batch=7, max_batch=20, min_interval=0, retry_max_wait=0.001)
    controller: BackpressureController[tuple[int, int]] = BackpressureController(downstream, config)
    accepted: list[bool] = []
    seen: list[Metrics] = []
    over = threading.Event()

    def produce(thread: int) -> None:
        accepted.extend(bool(controller.push((thread, n))) for n in range(items))

    def watch() -> None:
        while not over.is_set():
            seen.append(controller.metrics())

    with controller:
        producers = [threading.Thread(target=produce, args=(n,)) for n in range(threads)]
        watcher = threading.Thread(target=watch)
        for thread in (watcher, *producers):
            thread.start()
        for thread in producers:
            thread.join(PATIENCE)
        over.set()
        watcher.join(PATIENCE)
    assert accepted == [True] * (threads * items)
    by_thread = [[n for thread, n in downstream.taken if thread == each] for each in range(threads)]
    assert by_thread == [list(range(items))] * threads
    assert seen
    assert all(balanced(metrics) and metrics.buffered + metrics.in_flight <= 40 for metrics in seen)
    assert controller.metrics().failed_flushes == 20


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"max_items": 0}, "max_items is 0"),
        ({"first_batch": 1.5}, "first_batch is 1.5"),
        ({"max_block": -1}, "max_block is -1"),
        ({"max_block": float("inf")}, "max_block is inf"),
        ({"target_latency": 0}, "target_latency is 0"),
        ({"low_watermark": 0.9}, "watermarks are 0.9 and 0.8"),
        ({"min_interval": 31}, "min_interval 31 is above max_interval 30.0"),
        ({"strategy": "drop"}, "strategy is 'drop': give one of block, drop_oldest, drop_newest, sample"),
        ({"max_items": 0, "max_block": -1}, "max_block is -1"),
    ],
)
def test_a_configuration_that_cannot_work_is_refused_with_every_problem(settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        ControllerConfig(**settings)
    assert problem in str(raised.value)
    assert len(str(raised.value).split("; ")) == len(settings)


def test_the_defaults_are_those_of_the_documentation() -> None:
    config = ControllerConfig()
    assert (config.max_items, config.high_watermark, config.low_watermark, config.first_batch) == (10_000, 0.8, 0.5, 100)
    assert (config.min_interval, config.max_interval, config.target_latency) == (0.1, 30.0, 0.5)
    assert (config.sample_rate, config.max_block) == (10, 5.0)
    assert config.engine().policy("items").strategy.value == "block"
