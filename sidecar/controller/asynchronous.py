"""The controller for asyncio: ``push`` and ``flush`` are coroutines on the caller's loop, everything else is the same pump.

It does not put the blocking one's ``push`` on threads: some blocked pushes would use up the loop's thread pool, which others need,
and a push that is cancelled while a thread waits for it would be taken or not, nobody knows. Here a push waits on an event of
the loop, so a cancelled push was not taken.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from functools import partial
from random import Random
from types import TracebackType
from typing import Generic, Self, TypeVar

from sidecar.controller.blocking import refuse_incomplete, seconds_to_drain
from sidecar.controller.clock import SystemClock
from sidecar.controller.config import ControllerConfig
from sidecar.controller.flush import FlushResult
from sidecar.controller.items import Parcel
from sidecar.controller.pump import Pump
from sidecar.controller.reports import Drained, Metrics, PushResult
from sidecar.core.errors import SidecarError

T = TypeVar("T")


class AsyncBackpressureController(Generic[T]):
    """:class:`~sidecar.controller.blocking.BackpressureController` for one event loop; what is said there holds here, but where noted.

    All methods are to be called on the loop on which it was started. ``flush`` is a coroutine function and runs there; a stop cancels a call that runs.
    """

    def __init__(
        self,
        flush: Callable[[list[T]], Awaitable[FlushResult | None]],
        config: ControllerConfig | None = None,
        *,
        size_of: Callable[[T], int] = sys.getsizeof,
    ) -> None:
        """Make a controller, not started."""
        self._config = config or ControllerConfig()
        self._user_flush = flush
        self._size_of = size_of
        self._loop: asyncio.AbstractEventLoop  # set by start(), before the worker runs
        self._running: Future[FlushResult | None] | None = None
        self._pump = Pump(self._flush, self._config, SystemClock(), Random())  # noqa: S311 -- jitter, no secret

    async def start(self) -> None:
        """Start flushing on the running loop. Raises NotRunningError when it was started before."""
        self._loop = asyncio.get_running_loop()
        self._pump.start()

    async def push(self, item: T, *, key: bytes | None = None) -> PushResult:
        """Have ``item`` taken, and return whether it was; a push that is cancelled was not.

        It always lets the loop run once first, so that a producer that never waits does not keep ``flush`` from running.
        """
        await asyncio.sleep(0)
        return await self._push(Parcel(item, self._size_of(item), key))

    async def drain(self, timeout: float | None = None) -> Drained:  # noqa: ASYNC109 -- the end of a drain, not of this call
        """Take nothing more, flush what is here, and return how it ended."""
        return await asyncio.to_thread(self._pump.drain, seconds_to_drain(timeout, self._config))

    async def stop(self) -> None:
        """Take nothing more, release what was not flushed yet, and cancel the call of ``flush`` that runs."""
        self._pump.stop()
        if self._running is not None:
            self._running.cancel()

    @property
    def waiting(self) -> int:
        """How many pushes wait for room now."""
        return self._pump.waiting

    def metrics(self) -> Metrics:
        """Return the books and the state of this moment; they balance."""
        return self._pump.metrics()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Drain and stop. Raises DrainExpiredError when items had to be released, unless the block's own exception is on its way."""
        try:
            with contextlib.suppress(*([SidecarError] if error is not None else [])):
                refuse_incomplete(await self.drain())
        finally:
            await self.stop()

    async def _push(self, parcel: Parcel) -> PushResult:
        loop, woken = asyncio.get_running_loop(), asyncio.Event()
        wake = partial(loop.call_soon_threadsafe, woken.set)
        deadline = loop.time() + self._config.max_block
        while (pushed := self._pump.offer(parcel, wake)) is None:
            try:
                async with asyncio.timeout_at(deadline):
                    await woken.wait()
            except TimeoutError:
                return self._pump.give_up(parcel)
            finally:
                self._pump.forget(wake)
            woken.clear()
        return pushed

    def _flush(self, items: list[T]) -> FlushResult | None:
        """Run the user's ``flush`` on the loop, from the worker's thread, and wait for it there."""
        self._running = asyncio.run_coroutine_threadsafe(self._call(items), self._loop)
        return self._running.result()

    async def _call(self, items: list[T]) -> FlushResult | None:
        return await self._user_flush(items)
