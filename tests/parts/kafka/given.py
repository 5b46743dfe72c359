"""The Kafka that the environment names: used as it is, never stopped."""

from __future__ import annotations

import os
from pathlib import Path

from tests.parts.kafka.contract import RealKafka, Unavailable, wait_until_it_answers
from tests.parts.missing import part_missing

VARIABLE = "TEST_KAFKA_BOOTSTRAP_SERVERS"


def given_kafka(_folder: Path) -> RealKafka:
    """Return the Kafka that ``TEST_KAFKA_BOOTSTRAP_SERVERS`` names, once it answers.

    A named Kafka that does not answer is a mistake to be mended (``TimeoutError``), not a reason to take another.
    """
    bootstrap = os.environ.get(VARIABLE)
    if not bootstrap:
        raise Unavailable(f"{VARIABLE} is not set")
    wait_until_it_answers(bootstrap, within=30)
    return _GivenKafka(bootstrap)


class _GivenKafka:
    kind = f"given by {VARIABLE}"
    sasl_bootstrap = None

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap

    def start(self) -> None:
        """Do nothing: it was never stopped."""

    def stop(self) -> None:
        part_missing(f"the Kafka that {VARIABLE} names is not ours to stop", f"unset {VARIABLE}")

    def restart(self) -> None:
        self.stop()

    def close(self) -> None:
        """Leave it running, with the topics that the tests made."""
