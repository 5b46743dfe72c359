"""Flushers: the threads that call the writer. Batches in, results out, by queues of values that nobody changes.

Each thread owns one writer. What a writer raises is a defect of it, and reaches the loop as it is: a flight without a result would
hold its partitions for ever.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue

from sidecar.core.actions import StartFlush
from sidecar.core.errors import SidecarError
from sidecar.core.events import DeadLetterFinished, DivertFinished, FlushFinished, Located
from sidecar.runtime.commands import Command
from sidecar.runtime.stored_offsets import NotLocated
from sidecar.writers.protocol import Writer


class WriterEnded(SidecarError):  # noqa: N818 -- what happened
    """A writer tried to end its thread (``SystemExit`` and the like)."""


@dataclass(frozen=True, slots=True)
class Flushed:
    """A flush that came to a result, and how many records it had."""

    event: FlushFinished
    records: int


Outcome = Flushed | Located | NotLocated | DeadLetterFinished | DivertFinished | Exception | Command
"""What comes to the loop by its queue: what came of a flush, of a question, of a dead letter or of records for an overflow topic, or what another thread wants."""


class Flushers:
    """A fixed number of threads."""

    def __init__(
        self,
        create: Callable[[], Writer],
        *,
        threads: int,
        timeout: float,
        clock: Callable[[], float],
        outcomes: SimpleQueue[Outcome],
    ) -> None:
        """Flush with ``timeout`` seconds each (on ``clock``); what comes of it goes to ``outcomes``."""
        self._create = create
        self._timeout = timeout
        self._clock = clock
        self._orders: SimpleQueue[StartFlush | None] = SimpleQueue()
        self._outcomes = outcomes
        self._threads = [threading.Thread(target=self._run, name=f"flusher-{n}", daemon=True) for n in range(threads)]

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def submit(self, order: StartFlush) -> None:
        """Have a batch flushed by the next free thread."""
        self._orders.put(order)

    def stop(self, timeout: float) -> bool:
        """Let the threads close their writers and end; return False when one was still busy after ``timeout`` seconds."""
        for _ in self._threads:
            self._orders.put(None)
        deadline = self._clock() + timeout
        for thread in self._threads:
            thread.join(max(0.0, deadline - self._clock()))
        return not any(thread.is_alive() for thread in self._threads)

    def _run(self) -> None:
        try:
            self._serve(self._create())
        except Exception as defect:  # noqa: BLE001 -- the loop raises it
            self._outcomes.put(defect)
        except BaseException as end:  # noqa: BLE001 -- as it is, it would end the process with a status of its own, or only this thread
            self._outcomes.put(WriterEnded(repr(end)))

    def _serve(self, writer: Writer) -> None:
        try:
            while (flushed := self._flush_next(writer)) is not None:
                self._outcomes.put(flushed)
        finally:
            writer.close()

    def _flush_next(self, writer: Writer) -> Flushed | None:
        """Wait for an order and carry it out. No name of the caller holds the batch: it would stay in memory, unaccounted, until the next one comes."""
        order = self._orders.get()
        if order is None:
            return None
        began = self._clock()
        result = writer.write(order.batch, order.attempt, began + self._timeout)
        return Flushed(FlushFinished(order.flight, result, self._clock() - began), order.batch.records)
