"""What the tests of the PostgreSQL writer share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract.postgresql.stage import Stage
from tests.parts.postgresql import PostgreSQL


@pytest.fixture
def stage(postgresql: PostgreSQL) -> Iterator[Stage]:
    """Return tables of the test's own, on the real server."""
    stage = Stage(postgresql)
    try:
        yield stage
    finally:
        stage.close()
