"""The dead-letter topic: implements :class:`sidecar.runtime.dead_letters.DeadLetterProducer`.

Idempotent and acknowledged by all replicas in sync, on the source's own cluster. Each letter gets one answer, at the latest after :data:`TIMEOUT`: the
engine then decides. An idempotent producer that has failed for good is thrown away, and the next letter gets a new one.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any, cast

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from sidecar.core.actions import DeadLetter
from sidecar.core.events import DeadLetterFinished
from sidecar.kafka.address import Address
from sidecar.kafka.letter_headers import headers_of

TIMEOUT = 20.0
"""Seconds after which a letter that no broker has acknowledged is given up, to be sent again later."""

POLL = 0.5
"""Seconds of one wait for answers; they end it."""

_MENDS = {
    KafkaError.UNKNOWN_TOPIC_OR_PART: "create it, it is tried again",
    KafkaError._UNKNOWN_TOPIC: "create it, it is tried again",  # noqa: SLF001 -- the client's public names of local errors begin so
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "grant WRITE and DESCRIBE on it",
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "grant IDEMPOTENT_WRITE on the cluster",
    KafkaError.MSG_SIZE_TOO_LARGE: "the record and its headers are larger than the topic's max.message.bytes: raise it",
}


class KafkaDeadLetters:
    """Produces letters, and answers for them on a thread of its own."""

    def __init__(
        self,
        connection: Mapping[str, str | int | bool],
        address: Address,
        group: str,
        answer: Callable[[DeadLetterFinished], None],
    ) -> None:
        """Produce by ``connection``, the properties that say how to reach the brokers; ``answer`` is called on any thread."""
        self._config: dict[str, Any] = {
            **connection,
            "enable.idempotence": True,
            "acks": "all",
            "compression.type": "lz4",
            "linger.ms": 5,
            "message.max.bytes": 64 * 1024 * 1024,  # the topic's own limit decides
            "message.timeout.ms": int(TIMEOUT * 1000),
            "topic.metadata.propagation.max.ms": 5000,
        }
        self._address = address
        self._group = group
        self._answer = answer
        self._producer: Producer | None = None
        self._needed = threading.Event()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="dead-letters", daemon=True)

    def start(self) -> None:
        """Begin to wait for answers."""
        self._thread.start()

    def send(self, letter: DeadLetter) -> None:
        """Have ``letter`` produced."""
        chunk, topic = letter.chunk, self._address.of(letter.chunk.tp.topic)
        if self._address.is_consumed(topic):
            why = (
                f"{topic} is consumed itself, so each dead letter would come back: name another one in SIDECAR_DEAD_LETTER__TOPIC"
            )
            self._answer(DeadLetterFinished(letter.number, why))
            return
        producer = self._producer
        if producer is None:
            producer = self._producer = Producer(self._config, logger=logging.getLogger("librdkafka"))
            self._needed.set()

        def delivered(error: KafkaError | None, _message: Message) -> None:
            if error is not None and error.fatal():
                self._producer = None
            self._answer(DeadLetterFinished(letter.number, None if error is None else _describe(error, topic)))

        headers = cast("list[tuple[str, str | bytes | None]]", headers_of(letter, self._group))
        try:
            producer.produce(topic, chunk.values[0], chunk.keys[0], headers=headers, on_delivery=delivered)
        except BufferError:
            self._answer(DeadLetterFinished(letter.number, "too many dead letters wait for their topic"))
        except KafkaException as error:
            delivered(error.args[0], cast("Message", None))

    def close(self, timeout: float) -> None:
        """End; what has no answer after ``timeout`` seconds gets none any more."""
        self._ending.set()
        self._needed.set()
        if self._producer is not None:
            self._producer.flush(timeout)

    def _serve(self) -> None:
        while not self._ending.is_set():
            producer = self._producer
            if producer is None:
                self._needed.wait()
                self._needed.clear()
            else:
                producer.poll(POLL)


def _describe(error: KafkaError, topic: str) -> str:
    """Say what is wrong with the topic, for people; nothing of the record."""
    mend = _MENDS.get(error.code())
    return f"{error.name()} for {topic}: {error.str()}" + (f" ({mend})" if mend else "")
