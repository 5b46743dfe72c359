"""The broker that comes with the client: where this machine can have no real Kafka, for the tests that it can serve.

Those that need more skip themselves by name, where they ask for it: see :func:`beyond_embedded`.
"""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

from sidecar.kafka.embedded import EmbeddedBroker
from tests.parts.kafka.contract import RealKafka
from tests.parts.missing import part_missing

PARTITIONS = 4
"""Every topic has so many."""

RUNNING: set[str] = set()
"""The addresses of those that run: such a broker answers no request to create a topic, not even by a refusal."""


def embedded_kafka(_folder: Path) -> RealKafka:
    """Start an embedded broker, which is always to be had."""
    return _EmbeddedKafka()


def beyond_embedded(what: str) -> NoReturn:
    """Skip the test that asks for ``what``, or fail it in CI."""
    part_missing(f"the embedded broker, the only Kafka here, has no {what}", "python -m tests.parts")


class _EmbeddedKafka:
    kind = "the broker embedded in the client; what it cannot serve is skipped"
    sasl_bootstrap = None

    def __init__(self) -> None:
        self._broker = EmbeddedBroker()
        self.bootstrap = self._broker.bootstrap
        RUNNING.add(self.bootstrap)

    def start(self) -> None:
        """Do nothing: it was never stopped."""

    def stop(self) -> None:
        beyond_embedded("way to be stopped and started again")

    def restart(self) -> None:
        self.stop()

    def close(self) -> None:
        """End it, with all that it holds in memory."""
        RUNNING.discard(self.bootstrap)
        del self._broker
