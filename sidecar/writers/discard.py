"""``discard:`` takes every record and keeps none: for measuring, and for trying the rest of the sidecar out."""

from __future__ import annotations

from collections.abc import Mapping

from sidecar.core.records import Batch
from sidecar.core.results import Delivered, Result
from sidecar.writers.options import Options, Value
from sidecar.writers.protocol import Surroundings, WriterKind

OPTIONS: Options = {}


class DiscardWriter:
    """Delivers into nothing."""

    def connect(self, deadline: float) -> None:
        """Nothing is always there."""

    def write(self, batch: Batch, attempt: int, deadline: float) -> Result:  # noqa: ARG002 -- the Protocol's
        """Say that ``batch`` was taken."""
        return Delivered()

    def close(self) -> None:
        """There is nothing to give back."""


def kind(_url: str, _options: Mapping[str, Value], _surroundings: Surroundings) -> WriterKind:
    """Return the writer; the rest of the URL means nothing."""
    return WriterKind("discard:", DiscardWriter, max_in_flight=None, needs_headers=False, needs_timestamps=False)
