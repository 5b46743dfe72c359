"""Outbox: one producer, what was put into it, and what its brokers refused. Not thread-safe: each writer has its own.

Only what is refused is reported (a report of each record would take as long as the record itself): what was flushed and not refused is in the log. Which record of a batch of
the wire is to blame, the client does not tell.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from sidecar.core.errors import SidecarError
from sidecar.core.records import Batch
from sidecar.core.results import Result
from sidecar.kafka.destination import Destination
from sidecar.kafka.parcels import Parcel, copied, with_source
from sidecar.kafka.writer_errors import late, loop, oversize, result_of

ANY_PARTITION = -1

ROOM_POLL = 0.1
"""Seconds of one wait for room in a full queue."""


class NotWritten(SidecarError):  # noqa: N818 -- what happened
    """Some records of a batch are not in the log."""

    def __init__(self, result: Result) -> None:
        """Keep ``result``, which says why."""
        super().__init__(type(result).__name__)
        self.result = result


@contextmanager
def failures_told(where: str) -> Iterator[None]:
    """Turn what the client raises into :class:`NotWritten`."""
    try:
        with fatal_raised():
            yield
    except KafkaException as error:
        raise NotWritten(result_of([error.args[0]], where)) from error


@contextmanager
def fatal_raised() -> Iterator[None]:
    """Raise a fatal error as it is.

    The client raises it from whichever call serves callbacks; when more of them are to be served, what they come to is a SystemError about it.
    """
    try:
        yield
    except SystemError as error:
        if isinstance(error.__cause__, KafkaException):
            raise error.__cause__ from None
        raise


class Outbox:
    """A producer."""

    def __init__(self, destination: Destination, more: Mapping[str, str | int | bool]) -> None:
        """Produce to ``destination``; ``more`` are properties. Raises KafkaException for some that librdkafka refuses."""
        self._refused: list[KafkaError] = []
        self._destination = destination
        config: dict[str, Any] = {**destination.properties, **more, "on_delivery": partial(_keep, self._refused)}
        self.producer = Producer(config, logger=logging.getLogger("librdkafka"))

    def put(self, batch: Batch, deadline: float) -> None:
        """Have the records of ``batch`` in the log of their topics by ``deadline``; raises :class:`NotWritten`."""
        self.send(self._parcels(batch), deadline)

    def send(self, parcels: Iterable[Parcel], deadline: float) -> None:
        """Have the records of ``parcels`` in the log by ``deadline``; raises :class:`NotWritten`."""
        self._refused.clear()
        for parcel in parcels:
            with failures_told(self._destination.name):
                self._queue(parcel, deadline)
        with failures_told(self._destination.name):
            left = self.producer.flush(max(0.0, deadline - time.monotonic()))
        if left:
            raise NotWritten(late(self._destination.name))
        if self._refused:
            raise NotWritten(result_of(self._refused, self._destination.name))

    def discard(self) -> None:
        """Forget what is queued: this object is not used any more."""
        self.producer.purge()

    def _parcels(self, batch: Batch) -> Iterator[Parcel]:
        address, packed = self._destination.address, with_source if self._destination.source_headers else copied
        for chunk in batch.chunks:
            topic = address.of(chunk.tp.topic)
            if address.is_consumed(topic):
                raise NotWritten(loop(topic))
            yield packed(chunk, topic)

    def _queue(self, parcel: Parcel, deadline: float) -> None:
        produce, chunk, topic = self.producer.produce, parcel.chunk, parcel.topic
        partition = chunk.tp.partition if self._destination.same_partition else ANY_PARTITION
        each = cast("Iterable[list[tuple[str, str | bytes | None]] | None]", parcel.headers)
        columns = zip(chunk.offsets, chunk.values, chunk.keys, parcel.timestamps, each, strict=False)
        for offset, value, key, timestamp, headers in columns:
            while True:
                try:
                    produce(topic, value, key, partition, None, None, timestamp, headers)
                    break
                except BufferError:
                    self._wait_for_room(deadline)
                except KafkaException as error:
                    if error.args[0].code() == KafkaError.MSG_SIZE_TOO_LARGE:
                        raise NotWritten(oversize(chunk.tp, offset)) from error
                    raise

    def _wait_for_room(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise NotWritten(late(self._destination.name))
        self.producer.poll(min(left, ROOM_POLL))


def _keep(refused: list[KafkaError], error: KafkaError | None, _message: Message) -> None:
    """Keep the error that is reported; it does not know the outbox, so that a producer ends with that at once."""
    if error is not None:
        refused.append(error)
