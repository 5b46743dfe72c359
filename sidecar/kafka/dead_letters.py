"""The dead-letter topic: implements :class:`sidecar.runtime.dead_letters.DeadLetterProducer`.

Idempotent and acknowledged by all replicas in sync, on the source's own cluster. Each letter gets one answer, at the latest after :data:`TIMEOUT`: the
engine then decides. An idempotent producer that has failed for good is thrown away: what it held is answered for (the client does not always do so then), and the next letter
gets a new one.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, cast

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from sidecar.core.actions import DeadLetter
from sidecar.core.events import DeadLetterFinished
from sidecar.kafka.address import Address
from sidecar.kafka.letter_headers import headers_of
from sidecar.kafka.login import Changed, never, renew
from sidecar.kafka.outbox import fatal_raised

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
        answer: Callable[[DeadLetterFinished | Exception], None],
        login: Changed = never,
    ) -> None:
        """Produce by ``connection``, the properties that say how to reach the brokers; ``answer`` is called on any thread, with what its own raised, too: that is a defect.

        ``login`` tells when the user or the password have changed.
        """
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
        self._login = login
        self._open: Dispatches | None = None
        self._needed = threading.Event()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="dead-letters", daemon=True)

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
        try:
            open_ = self._opened()
        except KafkaException as raised:
            self._answer(DeadLetterFinished(letter.number, _describe(raised.args[0], topic)))
            return
        headers = cast("list[tuple[str, str | bytes | None]]", headers_of(letter, self._group))
        open_.produce(letter.number, topic, chunk.keys[0], chunk.values[0], headers)

    def close(self, timeout: float) -> None:
        """End; what has no answer after ``timeout`` seconds gets none any more."""
        self._ending.set()
        self._needed.set()
        if self._open is not None:
            self._open.finish(timeout)

    def _opened(self) -> Dispatches:
        """Return the producer, made where there is none; raises KafkaException, for instance while a file of certificates is missing."""
        open_ = self._open
        if open_ is None:
            open_ = self._open = Dispatches(self._config, self._answer)
            self._needed.set()
        return open_

    def _run(self) -> None:
        try:
            self._serve()
        except Exception as defect:  # noqa: BLE001 -- the loop raises it
            self._answer(defect)

    def _serve(self) -> None:
        while not self._ending.is_set():
            open_ = self._open
            if open_ is None:
                self._needed.wait()
                self._needed.clear()
                continue
            renew(open_, self._login)
            if not open_.serve():
                self._open = None


class Dispatches:
    """One producer, and the letters that it has not answered for."""

    def __init__(self, config: Mapping[str, Any], answer: Callable[[DeadLetterFinished], None]) -> None:
        """Give each letter's one answer to ``answer``."""
        self._answer = answer
        self._waiting: dict[int, str] = {}
        self._producer = Producer(dict(config), logger=logging.getLogger("librdkafka"))

    def produce(
        self, number: int, topic: str, key: bytes | None, value: bytes | None, headers: list[tuple[str, str | bytes | None]]
    ) -> None:
        """Produce a letter."""
        self._waiting[number] = topic

        def delivered(error: KafkaError | None, _message: Message) -> None:
            self._finish(number, None if error is None else _describe(error, topic))

        try:
            self._producer.produce(topic, value, key, headers=headers, on_delivery=delivered)
        except BufferError:
            self._finish(number, "too many dead letters wait for their topic")
        except KafkaException as raised:
            self._finish(number, _describe(raised.args[0], topic))

    def set_sasl_credentials(self, username: str, password: str, /) -> None:
        """Use these for the connections that it makes from now on."""
        self._producer.set_sasl_credentials(username, password)

    def serve(self) -> bool:
        """Wait for answers. False: the producer has failed for good, and everything is answered for."""
        try:
            with fatal_raised():
                self._producer.poll(POLL)
        except KafkaException as raised:
            for number, topic in list(self._waiting.items()):
                self._finish(number, _describe(raised.args[0], topic))
            return False
        return True

    def finish(self, timeout: float) -> None:
        """Wait for the answers that come within ``timeout`` seconds."""
        with suppress(KafkaException), fatal_raised():
            self._producer.flush(timeout)

    def _finish(self, number: int, error: str | None) -> None:
        if self._waiting.pop(number, None) is not None:
            self._answer(DeadLetterFinished(number, error))


def _describe(error: KafkaError, topic: str) -> str:
    """Say what is wrong with the topic, for people; nothing of the record."""
    mend = _MENDS.get(error.code())
    return f"{error.name()} for {topic}: {error.str()}" + (f" ({mend})" if mend else "")
