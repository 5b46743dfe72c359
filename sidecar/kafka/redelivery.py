"""Puts records back into topics, each acknowledged by all replicas in sync. Not thread-safe."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, cast

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from sidecar.core.records import Header, TopicPartition
from sidecar.kafka.connection import Properties, connection
from sidecar.kafka.outbox import fatal_raised

ANSWER_WITHIN = 30.0
"""Seconds after which a record that is not acknowledged has failed."""


class Redelivered(NamedTuple):
    """A record, and the partition to which it goes."""

    tp: TopicPartition
    key: bytes | None
    value: bytes | None
    headers: Sequence[Header]


class Redelivery:
    """An idempotent producer."""

    def __init__(self, properties: Properties) -> None:
        """Produce to the cluster that a consumer with ``properties`` reads."""
        config: dict[str, Any] = {
            **connection(properties),
            "enable.idempotence": True,
            "acks": "all",
            "compression.type": "lz4",
            "linger.ms": 5,
            "message.max.bytes": 64 * 1024 * 1024,  # the topic's own limit decides
            "message.timeout.ms": int(ANSWER_WITHIN * 1000),
            "topic.metadata.propagation.max.ms": 5000,
            "log_level": 0,
        }
        self._producer = Producer(config)

    def send(self, records: Sequence[Redelivered]) -> list[str | None]:
        """Produce ``records``, in order; return for each why it is not in its topic, None where it is."""
        answers: list[str | None] = ["it was not acknowledged"] * len(records)
        for number, record in enumerate(records):
            try:
                self._produce(record, partial(_keep, answers, number))
            except (KafkaException, BufferError) as error:
                answers[number] = _told(error)
        try:
            with fatal_raised():
                self._producer.flush(ANSWER_WITHIN)
        except KafkaException as error:
            return [None if answer is None else _told(error) for answer in answers]
        return answers

    def _produce(self, record: Redelivered, answered: Callable[[KafkaError | None, Message], None]) -> None:
        headers = cast("list[tuple[str, str | bytes | None]]", list(record.headers))
        self._producer.produce(
            record.tp.topic, record.value, record.key, record.tp.partition, on_delivery=answered, headers=headers
        )


def _keep(answers: list[str | None], number: int, error: KafkaError | None, _message: Message) -> None:
    answers[number] = None if error is None else f"{error.name()}: {error.str()}"


def _told(error: Exception) -> str:
    cause = error.args[0]
    return f"{cause.name()}: {cause.str()}" if isinstance(cause, KafkaError) else "too many records wait to be sent"
