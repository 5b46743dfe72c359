"""The seam between the runtime and a downstream: one Protocol, and what the runtime must know of a kind of writer.

Each flusher thread owns one writer and calls it from that thread only; a writer needs no lock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from sidecar.core.records import Batch
from sidecar.core.results import Result


class Writer(Protocol):
    """A connection to the downstream."""

    def connect(self, deadline: float) -> None:
        """Check that the downstream can be reached, without writing a record.

        ``deadline`` is a ``time.monotonic()`` value. Raises :class:`~sidecar.core.errors.WriterUnavailable`
        with a reason for people. Called by ``kafka-sidecar check``; :meth:`write` connects by itself.
        """

    def write(self, batch: Batch, attempt: int, deadline: float) -> Result:
        """Hand over ``batch`` and return what came of it, by ``deadline`` (a ``time.monotonic()`` value).

        ``attempt`` is 1 on the first try. The answer is durable as far as the downstream promises it.
        Failures of the downstream are results; an exception is a bug of the writer.
        """

    def close(self) -> None:
        """Give back sockets and files; never raises, may be called twice."""


@dataclass(frozen=True, slots=True)
class WriterKind:
    """How to make writers for one destination, and what they need from the runtime.

    ``max_in_flight`` limits how many flushes may run at once (None: no limit of its own),
    ``needs_headers`` tells whether the records' headers must be read (they cost time on each record).
    ``name`` is for people and carries no credentials.
    """

    name: str
    create: Callable[[], Writer]
    max_in_flight: int | None
    needs_headers: bool
