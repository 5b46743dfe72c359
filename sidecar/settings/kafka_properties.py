"""Which of librdkafka's properties may be set by ``SIDECAR_KAFKA__<PROPERTY>``, what the sidecar sets itself, and why others are refused.

A name is the property's in upper case with ``_`` for ``.`` (``SIDECAR_KAFKA__SESSION_TIMEOUT_MS``). An allow-list, because a property that
commits by itself, runs code, or reads a file that nobody meant would break a promise without a word. Source of the names:
librdkafka's CONFIGURATION.md (2.16).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from sidecar.settings.environment import Problem
from sidecar.settings.model import Kafka

UNDERSCORED = frozenset({"log_level", "enabled_events"})
"""The two properties whose own names have underscores."""

NUMBERS = frozenset(
    [
        "broker.address.ttl",
        "connections.max.idle.ms",
        "coordinator.query.interval.ms",
        "fetch.error.backoff.ms",
        "fetch.max.bytes",
        "fetch.message.max.bytes",
        "fetch.min.bytes",
        "fetch.queue.backoff.ms",
        "fetch.wait.max.ms",
        "heartbeat.interval.ms",
        "log_level",
        "max.in.flight",
        "max.in.flight.requests.per.connection",
        "max.partition.fetch.bytes",
        "max.poll.interval.ms",
        "message.max.bytes",
        "metadata.max.age.ms",
        "metadata.recovery.rebootstrap.trigger.ms",
        "queued.max.messages.kbytes",
        "queued.min.messages",
        "receive.message.max.bytes",
        "reconnect.backoff.max.ms",
        "reconnect.backoff.ms",
        "retry.backoff.max.ms",
        "retry.backoff.ms",
        "session.timeout.ms",
        "socket.connection.setup.timeout.ms",
        "socket.max.fails",
        "socket.receive.buffer.bytes",
        "socket.send.buffer.bytes",
        "socket.timeout.ms",
        "topic.metadata.propagation.max.ms",
        "topic.metadata.refresh.fast.interval.ms",
        "topic.metadata.refresh.interval.ms",
    ]
)

SWITCHES = frozenset(
    [
        "allow.auto.create.topics",
        "check.crcs",
        "enable.ssl.certificate.verification",
        "log.connection.close",
        "socket.keepalive.enable",
        "socket.nagle.disable",
        "topic.metadata.refresh.sparse",
    ]
)

TEXTS = frozenset(
    [
        "bootstrap.servers",
        "client.dns.lookup",
        "client.id",
        "client.rack",
        "debug",
        "group.id",
        "group.instance.id",
        "group.remote.assignor",
        "metadata.recovery.strategy",
        "sasl.kerberos.keytab",
        "sasl.kerberos.principal",
        "sasl.kerberos.service.name",
        "sasl.mechanism",
        "sasl.mechanisms",
        "sasl.oauthbearer.client.id",
        "sasl.oauthbearer.client.secret",
        "sasl.oauthbearer.extensions",
        "sasl.oauthbearer.method",
        "sasl.oauthbearer.scope",
        "sasl.oauthbearer.token.endpoint.url",
        "sasl.password",
        "sasl.username",
        "ssl.ca.location",
        "ssl.ca.pem",
        "ssl.certificate.location",
        "ssl.certificate.pem",
        "ssl.cipher.suites",
        "ssl.crl.location",
        "ssl.curves.list",
        "ssl.endpoint.identification.algorithm",
        "ssl.key.location",
        "ssl.key.password",
        "ssl.key.pem",
        "ssl.keystore.location",
        "ssl.keystore.password",
        "ssl.sigalgs.list",
    ]
)

CHOICES: Mapping[str, tuple[str, ...]] = {
    "broker.address.family": ("any", "v4", "v6"),
    "group.protocol": ("classic", "consumer"),
    "isolation.level": ("read_committed", "read_uncommitted"),
    "partition.assignment.strategy": ("cooperative-sticky",),
    "security.protocol": ("plaintext", "ssl", "sasl_plaintext", "sasl_ssl"),
}

ALLOWED = NUMBERS | SWITCHES | TEXTS | frozenset(CHOICES)

ALIASES: Mapping[str, str] = {"max.partition.fetch.bytes": "fetch.message.max.bytes"}
"""Second names of properties for which :func:`defaults` has a value, which must then not be given beside them."""

_COMMITS = "the sidecar commits only what was delivered, by itself"
_CODE = "it would load or run code"

REFUSED: Mapping[str, str] = {
    "auto.commit.": _COMMITS,
    "auto.offset.reset": "a reset would skip records without a word: use SIDECAR_START and SIDECAR_ON_OFFSET_OUT_OF_RANGE",
    "consume.": "the sidecar takes records in its own way",
    "enable.auto.": _COMMITS,
    "enable.partition.eof": "the sidecar finds the end of a partition by itself",
    "enable.sasl.oauthbearer.unsecure.jwt": "unsigned tokens are for tests of the client itself",
    "enabled_events": "the sidecar listens to the client in its own way",
    "offset.store.": _COMMITS,
    "plugin.": _CODE,
    "sasl.kerberos.kinit.cmd": _CODE,
    "ssl.engine.": _CODE,
    "ssl.providers": _CODE,
    "statistics.interval.ms": "the sidecar measures itself: see /metrics",
    "test.mock.": "the embedded broker is for `kafka-sidecar demo`",
}
"""Beginnings of properties, and why they may not be set."""

LEAST_SENT = 1000
"""The smallest ``message.max.bytes`` that the client takes."""

_OF_THE_BROKER = ("session.timeout.ms", "heartbeat.interval.ms", "partition.assignment.strategy")
"""With the new group protocol these are the broker's to say; the client refuses them."""

