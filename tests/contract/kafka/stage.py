"""A stage for the Kafka writer: a source and a destination on a real broker, and a member of the group that owns the source's partitions."""

from __future__ import annotations

import time
from collections.abc import Sequence

from confluent_kafka import Consumer, Message
from confluent_kafka import TopicPartition as KafkaPartition

from sidecar.core.records import Batch, Chunk, TopicPartition
from sidecar.core.results import Result
from sidecar.writers import registry
from sidecar.writers.protocol import Membership, StoredOffsets, Surroundings, Writer, WriterKind
from tests.contract.batches import chunk
from tests.parts.kafka import RealKafka
from tests.parts.log import messages_in_log
from tests.parts.topics import committed, create_topic, fresh_name
from tests.parts.waiting import wait_for


def soon() -> float:
    """Return a deadline that a broker which is well keeps easily."""
    return time.monotonic() + 30


class Stage:
    """Topics of two partitions each; ``orders`` are the source's, ``owner`` is the first member of the group."""

    def __init__(self, kafka: RealKafka) -> None:
        """Create the topics, and join the group."""
        self.bootstrap = kafka.bootstrap
        self.source, self.copy, self.group = fresh_name("orders"), fresh_name("copy"), fresh_name("group")
        self.tp, self.other = TopicPartition(self.source, 0), TopicPartition(self.source, 1)
        for topic in (self.source, self.copy):
            create_topic(self.bootstrap, topic, 2)
        self._members: list[Consumer] = []
        self._writers: list[Writer] = []
        self.membership: Membership | None = None
        self.join()
        self.take_place()

    def join(self) -> Consumer:
        """Add a member to the group; return when it has partitions."""
        config = {
            "bootstrap.servers": self.bootstrap,
            "group.id": self.group,
            "enable.auto.commit": False,
            "session.timeout.ms": 6000,
        }
        member = Consumer(config)
        member.subscribe([self.source])
        self._members.append(member)

        def has_some() -> bool:
            for each in self._members:
                each.poll(0.05)
            return bool(member.assignment())

        wait_for(has_some, "the group gives partitions", 30)
        return member

    def take_place(self, epochs: dict[TopicPartition, int] | None = None) -> None:
        """Publish the first member's place as it is now."""
        self.membership = Membership(
            self._members[0].consumer_group_metadata(), {self.tp: 1, self.other: 1} if epochs is None else epochs
        )

    def kind(self, topic: str | None = None, **options: registry.Value) -> WriterKind:
        """Return the kind of writer to ``topic`` (None: the copy)."""
        own: dict[str, registry.Value] = {"partition": "same", "transactional_id_prefix": self.group, "transaction_timeout": 6.0}
        around = Surroundings(self.group, [self.source], {"bootstrap.servers": self.bootstrap}, lambda: self.membership)
        return registry.kind(f"kafka://{self.bootstrap}/{topic or self.copy}", own | options, around)

    def consuming(self, pattern: str) -> WriterKind:
        """Return a kind that copies each topic, also those that ``pattern`` consumes."""
        around = Surroundings(self.group, [pattern], {"bootstrap.servers": self.bootstrap})
        return registry.kind(f"kafka://{self.bootstrap}/{{topic}}.copy", {}, around)

    def elsewhere(self, port: int) -> Writer:
        """Return a writer to a broker that is not there."""
        return registry.kind(f"kafka://127.0.0.1:{port}/copy", {}).create()

    def commit(self, offset: int) -> None:
        """Commit an offset of the first partition as a member of the group would."""
        self._members[0].commit(offsets=[KafkaPartition(self.source, 0, offset)], asynchronous=False)

    def writer(self, topic: str | None = None, **options: registry.Value) -> Writer:
        """Return a writer, which is closed with the stage."""
        made = self.kind(topic, **options).create()
        self._writers.append(made)
        return made

    def offsets(self) -> StoredOffsets:
        """Return what reads the offsets."""
        make = self.kind().stored_offsets
        assert make is not None
        return make()

    def chunk(self, values: Sequence[bytes | None], offset: int = 0, partition: int = 0, epoch: int = 1) -> Chunk:
        """Return records of the source."""
        made = chunk(values, offset=offset, partition=partition)
        made.tp, made.epoch = TopicPartition(self.source, partition), epoch
        return made

    def batch(self, *chunks: Chunk) -> Batch:
        """Return a batch of which offsets are expected to be committed, too."""
        return Batch.of(chunks, {each.tp: None for each in chunks})

    def copied(self, partition: int = 0, topic: str | None = None) -> list[Message]:
        """Return what a reader of committed records finds."""
        return messages_in_log(self.bootstrap, topic or self.copy, partition)

    def values(self, partition: int = 0) -> list[bytes | None]:
        """Return their values."""
        return [message.value() for message in self.copied(partition)]

    def committed(self) -> dict[int, int]:
        """Return the group's offsets."""
        return committed(self.bootstrap, self.group, self.source)

    def close(self) -> None:
        """Close what was made."""
        for writer in self._writers:
            writer.close()
        for member in self._members:
            member.close()


def write(writer: Writer, batch: Batch, within: float = 30) -> Result:
    """Write, once."""
    return writer.write(batch, 1, time.monotonic() + within)
