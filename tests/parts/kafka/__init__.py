"""A real Apache Kafka for tests: the first of these that this machine can have.

1. The one at ``TEST_KAFKA_BOOTSTRAP_SERVERS`` (:mod:`~tests.parts.kafka.given`).
2. A container, where a Docker engine answers and has or can pull the image (:mod:`~tests.parts.kafka.container`).
3. Kafka's own jars, where there are Java and Maven (:mod:`~tests.parts.kafka.jars`).
4. The broker embedded in the client, for the tests that it can serve (:mod:`~tests.parts.kafka.embedded`); in CI it does not count.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.parts.kafka.container import container_kafka
from tests.parts.kafka.contract import RealKafka, Unavailable
from tests.parts.kafka.embedded import embedded_kafka
from tests.parts.kafka.given import given_kafka
from tests.parts.kafka.jars import jars_kafka

__all__ = ["RealKafka", "Unavailable", "real_kafka"]


@contextmanager
def real_kafka(folder: Path) -> Iterator[RealKafka]:
    """Run a Kafka until the block ends, with its data and log below ``folder``.

    Raises :class:`Unavailable` with the reason of each kind where this machine can have none.
    """
    kafka = _first_that_starts(folder)
    print(f"Kafka for tests: {kafka.kind} at {kafka.bootstrap}")
    try:
        yield kafka
    finally:
        kafka.close()


def _first_that_starts(folder: Path) -> RealKafka:
    reasons: list[str] = []
    for start_one in (given_kafka, container_kafka, jars_kafka):
        try:
            return start_one(folder)
        except Unavailable as unavailable:
            reasons.append(str(unavailable))
            print(f"Kafka for tests: {unavailable}")
    if os.environ.get("CI") == "true":
        raise Unavailable("there is no Kafka: " + "; ".join(reasons))
    return embedded_kafka(folder)