_SECRET_WORDS = ("password", "secret", ".pem", "ssl.key", "sasl.oauthbearer.extensions")


def property_of(name: str) -> str:
    """Return the client's name of a property, of the name in a setting."""
    name = name.lower()
    return name if name in UNDERSCORED else name.replace("_", ".")


def given_properties(kafka: Kafka) -> dict[str, str]:
    """Return the properties that were set, by the client's names."""
    return _by_property(kafka.given)


def _by_property(given: Mapping[str, str]) -> dict[str, str]:
    """Return properties by the client's names; a choice is in lower case, since the client takes it in any."""
    properties = {property_of(name): text for name, text in given.items()}
    return {name: text.lower() if name in CHOICES else text for name, text in properties.items()}


def whole_number(text: str) -> int | None:
    """Return the number that ``text`` is; None where it is none."""
    return int(text) if re.fullmatch(r"-?[0-9]{1,15}", text) else None


def setting_of(name: str) -> str:
    """Return the setting that sets a property."""
    return f"SIDECAR_KAFKA__{name.upper().replace('.', '_')}"


def is_secret(name: str) -> bool:
    """Whether the value of a property must not be shown."""
    return any(word in name for word in _SECRET_WORDS) and not name.endswith("certificate.pem") and name != "ssl.ca.pem"


def problems_of(given: Mapping[str, str]) -> Iterator[Problem]:
    """Yield what is wrong with properties, given by the names of their settings in lower case."""
    properties = _by_property(given)
    for name, text in properties.items():
        problem = _problem_of(name, text)
        if problem is not None:
            yield Problem(setting_of(name), problem)
    if properties.get("group.protocol") == "consumer":
        for name in sorted({*_OF_THE_BROKER, "group.instance.id"} & set(properties)):
            yield Problem(setting_of(name), f"has no place with group.protocol=consumer: {_why_not(name)}")


def _why_not(name: str) -> str:
    if name == "group.instance.id":
        return "there, a crashed static member could not come back until its session has expired; leave it out"
    return "the broker decides it; leave it out"


def _problem_of(name: str, text: str) -> str | None:
    """Return what is wrong with one property; its value is quoted only where it cannot be a secret."""
    for beginning, reason in REFUSED.items():
        if name.startswith(beginning):
            return f"may not be set: {reason}"
    if name not in ALLOWED:
        nearest = get_close_matches(name, ALLOWED, n=1)
        meant = f"; was {setting_of(nearest[0])} meant?" if nearest else ""
        return f"{name} is not among the client's properties that may be set{meant}"
    if name in NUMBERS and whole_number(text) is None:
        return f"{text!r} is not a whole number, like 1000 (the client's own unit)"
    if name in SWITCHES and text not in ("true", "false"):
        return f"{text!r} must be true or false"
    if name in CHOICES and text not in CHOICES[name]:
        return f"{text!r} must be {' or '.join(CHOICES[name])}"
    return None


def defaults(prefetch: int, fetch_max_bytes: int, *, classic: bool) -> dict[str, str | int | bool]:
    """Return what the sidecar sets where nothing else was said; ``prefetch`` and ``fetch_max_bytes`` in bytes.

    Small fetches make a hold cheap: what is prefetched when a partition is paused is thrown away and fetched again.
    The backoff of a full queue is short, since at its default of a second a held partition would start late.
    A consumer sends no messages; but the client refuses answers that are smaller than what it may send.
    """
    chosen: dict[str, str | int | bool] = {
        "allow.auto.create.topics": False,
        "client.id": "kafka-sidecar",
        "fetch.max.bytes": fetch_max_bytes,
        "fetch.message.max.bytes": 32 * 1024,
        "fetch.queue.backoff.ms": 10,
        "group.protocol": "classic",
        "isolation.level": "read_committed",
        "message.max.bytes": LEAST_SENT,
        "queued.max.messages.kbytes": prefetch // 1024,
        "queued.min.messages": 1000,
        "socket.keepalive.enable": True,
        "topic.metadata.refresh.interval.ms": 30_000,
    }
    return chosen | ({"partition.assignment.strategy": "cooperative-sticky"} if classic else {})


FROM_MEMORY = frozenset({"fetch.max.bytes", "queued.max.messages.kbytes"})
"""What follows from the memory number, unless it is set."""

FIXED: Mapping[str, str | int | bool] = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "error",
}
"""What the commit contract rests on."""
