"""Exactly once: a batch is one transaction, of its records and of the group's offsets that follow them.

::

    ours? ──▶ begin ──▶ records ──▶ flush ──▶ offsets, with our place in the group ──▶ commit ──▶ Delivered
     │no        └───────────┴─────────┴────────┴── failed: abort ──▶ see writer_errors    └── no answer ──▶ Fenced
     └──▶ Fenced

- *Ours*: our place in the group is looked at once, before the batch is written, and each partition must be in it, in the batch's epoch or an older one (a partition may begin
  anew without leaving). The broker takes the offsets only while the group is in the generation of that place. Fresh metadata would be taken for a partition of another owner, too.
- *No answer to the commit*: nobody knows what came of it. Repeated, the records could come twice. So it counts as fenced: the partitions begin again where the group's
  offsets say, and these are known only when the transaction has ended (:mod:`sidecar.kafka.group_offsets`).
- A producer whose state is not known is thrown away. The next one has the same transactional id, and so ends what it left open.

Batches that nobody expects offsets of (redriven dead letters) are transactions of records alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Protocol

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka import TopicPartition as KafkaPartition

from sidecar.core.errors import WriterUnavailable
from sidecar.core.records import Batch, TopicPartition
from sidecar.core.results import Delivered, Fenced, Result, Retriable
from sidecar.kafka.destination import Destination
from sidecar.kafka.errors import describe
from sidecar.kafka.outbox import NotWritten, failures_told, fatal_raised
from sidecar.kafka.reaching import reach
from sidecar.kafka.writer_errors import result_of
from sidecar.writers.protocol import Membership

ABORT_AT_LEAST = 1.0
"""Seconds that an abort may take, also after the deadline: a producer that is thrown away costs more."""


class Transactions(Protocol):
    """The client's producer, as far as transactions go."""

    def init_transactions(self, timeout: float) -> None:
        """End what the last producer with this id left open."""

    def begin_transaction(self) -> None:
        """Begin."""

    def send_offsets_to_transaction(self, positions: list[KafkaPartition], group_metadata: object, timeout: float) -> None:
        """Have offsets committed with the records."""

    def commit_transaction(self, timeout: float) -> None:
        """Commit."""

    def abort_transaction(self, timeout: float) -> None:
        """Abort."""


class TransactionalOutbox(Protocol):
    """An :class:`~sidecar.kafka.outbox.Outbox` with a transactional id."""

    @property
    def producer(self) -> Transactions:
        """The client's producer."""

    def put(self, batch: Batch, deadline: float) -> None:
        """Have the records of ``batch`` in the log."""

    def discard(self) -> None:
        """Forget what is queued."""


def properties(transactional_id: str, timeout: float) -> dict[str, str | int | bool]:
    """Return what makes a producer transactional; the brokers give a transaction up after ``timeout`` seconds."""
    milliseconds = int(timeout * 1000)
    return {
        "transactional.id": transactional_id,
        "transaction.timeout.ms": milliseconds,
        "message.timeout.ms": milliseconds,
        "socket.timeout.ms": min(milliseconds, 10_000),
    }


class TransactionalWriter:
    """Implements :class:`sidecar.writers.protocol.Writer`."""

    def __init__(
        self, destination: Destination, open_outbox: Callable[[], TransactionalOutbox], place: Callable[[], Membership | None]
    ) -> None:
        """Connect to nothing yet; the transactional id of ``open_outbox`` is this writer's alone, ``place`` returns our present place in the group."""
        self._destination = destination
        self._open_outbox = open_outbox
        self._place = place
        self._outbox: TransactionalOutbox | None = None

    def connect(self, deadline: float) -> None:
        """Look for the topics. Raises WriterUnavailable."""
        reach(self._destination, deadline)

    def write(self, batch: Batch, attempt: int, deadline: float) -> Result:  # noqa: ARG002 -- each attempt is the same
        """Write ``batch`` in one transaction."""
        place = self._place() if batch.expected else None
        if batch.expected and (gone := _gone(batch, place)):
            return Fenced(gone, "the group has given them to another member")
        try:
            outbox = self._begun(deadline)
            outbox.put(batch, deadline)
            if place is not None:
                with failures_told(self._destination.name):
                    outbox.producer.send_offsets_to_transaction(_offsets(batch), place.metadata, _left(deadline))
        except NotWritten as failure:
            self._abort(deadline)
            if not isinstance(failure.result, Retriable):
                self.close()  # after a record that was refused its sequence has a hole, and of a topic that is not there it remembers that for minutes
            return failure.result
        return self._committed(outbox, batch, deadline)

    def close(self) -> None:
        """Give the producer back."""
        if self._outbox is not None:
            self._outbox.discard()
            self._outbox = None

    def _begun(self, deadline: float) -> TransactionalOutbox:
        with failures_told(self._destination.name):
            if self._outbox is None:
                outbox = self._open_outbox()
                outbox.producer.init_transactions(_left(deadline))
                self._outbox = outbox
            self._outbox.producer.begin_transaction()
        return self._outbox

    def _abort(self, deadline: float) -> None:
        if self._outbox is not None:
            try:
                with fatal_raised():
                    self._outbox.producer.abort_transaction(max(_left(deadline), ABORT_AT_LEAST))
            except KafkaException:
                self.close()  # the next producer aborts it

    def _committed(self, outbox: TransactionalOutbox, batch: Batch, deadline: float) -> Result:
        while True:
            try:
                with fatal_raised():
                    outbox.producer.commit_transaction(_left(deadline))
            except KafkaException as raised:
                error: KafkaError = raised.args[0]
                if error.txn_requires_abort():
                    self._abort(deadline)
                    return result_of([error], self._destination.name)
                if error.retriable() and _left(deadline):
                    continue
                self.close()
                return self._unknown(batch, error)
            return Delivered()

    def _unknown(self, batch: Batch, error: KafkaError) -> Result:
        if not batch.expected:
            return result_of([error], self._destination.name)
        why = f"{self._destination.name}: {error.name()}: no answer to the commit of a transaction; the group's offsets will tell what came of it"
        return Fenced(tuple({chunk.tp: None for chunk in batch.chunks}), why)


def end_left_open(outboxes: Iterable[Callable[[], TransactionalOutbox]], deadline: float) -> None:
    """End what other producers with the same transactional ids have left open. Raises WriterUnavailable."""
    try:
        for open_outbox in outboxes:
            outbox = open_outbox()
            with fatal_raised():
                outbox.producer.init_transactions(_left(deadline))
            outbox.discard()
    except KafkaException as error:
        raise WriterUnavailable(f"a transaction that was left open could not be ended: {describe(error.args[0])}") from error


def _left(deadline: float) -> float:
    return max(0.0, deadline - time.monotonic())


def _gone(batch: Batch, place: Membership | None) -> tuple[TopicPartition, ...]:
    """Return the partitions of ``batch`` that are not ours any more, or again in a later assignment."""
    ours = {} if place is None else place.epochs
    return tuple({chunk.tp: None for chunk in batch.chunks if chunk.tp not in ours or chunk.epoch < ours[chunk.tp]})


def _offsets(batch: Batch) -> list[KafkaPartition]:
    """Return where each partition goes on after ``batch``."""
    last = {chunk.tp: chunk for chunk in batch.chunks}
    return [
        KafkaPartition(tp.topic, tp.partition, chunk.end)
        if chunk.leader_epoch is None
        else KafkaPartition(tp.topic, tp.partition, chunk.end, leader_epoch=chunk.leader_epoch)
        for tp, chunk in last.items()
    ]
