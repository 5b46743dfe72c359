"""What the log of Kafka really holds: read back from outside of the sidecar, by a reader of committed records."""

from __future__ import annotations

from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, TopicPartition

from tests.parts.topics import WITHIN, fresh_name, wait_until_transactions_ended
from tests.parts.waiting import wait_for


def messages_in_log(bootstrap: str, topic: str, partition: int = 0) -> list[Message]:
    """Return the records of a partition; those of aborted transactions are none. Those that are open now are waited for.

    A commit is answered before its markers are written, and until then its records are not read.
    """
    wait_until_transactions_ended(bootstrap, topic)
    config: dict[str, Any] = {
        "bootstrap.servers": bootstrap,
        "group.id": fresh_name("reader"),
        "enable.auto.commit": False,
        "enable.partition.eof": True,
    }
    consumer = Consumer(config)
    try:
        # Said, and not asked of a group: that would wait for its coordinator, which on a fresh broker can take long.
        consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING)])
        return _until_end(consumer)
    finally:
        consumer.close()


def offsets_in_log(bootstrap: str, topic: str, partition: int = 0) -> list[int]:
    """Return the offsets of these records."""
    return [message.offset() or 0 for message in messages_in_log(bootstrap, topic, partition)]


def _until_end(consumer: Consumer) -> list[Message]:
    messages: list[Message] = []

    def at_end() -> bool:
        for message in consumer.consume(1000, 0.2):
            error = message.error()
            if error is None:
                messages.append(message)
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 -- the client's public name
                return True
        return False

    wait_for(at_end, "the end of the log is read", WITHIN)
    return messages
