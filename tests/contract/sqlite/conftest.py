"""What the tests of the SQLite writer share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.sqlite.stage import Stage


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """Return a file of the test's own."""
    stage = Stage(tmp_path / "of orders%3f.db")  # what a URL and SQLite's own addresses must be spared
    yield stage
    stage.close()
