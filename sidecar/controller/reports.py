"""What the controller tells its user: frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sidecar.core.books import DropReason
from sidecar.core.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class PushResult:
    """What became of one push; true when the item was taken.

    ``reason`` is None for an item that was taken, else why it was dropped: ``max_block``, ``drop_newest``, ``drop_oldest`` (larger
    than all that could be evicted for it) or ``sample``.
    """

    accepted: bool
    reason: str | None = None

    def __bool__(self) -> bool:
        """Whether the item was taken."""
        return self.accepted


@dataclass(frozen=True, slots=True)
class Metrics:
    """The controller at one moment: ``pushed = delivered + dropped + released + buffered + in_flight``, always.

    ``state`` is ``normal``, ``elevated``, ``critical``, ``blocked`` or ``draining``; ``utilization`` 1.0 when full. ``dropped`` is by reason;
    ``released`` are the items that a drain had no more time for, or a stop gave up. ``interval`` (seconds) is how long a part-filled batch
    waits, ``batch_size`` how many items a full one has. ``failed_flushes`` counts attempts, ``last_error`` says why the last one failed.
    ``unaccounted`` is 0; anything else is a defect of this library.
    """

    state: str
    utilization: float
    pushed: int
    buffered: int
    buffered_bytes: int
    in_flight: int
    delivered: int
    dropped: Mapping[str, int]
    released: int
    interval: float
    batch_size: int
    failed_flushes: int
    last_error: str | None
    unaccounted: int


@dataclass(frozen=True, slots=True)
class Drained:
    """How a drain ended; true when it was ``complete``: nothing that was taken had to be released.

    ``metrics`` are the closing books.
    """

    complete: bool
    metrics: Metrics

    def __bool__(self) -> bool:
        """Whether the drain was complete."""
        return self.complete


def metrics_of(shot: Snapshot, expired_pushes: int, failed_flushes: int, last_error: str | None) -> Metrics:
    """Describe ``shot``, and the pushes whose patience ended before the engine took their item."""
    books = shot.books
    dropped = {reason: count for (_, reason), count in books.dropped.items()}
    if expired_pushes:
        dropped[DropReason.MAX_BLOCK.value] = expired_pushes
    return Metrics(
        state=shot.state,
        utilization=shot.utilization,
        pushed=sum(books.polled.values()) + expired_pushes,
        buffered=books.buffered,
        buffered_bytes=shot.buffer_bytes,
        in_flight=books.in_flight,
        delivered=sum(books.delivered.values()),
        dropped=MappingProxyType(dropped),
        released=sum(books.released.values()),
        interval=shot.flow.interval,
        batch_size=shot.flow.batch_records,
        failed_flushes=failed_flushes,
        last_error=last_error,
        unaccounted=books.unaccounted,
    )
