"""What a ``kafka://`` writer is told: brokers, topic, options; and whether it can write exactly once. Pure.

Exactly once takes that there is a consumer group (not so when dead letters are redriven), and that its offsets are on the cluster that is written to. That it is the same cluster is
seen by an address that both have, unless ``SIDECAR_WRITER__EXACTLY_ONCE`` says it.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from sidecar.core.errors import ConfigurationError
from sidecar.kafka.address import Address
from sidecar.kafka.connection import Properties, connection
from sidecar.writers.options import Option, Options, Value
from sidecar.writers.protocol import Surroundings

EXAMPLE = "kafka://broker:9092,broker2:9092/topic"

PORT = "9092"

OPTIONS: Options = {
    "exactly_once": Option(
        "choice",
        "auto",
        "commit the offsets of the consumer group in the transaction of the records: `auto` if the URL names a broker of the source, `always` if it is the same cluster by other addresses",
        ("auto", "always", "never"),
    ),
    "transactional_id_prefix": Option(
        "text",
        "",
        "what the ids of transactions begin with; no two processes may have the same. Unset: the group and the name of the host (in Kubernetes of the pod)",
    ),
    "transaction_timeout": Option(
        "duration",
        15.0,
        "after which the brokers give up a transaction of a process that is gone; its partitions wait for that long if no process comes back with its id",
    ),
    "partition": Option(
        "choice", "key", "by the hash of the `key` (murmur2, as Java's producer), or the `same` as in the source", ("key", "same")
    ),
    "compression": Option("choice", "lz4", "of the batches", ("none", "gzip", "snappy", "lz4", "zstd")),
    "source_headers": Option(
        "switch", default=False, help="add `sidecar.source.topic`, `.partition` and `.offset` to the headers of each record"
    ),
    "security_protocol": Option(
        "choice",
        "",
        "for another cluster; unset: `plaintext` there, and what the source has here",
        ("plaintext", "ssl", "sasl_plaintext", "sasl_ssl"),
    ),
    "sasl_mechanism": Option("text", "", "for another cluster, for instance `SCRAM-SHA-512`"),
    "sasl_username": Option("text", "", "for another cluster"),
    "sasl_password": Option("secret", "", "for another cluster"),
    "ssl_ca_location": Option("path", "", "for another cluster: the file of the certificates that are trusted"),
    "ssl_certificate_location": Option("path", "", "for another cluster: the file of our certificate"),
    "ssl_key_location": Option("path", "", "for another cluster: the file of its private key"),
    "ssl_key_password": Option("secret", "", "for another cluster: the password of that file"),
}

_SECURITY = tuple(name for name in OPTIONS if name.startswith(("security_", "sasl_", "ssl_")))

LARGEST = 64 * 1024 * 1024
"""Bytes of a record that are not even tried; below, the topic's own limit decides."""

ALWAYS: Properties = {
    "enable.idempotence": True,
    "acks": "all",
    "linger.ms": 5,
    "log_level": 4,  # warnings
    "message.max.bytes": LARGEST,
    "partitioner": "murmur2_random",
    "queue.buffering.max.messages": 1_000_000,  # a batch is smaller, and is waited for before the next
    "retry.backoff.ms": 10,  # the next transaction begins while the markers of the last are being written, and is told to come back
    "topic.metadata.propagation.max.ms": 5000,
    "delivery.report.only.error": True,
}
"""What a producer of ours is given whatever the options are."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where and how to write; ``sources`` are the names and patterns that are consumed, ``properties`` the producer's, without what makes it transactional."""

    name: str
    address: Address
    sources: Sequence[str]
    properties: Properties
    exactly_once: bool
    transactional_id_prefix: str
    transaction_timeout: float
    same_partition: bool
    source_headers: bool


def destination(url: str, options: Mapping[str, Value], surroundings: Surroundings) -> Destination:
    """Return what ``url`` and ``options`` mean. Raises ConfigurationError for what cannot work."""
    brokers, topic = _parts(url)
    source = _brokers(str(surroundings.kafka.get("bootstrap.servers", "")))
    wish = options["exactly_once"]
    same_cluster = wish == "always" or bool(set(brokers) & set(source))
    exactly_once = same_cluster and wish != "never" and bool(surroundings.group)
    address = Address(topic, surroundings.topics if same_cluster else ())
    if (loop := address.loop()) is not None:
        raise ConfigurationError(
            f"SIDECAR_WRITER__URL: its topic {loop} is consumed itself, so each record would come back: name another one"
        )
    if exactly_once and surroundings.kafka.get("isolation.level", "read_committed") != "read_committed":
        raise ConfigurationError(
            "SIDECAR_KAFKA__ISOLATION_LEVEL: must be read_committed where SIDECAR_WRITER__URL writes exactly once, "
            "since offsets of an open transaction would be passed over; or set SIDECAR_WRITER__EXACTLY_ONCE=never"
        )
    return Destination(
        f"kafka://{','.join(brokers)}/{topic}",
        address,
        surroundings.topics,
        {
            **ALWAYS,
            **_reach(brokers, options, surroundings.kafka if same_cluster else {}),
            "compression.type": str(options["compression"]),
        },
        exactly_once,
        str(options["transactional_id_prefix"]) or f"{surroundings.group}-{socket.gethostname()}",
        float(options["transaction_timeout"]),
        options["partition"] == "same",
        bool(options["source_headers"]),
    )


def _parts(url: str) -> tuple[tuple[str, ...], str]:
    """Return brokers and topic. What is said of the URL does not quote it: it may hold a password."""
    parts = urlsplit(url)
    if "@" in parts.netloc:
        raise ConfigurationError(
            "SIDECAR_WRITER__URL: must not hold a user: set SIDECAR_WRITER__SASL_USERNAME and SIDECAR_WRITER__SASL_PASSWORD"
        )
    brokers = _brokers(parts.netloc)
    if not brokers or parts.query or parts.fragment:
        raise ConfigurationError(f"SIDECAR_WRITER__URL: must be like {EXAMPLE}")
    topic = parts.path.removeprefix("/")
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,249}", topic.replace("{topic}", "t")) or topic in {".", ".."}:
        raise ConfigurationError(
            f"SIDECAR_WRITER__URL: its path must be the name of a topic, in which {{topic}} stands for the source's, like {EXAMPLE}"
        )
    return brokers, topic


def _brokers(text: str) -> tuple[str, ...]:
    """Return addresses in one form each, so that they can be compared."""
    names = (name.strip().lower() for name in text.split(","))
    return tuple(name if re.search(r":[0-9]+$", name) else f"{name}:{PORT}" for name in names if name)


def _reach(brokers: tuple[str, ...], options: Mapping[str, Value], source: Properties) -> Properties:
    given = {name.replace("_", "."): str(options[name]) for name in _SECURITY if options[name]}
    return {"client.id": "kafka-sidecar", **connection(source), **given, "bootstrap.servers": ",".join(brokers)}
