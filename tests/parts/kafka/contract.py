"""What each kind of Kafka offers to tests, and the settings that those which we start ourselves have in common."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Protocol

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from tests.parts.waiting import wait_for

POM = Path(__file__).parent / "pom.xml"

SASL_USER, SASL_PASSWORD = "billing", "right-4711"


def pinned_version() -> str:
    """Return the version of Kafka that ``pom.xml`` pins; containers use the same."""
    pinned = re.search(r"<kafka\.version>(.+)</kafka\.version>", POM.read_text("utf-8"))
    if pinned is None:
        raise LookupError(f"{POM} pins no kafka.version")
    return pinned[1]


class Unavailable(Exception):  # noqa: N818 -- the state of this machine, not a mistake
    """That kind of Kafka cannot be had on this machine; the text says why."""


class RealKafka(Protocol):
    """A running broker of the real thing."""

    @property
    def kind(self) -> str:
        """Which kind it is, for people."""

    @property
    def bootstrap(self) -> str:
        """``host:port``, the same after each restart."""

    @property
    def sasl_bootstrap(self) -> str | None:
        """``host:port`` that takes nobody but :data:`SASL_USER`, by SASL PLAIN; None where this kind has no such listener."""

    def start(self) -> None:
        """Start it again after :meth:`stop`, with all its records; returns when it answers."""

    def stop(self) -> None:
        """Take it down; its data stay. Where it is not ours to stop, the test is skipped."""

    def restart(self) -> None:
        """Stop, then start."""

    def close(self) -> None:
        """End it for good and remove its data."""


def wait_until_it_answers(bootstrap: str, within: float) -> None:
    """Return when the broker answers a metadata request; raise ``TimeoutError`` after ``within`` seconds."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0, "reconnect.backoff.max.ms": 100})

    def answers() -> bool:
        try:
            return bool(admin.list_topics(timeout=1).brokers)
        except KafkaException:
            return False

    wait_for(answers, f"Kafka answers at {bootstrap}", within)


def sasl_listener(settings: dict[str, str], address: str) -> dict[str, str]:
    """Return ``settings`` of a broker with a listener at ``address`` more, which asks for SASL PLAIN."""
    more = {name: f"{settings[name]},SASL_PLAINTEXT://{address}" for name in ("listeners", "advertised.listeners")}
    protocols = settings["listener.security.protocol.map"]
    login = f'org.apache.kafka.common.security.plain.PlainLoginModule required user_{SASL_USER}="{SASL_PASSWORD}";'
    return settings | {
        **more,
        "listener.security.protocol.map": f"{protocols},SASL_PLAINTEXT:SASL_PLAINTEXT",
        "listener.name.sasl_plaintext.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.sasl_plaintext.plain.sasl.jaas.config": login,
    }


def properties(*, listeners: str, advertised: str, controller: str, voters: str) -> dict[str, str]:
    """Return the properties of a single broker that is its own controller, eager to do what tests wait for."""
    return {
        "node.id": "1",
        "process.roles": "broker,controller",
        "listeners": f"PLAINTEXT://{listeners},CONTROLLER://{controller}",
        "advertised.listeners": f"PLAINTEXT://{advertised}",
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.voters": f"1@{voters}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "auto.create.topics.enable": "false",
        # One broker, so one copy; few partitions, so that the internal topics come up at once.
        "offsets.topic.num.partitions": "4",
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        # Groups: no wait for more members, and sessions as short as a test asks for.
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
        "group.consumer.min.session.timeout.ms": "1000",
        "group.consumer.min.heartbeat.interval.ms": "500",
        # Nothing expires, and compaction comes as soon as a topic asks for it.
        "log.retention.ms": "-1",
        "log.cleaner.backoff.ms": "100",
        "log.cleaner.dedupe.buffer.size": "16777216",
    }
