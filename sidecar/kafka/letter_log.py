"""The dead-letter topics, read from outside of the sidecar: what is in them, and what a group of their own has done of it.

Who only looks joins no group. Who changes something is a member, so that of two at a time none does what the other one does, too.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, Self, cast

from confluent_kafka import Consumer, KafkaError, KafkaException, Message
from confluent_kafka import TopicPartition as KafkaPartition

from sidecar.core.errors import SidecarError
from sidecar.core.records import Header, Headers, TopicPartition
from sidecar.kafka.address import Address
from sidecar.kafka.columns import partition_of, topic_of
from sidecar.kafka.connection import Properties, connection
from sidecar.kafka.errors import describe

ANSWER_WITHIN = 10.0
"""Seconds of one question."""

JOIN_WITHIN = 15.0
"""Seconds until the group has given us all partitions: a member that was killed keeps its own for a session."""

ROUND = 500
"""The most records of one round."""


class LettersUnavailable(SidecarError):  # noqa: N818 -- the state of the cluster, not a mistake
    """The dead letters cannot be read, or not be changed; the text says why."""


class Stored(NamedTuple):
    """One record, as the client gives it; unreadable headers are none."""

    tp: TopicPartition
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[Header]


class LetterLog:
    """Reads dead letters up to where their topics ended when it was opened. Also a context manager."""

    def __init__(self, properties: Properties, group: str) -> None:
        """Read as a consumer with ``properties`` would; ``group`` remembers what is done."""
        config: dict[str, Any] = {
            **connection(properties),
            "group.id": group,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "session.timeout.ms": 10_000,
            "log_level": 0,
        }
        self._consumer = Consumer(config)
        self._starts: dict[TopicPartition, int] = {}
        self._ends: dict[TopicPartition, int] = {}
        self._given: list[KafkaPartition] | None = None
        self._left = False

    def __enter__(self) -> Self:
        """Nothing is asked yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the group."""
        self._consumer.close()

    def topics(self, address: Address) -> list[str]:
        """Return those of the dead-letter topics that exist, by where the consumed topics' letters go. Raises LettersUnavailable."""
        with _told():
            found = set(self._consumer.list_topics(timeout=ANSWER_WITHIN).topics)
        consumed = {name for name in found if address.is_consumed(name)} | {
            name for name in address.consumed if not name.startswith("^")
        }
        return sorted({address.of(name) for name in consumed} & found)

    def look(self, topics: Sequence[str]) -> Mapping[TopicPartition, tuple[int, str]]:
        """Begin to read without joining; return what is done, offset and metadata by partition. Raises LettersUnavailable."""
        with _told():
            return self._begin(self._partitions(topics))

    def join(self, topics: Sequence[str]) -> Mapping[TopicPartition, tuple[int, str]]:
        """Begin to read as a member of the group, which must have no other. Raises LettersUnavailable."""
        with _told():
            wanted = self._partitions(topics)
            self._consumer.subscribe(list(topics), on_assign=self._on_assign, on_revoke=self._on_leave, on_lost=self._on_leave)
            deadline = time.monotonic() + JOIN_WITHIN
            while self._given is None and time.monotonic() < deadline:
                self._consumer.poll(0.1)
            if self._given is None or len(self._given) < len(wanted):
                raise LettersUnavailable("another one changes these letters now: wait until it is done")
            return self._begin(wanted)

    def rounds(self) -> Iterator[list[Stored]]:
        """Yield the letters, in the order of each partition. Raises LettersUnavailable."""
        open_ = {tp for tp, end in self._ends.items() if end > self._starts[tp]}
        while open_:
            with _told():
                messages = self._consumer.consume(ROUND, 0.2)
            if self._left:
                raise LettersUnavailable(
                    "another one began to change these letters: what was done is committed, the rest is left to it"
                )
            records = [record for message in messages if (record := self._record(message, open_)) is not None]
            if records:
                yield records

    def _record(self, message: Message, open_: set[TopicPartition]) -> Stored | None:
        """Return a letter that was there at the beginning; take a partition that has no more of them out of ``open_``."""
        tp = TopicPartition(topic_of(message), partition_of(message))
        error, offset = message.error(), message.offset() or 0
        if error is not None and not _is_end(error):
            raise LettersUnavailable(describe(error))
        if error is not None or offset >= self._ends[tp] - 1:
            open_.discard(tp)
        return _stored(tp, message) if error is None and offset < self._ends[tp] else None

    def at(self, topic: str, partition: int, offset: int) -> Stored | None:
        """Return one letter, done or not; None where there is none. Raises LettersUnavailable."""
        tp = TopicPartition(topic, partition)
        with _told():
            if tp not in self._partitions([topic]):
                return None
            begin, end = self._consumer.get_watermark_offsets(KafkaPartition(*tp), timeout=ANSWER_WITHIN)
            if not begin <= offset < end:
                return None
            self._consumer.assign([KafkaPartition(*tp, offset)])
            self._ends, self._starts = {tp: offset + 1}, {tp: offset}
        return next((record for records in self.rounds() for record in records), None)

    def commit(self, places: Mapping[TopicPartition, tuple[int, str]]) -> None:
        """Keep what is done. Raises LettersUnavailable."""
        offsets = [KafkaPartition(*tp, offset, metadata=metadata) for tp, (offset, metadata) in places.items()]
        with _told():
            self._consumer.commit(offsets=offsets, asynchronous=False)

    @property
    def waiting(self) -> int:
        """How many offsets lie between what is done and the ends."""
        return sum(end - self._starts[tp] for tp, end in self._ends.items())

    def _partitions(self, topics: Sequence[str]) -> list[TopicPartition]:
        metadata = self._consumer.list_topics(timeout=ANSWER_WITHIN).topics
        return [TopicPartition(topic, number) for topic in topics for number in metadata[topic].partitions]

    def _begin(self, tps: Sequence[TopicPartition]) -> Mapping[TopicPartition, tuple[int, str]]:
        """Read where the letters begin and end and what is done of them, and begin there.

        What is done beyond the committed offset counts also when retention has deleted the letters that were open before it.
        """
        done: dict[TopicPartition, tuple[int, str]] = {}
        for answer in self._consumer.committed([KafkaPartition(*tp) for tp in tps], timeout=ANSWER_WITHIN):
            tp = TopicPartition(answer.topic, answer.partition)
            if answer.error is not None:
                raise KafkaException(answer.error)
            begin, self._ends[tp] = self._consumer.get_watermark_offsets(KafkaPartition(*tp), timeout=ANSWER_WITHIN)
            done[tp] = (answer.offset, answer.metadata or "") if answer.offset >= 0 else (begin, "")
            self._starts[tp] = max(begin, done[tp][0])
        self._consumer.assign([KafkaPartition(*tp, offset) for tp, offset in self._starts.items()])
        return done

    def _on_assign(self, _consumer: Consumer, partitions: list[KafkaPartition]) -> None:
        if self._given is None and partitions:
            self._given = partitions
        self._consumer.assign([])  # they are assigned where they begin, by _begin()

    def _on_leave(self, _consumer: Consumer, _partitions: list[KafkaPartition]) -> None:
        self._left = True


@contextmanager
def _told() -> Iterator[None]:
    """Turn what the client raises into a sentence for people."""
    try:
        yield
    except KafkaException as error:
        raise LettersUnavailable(describe(error.args[0])) from error


def _is_end(error: KafkaError | None) -> bool:
    return error is not None and error.code() == KafkaError._PARTITION_EOF  # noqa: SLF001 -- the client's public name


def _stored(tp: TopicPartition, message: Message) -> Stored:
    return Stored(tp, message.offset() or 0, message.timestamp()[1], message.key(), message.value(), _headers(message))


def _headers(message: Message) -> Headers:
    """Read headers; the client says that it cannot decode them by an error, see :mod:`sidecar.kafka.columns`."""
    try:
        return cast("Headers", message.headers() or ())
    except (SystemError, UnicodeDecodeError):
        return ()
