from __future__ import annotations

from confluent_kafka.admin import AdminClient

from sidecar.core.records import TopicPartition
from sidecar.kafka.build import build_log_offsets
from sidecar.kafka.embedded import EmbeddedBroker


def test_what_is_produced_to_the_embedded_broker_is_in_its_log_after_a_flush() -> None:
    broker = EmbeddedBroker()
    broker.create_topic("orders")
    for n in range(10):
        broker.produce("orders", b"%d" % n, b"value")
    broker.flush()

    found = AdminClient({"bootstrap.servers": broker.bootstrap}).list_topics("orders", timeout=10)
    tps = [TopicPartition("orders", n) for n in found.topics["orders"].partitions]
    offsets = build_log_offsets({"bootstrap.servers": broker.bootstrap})
    assert len(tps) == 4
    assert sum(offsets.ends(tps, 10.0).values()) == 10
    assert offsets.begins(tps, 10.0) == dict.fromkeys(tps, 0)
    assert offsets.ends([], 10.0) == {}
