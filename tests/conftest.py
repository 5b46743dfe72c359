"""Fixtures and rules for all tests: the layer of each test, the real Kafka, the real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.parts.kafka import RealKafka, Unavailable, real_kafka
from tests.parts.missing import part_missing
from tests.parts.postgresql import PostgreSQL, real_postgresql

TESTS = Path(__file__).parent


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Mark each test with its layer: the folder that it is in."""
    for item in items:
        item.add_marker(item.path.relative_to(TESTS).parts[0])


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealKafka]:
    """One real Kafka for the whole run, started when the first test asks for it."""
    try:
        with real_kafka(tmp_path_factory.mktemp("kafka")) as broker:
            yield broker
    except Unavailable as unavailable:
        part_missing(str(unavailable), "python -m tests.parts")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """One real PostgreSQL for the whole run, started when the first test asks for it."""
    try:
        with real_postgresql() as server:
            yield server
    except Unavailable as unavailable:
        part_missing(str(unavailable), "make install")
