"""An embedded broker: librdkafka's mock cluster, which comes with the client. Nothing to download, nothing to clean up.

It keeps the last 5 MiB of each partition in memory, has no compaction and no transactions of its own, and lives as long as this object. For demonstrations
and for tests of what it can serve.
"""

from __future__ import annotations

from confluent_kafka import Producer

METADATA_TIMEOUT = 10.0


class EmbeddedBroker:
    """One broker on a free port of the loopback address. Topics come into being on first use, with four partitions."""

    def __init__(self) -> None:
        """Start it."""
        self._producer = Producer({"bootstrap.servers": "embedded", "test.mock.num.brokers": 1, "linger.ms": 20, "log_level": 3})
        brokers = self._producer.list_topics(timeout=METADATA_TIMEOUT).brokers.values()
        self.bootstrap = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)

    def create_topic(self, topic: str) -> None:
        """Make the broker know ``topic``."""
        self._producer.list_topics(topic, timeout=METADATA_TIMEOUT)

    def produce(self, topic: str, key: bytes, value: bytes) -> None:
        """Produce a record; it is sent in the background. Raises BufferError when too many wait to be sent."""
        self._producer.produce(topic, value, key)
        self._producer.poll(0)

    def flush(self) -> None:
        """Wait until everything that was produced is in the log."""
        self._producer.flush()
