"""Which of a client's properties say how to reach brokers: what every other client of the same cluster is given, too."""

from __future__ import annotations

from collections.abc import Mapping

Properties = Mapping[str, str | int | bool]

CONNECTION = (
    "bootstrap.servers",
    "client.",
    "security.",
    "sasl.",
    "ssl.",
    "socket.",
    "broker.address.",
    "reconnect.",
    "enable.ssl.",
)
"""Beginnings of these properties; a client that does not consume knows no others."""


def connection(properties: Properties) -> dict[str, str | int | bool]:
    """Return those of a consumer's properties that say how to reach brokers."""
    return {name: value for name, value in properties.items() if name.startswith(CONNECTION)}
