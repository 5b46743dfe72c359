from __future__ import annotations

import pytest

from sidecar.core.errors import ConfigurationError
from sidecar.kafka.build import Tell, Wanted, build_consumer, build_log_offsets, without_internal_topics
from sidecar.kafka.connection import Properties, connection

REACHABLE = {"bootstrap.servers": "127.0.0.1:1", "group.id": "group"}
SECRET = "hunter2"  # noqa: S105 -- made up; the test looks for it


def test_only_what_says_how_to_reach_brokers_is_kept_for_the_other_client() -> None:
    reach: Properties = {
        "bootstrap.servers": "kafka:9092",
        "client.id": "me",
        "security.protocol": "sasl_ssl",
        "sasl.password": SECRET,
        "ssl.ca.location": "ca.pem",
        "enable.ssl.certificate.verification": True,
        "socket.keepalive.enable": True,
        "broker.address.family": "v4",
        "reconnect.backoff.ms": 100,
    }
    consume: Properties = {
        "group.id": "group",
        "group.instance.id": "pod-0",
        "enable.auto.commit": False,
        "auto.offset.reset": "error",
        "isolation.level": "read_committed",
        "fetch.message.max.bytes": 1,
        "queued.min.messages": 1000,
        "partition.assignment.strategy": "cooperative-sticky",
        "max.poll.interval.ms": 300_000,
        "statistics.interval.ms": 0,
        "session.timeout.ms": 45_000,
    }

    assert connection({**reach, **consume}) == reach


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"fetch.message.max.bytes": "many"}, "fetch.message.max.bytes"),
        ({"no.such.property": "x"}, "no.such.property"),
        ({"partition.assignment.strategy": "fair"}, "fair"),
        ({"group.protocol": "consumer", "session.timeout.ms": 6000}, "session.timeout.ms"),
    ],
    ids=["wrong type", "unknown", "unknown value", "contradiction"],
)
def test_a_refused_property_of_the_consumer_is_named_and_no_secret_is(wrong: Properties, named: str) -> None:
    properties: Properties = {**REACHABLE, "sasl.password": SECRET, **wrong}
    offsets = build_log_offsets(REACHABLE)
    wanted = Wanted(["orders"], "earliest", "stop", with_headers=False)

    with pytest.raises(ConfigurationError) as refused:
        build_consumer(properties, wanted, offsets, lambda _tp: None, Tell(lambda *_: None, lambda *_: None))

    assert str(refused.value).startswith("SIDECAR_KAFKA__*: ")
    assert named in str(refused.value)
    assert SECRET not in str(refused.value)


def test_a_refused_property_of_the_connection_is_named_too() -> None:
    with pytest.raises(ConfigurationError, match=r"SIDECAR_KAFKA__\*: .*security\.protocol"):
        build_log_offsets({**REACHABLE, "security.protocol": "telepathy", "sasl.password": SECRET})


@pytest.mark.parametrize(
    ("topics", "kept_out"),
    [
        (["^.*"], True),
        (["orders", "^.*s$"], True),
        (["orders"], False),
        (["__consumer_offsets"], False),
        (["^__audit.*"], False),
        (["^orders", "__audit"], False),
    ],
)
def test_patterns_take_no_internal_topic_that_was_not_asked_for(topics: list[str], *, kept_out: bool) -> None:
    assert ("topic.blacklist" in without_internal_topics({}, topics)) is kept_out


def test_with_the_new_group_protocol_the_client_must_know_every_topic_that_the_broker_may_assign() -> None:
    assert without_internal_topics({"group.protocol": "consumer"}, ["^.*"]) == {}
