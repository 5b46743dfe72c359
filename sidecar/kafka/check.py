"""Checks that Kafka can be reached and has the topics, for ``kafka-sidecar check``."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka.admin import ClusterMetadata

from sidecar.kafka.build import naming_the_setting
from sidecar.kafka.connection import Properties
from sidecar.kafka.errors import describe

ONE_ANSWER = 1.0
"""Seconds after which what the connection says is looked at."""


def check_topics(properties: Properties, topics: Sequence[str], timeout: float) -> list[str]:
    """Return what is wrong, a sentence each; empty when every topic is there. Takes up to ``timeout`` seconds.

    A consumer asks, so that its properties are checked, too; it does not join the group. Raises ConfigurationError for
    properties that librdkafka refuses.
    """
    heard: list[KafkaError] = []
    callbacks: dict[str, Any] = {"error_cb": heard.append, "log_level": 0}
    with naming_the_setting():
        consumer = Consumer({**properties, **callbacks})
    try:
        found = _ask(consumer, heard, time.monotonic() + timeout)
    except KafkaException as error:
        return [describe(reason) for reason in heard[:1] or [error.args[0]]]
    finally:
        consumer.close()
    return [problem for topic in topics if (problem := _problem(topic, found))]


def _ask(consumer: Consumer, heard: list[KafkaError], deadline: float) -> ClusterMetadata:
    """Return what the brokers have. Raises KafkaException at ``deadline``, or when all of them turned out to be away."""
    while True:
        try:
            found: ClusterMetadata = consumer.list_topics(timeout=ONE_ANSWER)
        except KafkaException:
            consumer.poll(0)  # hands over what was heard of the connection meanwhile, which says more than the exception
            if time.monotonic() > deadline or any(error.code() == KafkaError._ALL_BROKERS_DOWN for error in heard):  # noqa: SLF001 -- see errors.py
                raise
        else:
            return found


def _problem(topic: str, found: ClusterMetadata) -> str | None:
    if topic.startswith("^"):
        if any(re.match(topic, name) for name in found.topics):
            return None
        return f"no topic matches {topic} yet; topics that do are taken as they come"
    metadata = found.topics.get(topic)
    if metadata is None:
        return f"topic {topic} does not exist, or may not be described: create it, or mend SIDECAR_TOPICS"
    return None if metadata.error is None else f"topic {topic}: {describe(metadata.error)}"
