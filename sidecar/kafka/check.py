"""Checks that Kafka can be reached and has the topics, for ``kafka-sidecar check``."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka.admin import ClusterMetadata

from sidecar.kafka.address import Address
from sidecar.kafka.build import naming_the_setting
from sidecar.kafka.connection import Properties
from sidecar.kafka.errors import describe

ONE_ANSWER = 1.0
"""Seconds after which what the connection says is looked at."""


def check_topics(
    properties: Properties, topics: Sequence[str], overflow: Callable[[str], str | None], timeout: float
) -> list[str]:
    """Return what is wrong, a sentence each; empty when every topic is there, and the overflow topic of each. Takes up to ``timeout`` seconds.

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
    problems = [problem for topic in topics if (problem := _problem(topic, found))]
    return [*problems, *_overflow_problems(topics, overflow, found)]


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


def _overflow_problems(topics: Sequence[str], overflow: Callable[[str], str | None], found: ClusterMetadata) -> Iterator[str]:
    """Yield what keeps records of the topics that are there from their overflow topics."""
    address = Address("", topics)
    targets = {overflow(topic): topic for topic in sorted(found.topics, reverse=True) if address.is_consumed(topic)}
    for target, source in targets.items():
        if target is not None and address.is_consumed(target):
            yield f"{target}, the overflow topic of {source}, is consumed itself: name another overflow_topic in SIDECAR_TOPIC_POLICIES"
        elif target is not None and target not in found.topics:
            yield (
                f"overflow topic {target} (of {source}) does not exist, or may not be described: "
                "create it, or mend overflow_topic in SIDECAR_TOPIC_POLICIES"
            )
