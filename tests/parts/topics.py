"""Topics and records for tests: made, filled, and read back from outside of the sidecar.

Records of :func:`produce_numbered` carry a number that no other record of the topic has, growing within each partition,
so that a test can tell loss, duplicates and reordering from the numbers alone.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import NamedTuple

from confluent_kafka import (
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka import Message as Report
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic, OffsetSpec

from tests.parts.kafka import embedded
from tests.parts.waiting import wait_for

NO_COORDINATOR_YET = frozenset(
    {KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.COORDINATOR_LOAD_IN_PROGRESS}
)

NO_LEADER_YET = frozenset({KafkaError.UNKNOWN_LEADER_EPOCH, KafkaError.FENCED_LEADER_EPOCH, KafkaError.NOT_LEADER_FOR_PARTITION})

WITHIN = 30.0
"""Seconds that a request to the broker may take."""

AT_ONCE = 50_000
"""Records handed to the producer before it is flushed: what bounds its memory."""

COMPACTED: Mapping[str, str] = {
    "cleanup.policy": "compact",
    "min.cleanable.dirty.ratio": "0.01",
    "segment.ms": "100",
    "delete.retention.ms": "100",
}
"""Topic settings with which old records of a key vanish soon, once a later record has begun a new segment."""


class Message(NamedTuple):
    """A record to produce; ``timestamp`` is in ms since the epoch (0: now). A tombstone has no value."""

    value: bytes | None
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes | None]] = ()
    timestamp: int = 0
    partition: int = 0


def fresh_name(prefix: str) -> str:
    """Return a name for a topic or a group that no other test has."""
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


def create_topic(bootstrap: str, name: str, partitions: int = 1, config: Mapping[str, str] | None = None) -> None:
    """Create a topic of one replica; returns when it is there. An embedded broker makes topics when it is asked of them, all alike."""
    admin = _admin(bootstrap)
    if bootstrap in embedded.RUNNING:
        if config or partitions != embedded.PARTITIONS:
            embedded.beyond_embedded(f"topics but plain ones of {embedded.PARTITIONS} partitions")
        admin.list_topics(name, timeout=WITHIN)
        return
    topic = NewTopic(name, num_partitions=partitions, replication_factor=1, config=dict(config or {}))
    admin.create_topics([topic])[name].result(WITHIN)
    _wait_until_led(admin, name, partitions)


def grow_topic(bootstrap: str, name: str, partitions: int) -> None:
    """Grow a topic to ``partitions``; returns when they are there."""
    admin = _admin(bootstrap)
    admin.create_partitions([NewPartitions(name, partitions)])[name].result(WITHIN)
    _wait_until_led(admin, name, partitions)


def _wait_until_led(admin: AdminClient, name: str, partitions: int) -> None:
    """Return when the broker that is asked knows of them: the controller answers before it does."""

    def led() -> bool:
        found = admin.list_topics(name, timeout=WITHIN).topics[name].partitions.values()
        return sum(each.leader >= 0 for each in found) == partitions

    wait_for(led, f"{name} has {partitions} partitions", WITHIN)


def produce(bootstrap: str, topic: str, messages: Iterable[Message], config: Mapping[str, str] | None = None) -> None:
    """Produce ``messages`` in order; returns when all are acknowledged, raises ``KafkaException`` when one is not. ``config`` are properties of the client."""
    with _producer(bootstrap, config) as producer:
        _send(producer, topic, messages)


def produce_numbered(bootstrap: str, topic: str, numbers: range, partitions: int = 1, padding: int = 0) -> None:
    """Produce ``{"id": n}`` for each of ``numbers``, to partition ``n % partitions``.

    ``padding`` is the number of bytes by which each value is made longer.
    """
    tail = b', "pad": "%s"}' % (b"x" * padding) if padding else b"}"
    produce(bootstrap, topic, (Message(b'{"id": %d' % n + tail, partition=n % partitions) for n in numbers))


def produce_committed(bootstrap: str, topic: str, messages: Iterable[Message]) -> None:
    """Produce ``messages`` in one transaction, and commit it: a marker follows in each partition."""
    with _producer(bootstrap, {"transactional.id": fresh_name("transaction")}) as producer:
        producer.init_transactions(WITHIN)
        producer.begin_transaction()
        _send(producer, topic, messages)
        producer.commit_transaction(WITHIN)


def produce_aborted(bootstrap: str, topic: str, messages: Iterable[Message]) -> None:
    """Produce ``messages`` in one transaction, and abort it: they are in the log, and nobody may read them."""
    with _producer(bootstrap, {"transactional.id": fresh_name("transaction")}) as producer:
        producer.init_transactions(WITHIN)
        producer.begin_transaction()
        _send(producer, topic, messages)
        producer.abort_transaction(WITHIN)


def committed(bootstrap: str, group: str, topic: str) -> dict[int, int]:
    """Return the group's committed offset of each partition that has one.

    A consumer that never joins is asked: ``AdminClient.list_consumer_group_offsets`` of librdkafka 2.16 ends the process by
    SIGSEGV while the group has no coordinator yet, as on a fresh broker.
    """
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "log_level": 3})
    try:
        partitions = consumer.list_topics(topic, timeout=WITHIN).topics[topic].partitions
        places = [TopicPartition(topic, number) for number in partitions]
        known = wait_for(lambda: _committed(consumer, places), f"the coordinator of {group} answers", WITHIN)
    finally:
        consumer.close()
    return {place.partition: place.offset for place in known if place.offset >= 0}


def _committed(consumer: Consumer, places: list[TopicPartition]) -> list[TopicPartition]:
    """Return nothing while the coordinator is being found."""
    try:
        return consumer.committed(places, timeout=WITHIN)
    except KafkaException as error:
        if error.args[0].code() in NO_COORDINATOR_YET:
            return []
        raise


def log_ends(bootstrap: str, topic: str) -> dict[int, int]:
    """Return the log end offset of each partition, once its leader knows that it leads: after a restart that takes a moment."""
    admin = _admin(bootstrap)
    return wait_for(lambda: _ends(admin, topic, IsolationLevel.READ_UNCOMMITTED), f"the leaders of {topic} answer", WITHIN)


def wait_until_transactions_ended(bootstrap: str, topic: str) -> None:
    """Return when no transaction is open in any partition."""
    admin = _admin(bootstrap)

    def ended() -> bool:
        stable = _ends(admin, topic, IsolationLevel.READ_COMMITTED)
        return bool(stable) and stable == _ends(admin, topic, IsolationLevel.READ_UNCOMMITTED)

    wait_for(ended, f"the transactions in {topic} end", WITHIN)


def _ends(admin: AdminClient, topic: str, isolation: IsolationLevel) -> dict[int, int]:
    """Return where readers come to an end, nothing while a leader does not know yet that it leads."""
    partitions = admin.list_topics(topic, timeout=WITHIN).topics[topic].partitions
    asked = {TopicPartition(topic, number): OffsetSpec.latest() for number in partitions}
    answers = admin.list_offsets(asked, isolation_level=isolation)
    try:
        return {place.partition: answer.result(WITHIN).offset for place, answer in answers.items()}
    except KafkaException as error:
        if error.args[0].code() in NO_LEADER_YET:
            return {}
        raise


def _admin(bootstrap: str) -> AdminClient:
    """Return a client to be kept in a variable: its answers are lost when it is collected before them."""
    return AdminClient({"bootstrap.servers": bootstrap})


@contextmanager
def _producer(bootstrap: str, config: Mapping[str, str] | None = None) -> Iterator[Producer]:
    refused: list[KafkaError] = []

    def remember(error: KafkaError | None, _report: Report) -> None:
        if error is not None:
            refused.append(error)

    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "linger.ms": 5,
            "queue.buffering.max.messages": 0,
            "delivery.report.only.error": True,
            "on_delivery": remember,
        }
        | dict(config or {})
    )
    yield producer
    if left := producer.flush(WITHIN):
        raise TimeoutError(f"{left} records were not acknowledged within {WITHIN:g} s")
    if refused:
        raise KafkaException(refused[0])


def _send(producer: Producer, topic: str, messages: Iterable[Message]) -> None:
    coming = iter(messages)
    while some := list(islice(coming, AT_ONCE)):
        for value, key, headers, timestamp, partition in some:
            producer.produce(topic, value, key, partition, timestamp=timestamp, headers=list(headers))
        producer.flush(WITHIN)
