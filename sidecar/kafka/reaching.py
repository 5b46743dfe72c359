"""Checks that a destination can be written to, for ``kafka-sidecar check``: it answers, and has the topics."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ClusterMetadata

from sidecar.core.errors import WriterUnavailable
from sidecar.kafka.connection import connection
from sidecar.kafka.destination import Destination
from sidecar.kafka.errors import describe

ONE_ANSWER = 1.0
"""Seconds after which what the connection says is looked at."""


def reach(destination: Destination, deadline: float) -> None:
    """Return when every topic that is known before the first record is there. Raises WriterUnavailable."""
    found = _ask(destination, deadline)
    missing = [topic for topic in _known(destination) if topic not in found.topics]
    if missing:
        raise WriterUnavailable(
            f"topic {', '.join(missing)} does not exist, or may not be described: create it, or mend SIDECAR_WRITER__URL"
        )


def _known(destination: Destination) -> Iterable[str]:
    template = destination.address.template
    if "{topic}" not in template:
        return [template]
    return [destination.address.of(name) for name in destination.sources if not name.startswith("^")]


def _ask(destination: Destination, deadline: float) -> ClusterMetadata:
    heard: list[KafkaError] = []
    callbacks: dict[str, Any] = {"error_cb": heard.append, "log_level": 0}
    try:
        client = AdminClient({**connection(destination.properties), **callbacks})
        while True:
            try:
                return client.list_topics(timeout=ONE_ANSWER)
            except KafkaException:
                client.poll(0)  # hands over what was heard of the connection meanwhile, which says more than the exception
                if time.monotonic() > deadline or any(error.code() == KafkaError._ALL_BROKERS_DOWN for error in heard):  # noqa: SLF001 -- the client's public name
                    raise
    except KafkaException as error:
        raise WriterUnavailable(f"no answer from {destination.name}: {describe((heard or [error.args[0]])[0])}") from error
