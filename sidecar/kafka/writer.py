"""``kafka://broker:9092,broker2:9092/topic``: records go to another topic, or to another cluster. What the registry finds by the entry point ``kafka``.

On the same cluster each record is written exactly once (:mod:`sidecar.kafka.transactions`). To another one each is written at least once, by an idempotent producer: the
offsets of the group are not there, so nothing can be committed with the records. Key, value, headers and timestamp are kept as they are (a timestamp of 0, and headers that the client cannot
decode, have no form in the client: the first becomes the time of writing, the second a header that says so). Errors: :mod:`sidecar.kafka.writer_errors`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from sidecar.core.records import Batch
from sidecar.core.results import Delivered, Result
from sidecar.kafka.destination import EXAMPLE, OPTIONS, Destination, destination
from sidecar.kafka.group_offsets import GroupOffsets
from sidecar.kafka.outbox import NotWritten, Outbox, failures_told
from sidecar.kafka.parcels import Parcel
from sidecar.kafka.reaching import reach
from sidecar.kafka.transactions import TransactionalWriter, end_left_open, properties
from sidecar.writers.options import Value
from sidecar.writers.protocol import Scheme, Surroundings, WriterKind


class IdempotentWriter:
    """Writes each record at least once, in order. Implements :class:`sidecar.writers.protocol.Writer`."""

    def __init__(self, where: Destination) -> None:
        """Connect to nothing yet."""
        self._destination = where
        self._outbox: Outbox | None = None

    def connect(self, deadline: float) -> None:
        """Look for the topics. Raises WriterUnavailable."""
        reach(self._destination, deadline)

    def write(self, batch: Batch, attempt: int, deadline: float) -> Result:  # noqa: ARG002 -- each attempt is the same
        """Write ``batch``."""
        return self._done(lambda outbox: outbox.put(batch, deadline))

    def send(self, parcels: Iterable[Parcel], deadline: float) -> Result:
        """Write ``parcels``."""
        return self._done(lambda outbox: outbox.send(parcels, deadline))

    def _done(self, work: Callable[[Outbox], None]) -> Result:
        try:
            if self._outbox is None:
                with failures_told(self._destination.name):
                    self._outbox = Outbox(self._destination, {})
            work(self._outbox)
        except NotWritten as failure:
            self.close()  # what is still queued may not come after what is written next
            return failure.result
        return Delivered()

    def close(self) -> None:
        """Give the producer back."""
        if self._outbox is not None:
            self._outbox.discard()
            self._outbox = None


def kind(url: str, options: Mapping[str, Value], surroundings: Surroundings) -> WriterKind:
    """Return the writer for ``url``; raises ConfigurationError."""
    where = destination(url, options, surroundings)
    if not where.exactly_once:
        return WriterKind(where.name, lambda: IdempotentWriter(where), max_in_flight=None, needs_headers=True)
    producers: list[Callable[[], Outbox]] = []  # each flusher's has an id of its own, and gets it again after a restart
    lock = threading.Lock()

    def create() -> TransactionalWriter:
        with lock:
            transactional = properties(f"{where.transactional_id_prefix}-{len(producers)}", where.transaction_timeout)
            producers.append(partial(Outbox, where, transactional))
            return TransactionalWriter(where, producers[-1], surroundings.membership)

    def end_before_the_first(deadline: float) -> None:
        end_left_open(tuple(producers), deadline)

    return WriterKind(
        where.name,
        create,
        max_in_flight=None,
        needs_headers=True,
        stored_offsets=lambda: GroupOffsets(surroundings.kafka, surroundings.group, end_before_the_first),
        commits_with_records=True,
    )


SCHEME = Scheme(EXAMPLE, OPTIONS, kind)
"""The entry point's object."""
