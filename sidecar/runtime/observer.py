"""The seam between the loop and everything that watches it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sidecar.core.actions import Action
from sidecar.core.records import Chunk
from sidecar.core.results import Result
from sidecar.runtime.report import FlushCounts, Report


class Observer(Protocol):
    """Hears what happens, on the loop's thread, so it must be quick and must not raise."""

    def acted(self, actions: Sequence[Action], now: float) -> None:
        """Hear the actions of one event that are to be known (see :mod:`sidecar.core.actions`)."""

    def flushed(self, result: Result, seconds: float, records: int) -> None:
        """Hear that a flush came to a result."""

    def landed(self, chunks: Sequence[Chunk]) -> None:
        """Hear that chunks were delivered."""

    def event(self, name: str, **fields: object) -> None:
        """Hear of something that happens now and then: an assignment, a step of the drain."""

    def trouble(self, name: str, **fields: object) -> None:
        """Hear of something that stands in the way, now and then."""

    @property
    def last_delivery_wall(self) -> float | None:
        """When something was last delivered (Unix seconds); None: nothing yet."""

    def counts(self) -> FlushCounts:
        """Return the totals of flushes."""

    def publish(self, report: Report) -> None:
        """Take a new report."""
