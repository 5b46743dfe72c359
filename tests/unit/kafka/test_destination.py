"""What a ``kafka://`` URL and its options mean, and what is refused before anything is connected."""

from __future__ import annotations

import socket
from collections.abc import Mapping

import pytest

from sidecar.core.errors import ConfigurationError
from sidecar.kafka.destination import OPTIONS, Destination, destination
from sidecar.writers.options import Value
from sidecar.writers.protocol import Surroundings

SOURCE: Mapping[str, str | int | bool] = {
    "bootstrap.servers": "Broker:9092,broker2:9093",
    "group.id": "billing",
    "security.protocol": "sasl_ssl",
    "sasl.username": "me",
    "sasl.password": "hunter2",
    "fetch.max.bytes": 1,
}


def made(url: str, topics: tuple[str, ...] = ("orders",), **options: Value) -> Destination:
    chosen = {name: option.default for name, option in OPTIONS.items()} | options
    return destination(url, chosen, Surroundings("billing", topics, SOURCE))


@pytest.mark.parametrize(
    ("url", "wish", "exactly_once"),
    [
        ("kafka://broker:9092/copy", "auto", True),
        ("kafka://other,BROKER2:9093/copy", "auto", True),
        ("kafka://broker/copy", "auto", True),
        ("kafka://broker:9093/copy", "auto", False),
        ("kafka://other/copy", "always", True),
        ("kafka://broker/copy", "never", False),
    ],
)
def test_it_is_exactly_once_where_a_broker_is_one_of_the_source_or_where_it_is_said(
    url: str, wish: str, *, exactly_once: bool
) -> None:
    assert made(url, exactly_once=wish).exactly_once is exactly_once


def test_without_a_group_there_are_no_offsets_to_be_committed() -> None:
    chosen = {name: option.default for name, option in OPTIONS.items()}
    assert not destination("kafka://broker/copy", chosen, Surroundings("", ("orders",), SOURCE)).exactly_once


def test_the_same_cluster_is_reached_as_the_source_is_and_another_as_the_options_say() -> None:
    same = made("kafka://broker/copy").properties
    assert (same["bootstrap.servers"], same["sasl.username"], same["sasl.password"]) == ("broker:9092", "me", "hunter2")
    assert "fetch.max.bytes" not in same
    other = made("kafka://other/copy", security_protocol="ssl", ssl_ca_location="/ca.pem").properties
    assert {name: other.get(name) for name in ("security.protocol", "ssl.ca.location", "sasl.password")} == {
        "security.protocol": "ssl",
        "ssl.ca.location": "/ca.pem",
        "sasl.password": None,
    }


def test_the_ids_of_transactions_are_of_the_group_and_the_host_unless_they_are_given() -> None:
    assert made("kafka://broker/copy").transactional_id_prefix == f"billing-{socket.gethostname()}"
    assert made("kafka://broker/copy", transactional_id_prefix="mine").transactional_id_prefix == "mine"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("kafka:///copy", "must be like kafka://"),
        ("kafka://broker", "its path must be the name of a topic"),
        ("kafka://broker/a/b", "its path must be the name of a topic"),
        ("kafka://broker/{partition}", "its path must be the name of a topic"),
        ("kafka://broker/copy?acks=0", "must be like kafka://"),
        ("kafka://me:hunter2@broker/copy", "must not hold a user: set SIDECAR_WRITER__SASL_USERNAME"),
    ],
)
def test_a_url_that_means_nothing_is_refused_and_not_quoted(url: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match="SIDECAR_WRITER__URL") as refused:
        made(url)
    assert said in str(refused.value)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("topics", "topic"),
    [
        (("orders", "copy"), "copy"),
        (("orders", "^.*copy"), "copy"),
        (("orders", "orders.copy"), "{topic}.copy"),
        (("^c.*",), "copy"),
    ],
)
def test_a_topic_that_is_consumed_itself_is_refused(topics: tuple[str, ...], topic: str) -> None:
    with pytest.raises(ConfigurationError, match="copy is consumed itself, so each record would come back"):
        made(f"kafka://broker/{topic}", topics)
    assert made(f"kafka://other/{topic}", topics).address.consumed == ()


def test_where_uncommitted_records_are_read_it_cannot_be_exactly_once() -> None:
    source = Surroundings("billing", ("orders",), {**SOURCE, "isolation.level": "read_uncommitted"})
    chosen = {name: option.default for name, option in OPTIONS.items()}
    with pytest.raises(ConfigurationError, match="SIDECAR_KAFKA__ISOLATION_LEVEL: must be read_committed"):
        destination("kafka://broker/copy", chosen, source)
    assert not destination("kafka://broker/copy", chosen | {"exactly_once": "never"}, source).exactly_once
