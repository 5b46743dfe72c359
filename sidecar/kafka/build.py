"""Builds the Kafka shell: the consumer with its parts, and the client for offsets of the log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from confluent_kafka import IsolationLevel, KafkaException

from sidecar.core.errors import ConfigurationError
from sidecar.core.events import DeadLetterFinished
from sidecar.kafka.address import Address
from sidecar.kafka.columns import Columns, EpochOf
from sidecar.kafka.connection import Properties, connection
from sidecar.kafka.consumer import Clocks, KafkaConsumer
from sidecar.kafka.dead_letters import KafkaDeadLetters
from sidecar.kafka.log_offsets import LogOffsets
from sidecar.kafka.login import Changed, never
from sidecar.kafka.place import Place
from sidecar.kafka.resets import OnOutOfRange, Resets
from sidecar.kafka.starts import LOOKUP_TIMEOUT, TOLD_TIMEOUT, OutOfRange, Start, Starts
from sidecar.kafka.trouble import Trouble

INTERNAL = "^__.*"
"""Topics that Kafka and its tools keep for themselves, by their own convention."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be consumed, and how; ``with_timestamps`` where each record's is wanted, ``with_place`` where a writer fences with our place in the group, ``starts_told`` where the downstream says where to start."""

    topics: Sequence[str]
    start: Start
    on_out_of_range: OnOutOfRange
    with_headers: bool
    with_timestamps: bool = True
    with_place: bool = False
    starts_told: bool = False
    login: Changed = never


@dataclass(frozen=True, slots=True)
class Tell:
    """Whom to tell: of errors of the connection (name, sentence), and of offsets that the log does not have (with what was done)."""

    trouble: Callable[[str, str], None]
    out_of_range: Callable[[OutOfRange, str], None]


def build_log_offsets(properties: Properties, login: Changed = never) -> LogOffsets:
    """Return a client of its own that asks for offsets, as a consumer with ``properties`` would see them."""
    committed_only = properties.get("isolation.level", "read_committed") == "read_committed"
    isolation = IsolationLevel.READ_COMMITTED if committed_only else IsolationLevel.READ_UNCOMMITTED
    with naming_the_setting():
        return LogOffsets(connection(properties), isolation, login)


def build_dead_letters(
    properties: Properties,
    address: Address,
    group: str,
    answer: Callable[[DeadLetterFinished | Exception], None],
    login: Changed = never,
) -> KafkaDeadLetters:
    """Return the producer of dead letters, on the cluster that a consumer with ``properties`` reads."""
    return KafkaDeadLetters(connection(properties), address, group, answer, login)


def build_consumer(properties: Properties, wanted: Wanted, offsets: LogOffsets, epoch_of: EpochOf, tell: Tell) -> KafkaConsumer:
    """Return a consumer that has not joined. Raises ConfigurationError for properties that librdkafka refuses."""
    only = wanted.topics[0] if len(wanted.topics) == 1 and not wanted.topics[0].startswith("^") else None
    starts = Starts(wanted.start, offsets, TOLD_TIMEOUT if wanted.with_place else LOOKUP_TIMEOUT)
    with naming_the_setting():
        return KafkaConsumer(
            {**properties, **without_internal_topics(properties, wanted.topics)},
            wanted.topics,
            columns=Columns(only, epoch_of, with_headers=wanted.with_headers, with_timestamps=wanted.with_timestamps),
            starts=starts,
            resets=Resets(wanted.on_out_of_range, starts, tell.out_of_range),
            trouble=Trouble(time.monotonic, tell.trouble),
            clocks=Clocks(time.monotonic, time.time),
            starts_told=wanted.starts_told,
            login=wanted.login,
            place=Place() if wanted.with_place else None,
        )


def without_internal_topics(properties: Properties, topics: Sequence[str]) -> Properties:
    """Return what keeps patterns from taking topics like ``__consumer_offsets``; nothing where one of ``topics`` names such topics itself.

    Nor with the new group protocol: there the broker matches patterns, and a client that does not know a topic of its assignment
    never takes it over, nor gives anything up for another member.
    """
    if properties.get("group.protocol") == "consumer":
        return {}
    has_pattern = any(topic.startswith("^") for topic in topics)
    names_internal = any(topic.startswith(("__", "^__")) for topic in topics)
    return {"topic.blacklist": INTERNAL} if has_pattern and not names_internal else {}


@contextmanager
def naming_the_setting() -> Iterator[None]:
    """Turn the client's refusal of a property into an error that names the setting; its text names the property, not a secret."""
    try:
        yield
    except KafkaException as error:
        raise ConfigurationError(f"SIDECAR_KAFKA__*: the Kafka client refuses this: {error.args[0].str()}") from error
