"""The controller for threads: ``push`` from any of them, ``flush`` on one of its own."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from random import Random
from types import TracebackType
from typing import Generic, Self, TypeVar

from sidecar.controller.clock import Clock, SystemClock
from sidecar.controller.config import ControllerConfig
from sidecar.controller.errors import DrainExpiredError
from sidecar.controller.flush import FlushResult
from sidecar.controller.items import Parcel
from sidecar.controller.pump import Pump
from sidecar.controller.reports import Drained, Metrics, PushResult
from sidecar.core.errors import SidecarError

T = TypeVar("T")


def seconds_to_drain(timeout: float | None, config: ControllerConfig) -> float:
    """Return ``timeout``, or the configured one for None. Raises ValueError unless it is 0 or more."""
    seconds = config.drain_timeout if timeout is None else timeout
    if not seconds >= 0:
        raise ValueError(f"timeout is {timeout!r}: give seconds, 0 or more")
    return seconds


def refuse_incomplete(drained: Drained) -> None:
    """Raise DrainExpiredError unless everything that was taken was delivered or dropped by strategy."""
    if not drained:
        released, error = drained.metrics.released, drained.metrics.last_error
        raise DrainExpiredError(f"{released} items could not be flushed in time; the last error: {error}")


class BackpressureController(Generic[T]):
    """A bounded buffer between threads that push items and a ``flush`` that may be slow, or fail.

    ``flush(items)`` takes a list that is its own and answers as :mod:`sidecar.controller.flush` says: None or a
    :class:`~sidecar.controller.flush.FlushResult`; what it raises means that nothing was taken. One call runs at a time, on one thread, and
    what failed is tried again before anything newer, so items are flushed in the order in which they were taken. (Only an item that
    ``failed`` names comes after the others of its own batch.) An item may be flushed twice when a call failed after it had taken it.

    ``size_of`` gives an item's size in bytes, for ``max_bytes``; a fixed cost an item is added. The default is :func:`sys.getsizeof`:
    right for ``bytes`` and ``str``, but of a container it counts only the container.

    As a context manager it starts, and drains and stops at the end of the block, also when that ends by an exception.
    """

    def __init__(
        self,
        flush: Callable[[list[T]], FlushResult | None],
        config: ControllerConfig | None = None,
        *,
        size_of: Callable[[T], int] = sys.getsizeof,
        clock: Clock | None = None,
        random: Random | None = None,
    ) -> None:
        """Make a controller, not started; ``clock`` and ``random`` (the jitter of retries) are for tests."""
        self._config = config or ControllerConfig()
        self._size_of = size_of
        self._pump = Pump(flush, self._config, clock or SystemClock(), random or Random())  # noqa: S311 -- jitter, no secret

    def start(self) -> None:
        """Start flushing. Raises NotRunningError when it was started before."""
        self._pump.start()

    def push(self, item: T, *, key: bytes | None = None) -> PushResult:
        """Have ``item`` taken, and return whether it was.

        Under ``block`` this waits while the buffer is held, for ``max_block`` seconds at most; then the item is
        dropped (``max_block``) unless it fits above the high watermark. The other strategies never wait. ``key`` is what ``sample`` chooses by: items
        with the same key are kept or dropped together.

        Raises NotRunningError before the start and once a drain or stop began, also when that is while it waits; FlushContractError once ``flush``
        broke its contract; TypeError or ValueError for a size that is none. In each case the item was not taken.
        """
        return self._pump.push(Parcel(item, self._size_of(item), key))

    def drain(self, timeout: float | None = None) -> Drained:
        """Take nothing more, flush what is here without waiting for full batches, and return how it ended.

        After ``timeout`` seconds (None: the configured ``drain_timeout``) the rest is released: it is in the books, but will not be flushed.
        Raises NotRunningError before the start, FlushContractError once ``flush`` broke its contract.
        """
        return self._pump.drain(seconds_to_drain(timeout, self._config))

    def stop(self) -> None:
        """Take nothing more and release what was not flushed yet. May be called at any time, and again.

        A call of ``flush`` that runs is not waited for: its items are released, whatever it answers.
        """
        self._pump.stop()

    def metrics(self) -> Metrics:
        """Return the books and the state of this moment; they balance."""
        return self._pump.metrics()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Drain and stop. Raises DrainExpiredError when items had to be released, unless the block's own exception is on its way."""
        try:
            with contextlib.suppress(*([SidecarError] if error is not None else [])):
                refuse_incomplete(self.drain())
        finally:
            self.stop()
