from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sidecar import AsyncBackpressureController, ControllerConfig, DrainExpiredError, FlushResult, NotRunningError, PushResult
from tests.unit.controller.parts import balanced

TEN = ControllerConfig(max_items=10)


class AsyncDownstream:
    """A coroutine ``flush`` that keeps what it takes; it waits while ``gate`` is closed."""

    def __init__(self, *answers: FlushResult | Exception) -> None:
        self.taken: list[Any] = []
        self.gate = asyncio.Event()
        self.entered = asyncio.Event()
        self.cancelled = asyncio.Event()
        self._answers = list(answers)

    async def __call__(self, items: list[Any]) -> FlushResult | None:
        self.entered.set()
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        answer = self._answers.pop(0) if self._answers else None
        if isinstance(answer, Exception):
            raise answer
        failed = set(answer.failed) if answer else set()
        self.taken += [item for index, item in enumerate(items) if index not in failed]
        return answer


def test_tasks_push_while_flush_waits_and_everything_arrives_in_order_though_flushes_fail() -> None:
    async def scenario() -> None:
        downstream = AsyncDownstream(OSError("away"), FlushResult(success=0, failed=range(5)))
        downstream.gate.set()
        config = ControllerConfig(max_items=10, max_block=60, retry_max_wait=0.001)
        async with AsyncBackpressureController(downstream, config) as controller:

            async def produce(task: int) -> list[bool]:
                return [bool(await controller.push((task, n))) for n in range(50)]

            answers = await asyncio.gather(*(produce(task) for task in range(4)))
        assert answers == [[True] * 50] * 4
        assert [[n for task, n in downstream.taken if task == each] for each in range(4)] == [list(range(50))] * 4
        metrics = controller.metrics()
        assert (metrics.delivered, metrics.failed_flushes) == (200, 2)
        assert balanced(metrics)

    asyncio.run(scenario())


async def held(config: ControllerConfig = TEN) -> tuple[AsyncBackpressureController[int], AsyncDownstream]:
    """Return a controller that is held at its high watermark, its first batch at a downstream that does not answer."""
    downstream = AsyncDownstream()
    controller: AsyncBackpressureController[int] = AsyncBackpressureController(downstream, config)
    await controller.start()
    for n in range(8):
        assert await controller.push(n)
    await downstream.entered.wait()
    return controller, downstream


async def waiting_push(controller: AsyncBackpressureController[int]) -> asyncio.Task[PushResult]:
    """Return a push of 8 that waits for room."""
    push = asyncio.create_task(controller.push(8))
    while not controller.waiting:  # noqa: ASYNC110 -- the push lets the loop run until it waits, and tells nobody
        await asyncio.sleep(0)
    return push


def test_a_push_whose_patience_ends_takes_the_reserve_and_then_is_dropped() -> None:
    async def scenario() -> None:
        controller, downstream = await held(ControllerConfig(max_items=10, max_block=0.001))
        answers = [await controller.push(n) for n in (8, 9, 10)]
        assert [answer.reason for answer in answers] == [None, None, "max_block"]
        downstream.gate.set()
        assert (await controller.drain()).metrics.dropped == {"max_block": 1}
        assert downstream.taken == list(range(10))

    asyncio.run(scenario())


def test_a_push_that_is_cancelled_while_it_waits_was_not_taken() -> None:
    async def scenario() -> None:
        controller, downstream = await held()
        push = await waiting_push(controller)
        push.cancel()
        with pytest.raises(asyncio.CancelledError):
            await push
        assert controller.waiting == 0
        downstream.gate.set()
        assert (await controller.drain()).metrics.pushed == 8

    asyncio.run(scenario())


def test_a_waiting_push_goes_on_when_there_is_room() -> None:
    async def scenario() -> None:
        controller, downstream = await held()
        push = await waiting_push(controller)
        downstream.gate.set()
        assert await push
        await controller.drain()
        assert downstream.taken == list(range(9))

    asyncio.run(scenario())


def test_a_stop_refuses_waiting_pushes_releases_everything_and_cancels_flush() -> None:
    async def scenario() -> None:
        controller, downstream = await held()
        push = await waiting_push(controller)
        await controller.stop()
        with pytest.raises(NotRunningError):
            await push
        await downstream.cancelled.wait()
        assert controller.metrics().released == 8
        assert balanced(controller.metrics())

    asyncio.run(scenario())


def test_a_producer_that_never_waits_leaves_the_loop_to_flush() -> None:
    async def scenario() -> None:
        downstream = AsyncDownstream()
        downstream.gate.set()
        config = ControllerConfig(max_items=1_000, strategy="drop_newest", first_batch=1)
        async with AsyncBackpressureController(downstream, config) as controller:
            while not downstream.taken:
                await controller.push("item")
        assert controller.metrics().delivered > 0

    asyncio.run(scenario())


async def push_and_fail(controller: AsyncBackpressureController[str]) -> None:
    async with controller:
        await controller.push("a")
        raise KeyError


def test_the_end_of_a_block_drains_after_an_exception_too_and_says_when_items_were_left() -> None:
    async def scenario() -> None:
        downstream = AsyncDownstream()
        downstream.gate.set()
        with pytest.raises(KeyError):
            await push_and_fail(AsyncBackpressureController(downstream))
        assert downstream.taken == ["a"]
        with pytest.raises(DrainExpiredError):
            async with AsyncBackpressureController(AsyncDownstream(), ControllerConfig(drain_timeout=0)) as controller:
                await controller.push("b")
        assert controller.metrics().released == 1

    asyncio.run(scenario())
