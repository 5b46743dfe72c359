"""What the tests of the Kafka writer share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract.kafka.stage import Stage
from tests.parts.kafka import RealKafka


@pytest.fixture
def stage(kafka: RealKafka) -> Iterator[Stage]:
    """Return two topics and a group of the test's own."""
    made = Stage(kafka)
    yield made
    made.close()
