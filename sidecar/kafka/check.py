"""Checks that Kafka can be reached and has the topics, for ``kafka-sidecar check``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ClusterMetadata

from sidecar.kafka.build import Properties, connection
from sidecar.kafka.errors import describe


def check_topics(properties: Properties, topics: Sequence[str], timeout: float) -> list[str]:
    """Return what is wrong, a sentence each; empty when every topic is there. Takes up to ``timeout`` seconds."""
    heard: list[KafkaError] = []
    callbacks: dict[str, Any] = {"error_cb": heard.append, "log_level": 0}
    admin = AdminClient({**connection(properties), **callbacks})
    try:
        found = admin.list_topics(timeout=timeout)
    except KafkaException as error:
        return [describe(reason) for reason in heard[:1] or [error.args[0]]]
    return [problem for topic in topics if (problem := _problem(topic, found))]


def _problem(topic: str, found: ClusterMetadata) -> str | None:
    if topic.startswith("^"):
        if any(re.match(topic, name) for name in found.topics):
            return None
        return f"no topic matches {topic} yet; topics that do are taken as they come"
    metadata = found.topics.get(topic)
    if metadata is None:
        return f"topic {topic} does not exist, or may not be described: create it, or mend SIDECAR_TOPICS"
    return None if metadata.error is None else f"topic {topic}: {describe(metadata.error)}"
