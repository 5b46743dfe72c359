"""What the tests of faults share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.faults.tables import Table, table
from tests.parts.kafka import RealKafka
from tests.parts.postgresql import PostgreSQL


@pytest.fixture
def it(kafka: RealKafka, postgresql: PostgreSQL, tmp_path: Path) -> Iterator[Table]:
    """Return a table of the test's own on the real server, and a topic for it."""
    with table(kafka, postgresql, tmp_path) as made:
        yield made
