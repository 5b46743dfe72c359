from __future__ import annotations

import pytest

from sidecar.settings import consumer_config, kafka_properties, load_settings
from sidecar.settings.kafka_properties import ALLOWED, REFUSED, property_of, setting_of
from tests.unit.settings.environments import CONTAINER, LEAST, load, named

POD = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "HOSTNAME": "billing-0"}


def test_the_client_gets_small_fetches_cooperative_rebalances_and_no_commits_of_its_own() -> None:
    assert consumer_config(load({})) == {
        "bootstrap.servers": "broker:9092",
        "group.id": "billing",
        "client.id": "kafka-sidecar",
        "group.protocol": "classic",
        "partition.assignment.strategy": "cooperative-sticky",
        "isolation.level": "read_committed",
        "allow.auto.create.topics": False,
        "fetch.max.bytes": 559_240,
        "fetch.message.max.bytes": 32 * 1024,
        "fetch.queue.backoff.ms": 10,
        "message.max.bytes": 1000,
        "queued.max.messages.kbytes": 16 * 1024,
        "queued.min.messages": 1000,
        "socket.keepalive.enable": True,
        "topic.metadata.refresh.interval.ms": 30_000,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
    }


def test_a_property_that_is_set_goes_before_the_default() -> None:
    given = {"KAFKA__ISOLATION_LEVEL": "READ_UNCOMMITTED", "KAFKA__LOG_LEVEL": "7", "KAFKA__SASL_USERNAME": "Me"}
    properties = consumer_config(load(given))
    assert (properties["isolation.level"], properties["log_level"], properties["sasl.username"]) == (
        "read_uncommitted",
        "7",
        "Me",
    )


def test_a_second_name_of_a_property_takes_the_place_of_its_default() -> None:
    properties = consumer_config(load({"KAFKA__MAX_PARTITION_FETCH_BYTES": "1048576"}))
    assert properties["max.partition.fetch.bytes"] == "1048576"
    assert "fetch.message.max.bytes" not in properties


@pytest.mark.parametrize("written", ["consumer", "CONSUMER"])
def test_with_the_new_group_protocol_what_the_broker_decides_is_left_to_it(written: str) -> None:
    settings = load_settings(LEAST | POD | named({"KAFKA__GROUP_PROTOCOL": written}), lambda: CONTAINER)
    properties = consumer_config(settings)
    assert properties["group.protocol"] == "consumer"
    assert not {
        "partition.assignment.strategy",
        "session.timeout.ms",
        "heartbeat.interval.ms",
        "group.instance.id",
    } & set(properties)


@pytest.mark.parametrize(
    ("environ", "instance"),
    [
        (POD, "billing-0"),
        ({"HOSTNAME": "laptop"}, None),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1", "HOSTNAME": ""}, None),
        (POD | {"SIDECAR_KAFKA__GROUP_INSTANCE_ID": "mine"}, "mine"),
    ],
)
def test_a_member_is_static_by_the_name_of_its_pod(environ: dict[str, str], instance: str | None) -> None:
    assert consumer_config(load_settings(LEAST | environ, lambda: CONTAINER)).get("group.instance.id") == instance


def test_every_property_that_is_allowed_has_a_setting_that_means_it_and_none_is_refused() -> None:
    for name in ALLOWED:
        assert property_of(setting_of(name).removeprefix("SIDECAR_KAFKA__")) == name
        assert not name.startswith(tuple(REFUSED))


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("sasl.password", True),
        ("ssl.key.password", True),
        ("ssl.keystore.password", True),
        ("ssl.key.pem", True),
        ("sasl.oauthbearer.client.secret", True),
        ("sasl.username", False),
        ("ssl.ca.pem", False),
        ("ssl.certificate.pem", False),
        ("group.id", False),
    ],
)
def test_which_properties_are_secret(name: str, secret: bool) -> None:  # noqa: FBT001 -- a column of the table
    assert kafka_properties.is_secret(name) is secret
