from __future__ import annotations

from tests.parts.kafka import RealKafka
from tests.parts.topics import Message, create_topic, fresh_name, log_ends, produce


def test_the_broker_of_the_tests_is_real_and_keeps_its_records_over_a_restart(kafka: RealKafka) -> None:
    topic = fresh_name("orders")
    create_topic(kafka.bootstrap, topic, partitions=2)
    produce(kafka.bootstrap, topic, [Message(b"1"), Message(b"2"), Message(b"3", partition=1)])
    kafka.restart()
    assert log_ends(kafka.bootstrap, topic) == {0: 2, 1: 1}
