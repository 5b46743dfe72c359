"""Ends the server that these tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.http.one_server import ONE_SERVER


@pytest.fixture(scope="session", autouse=True)
def one_server() -> Iterator[None]:
    """Stop it after the last test."""
    yield
    ONE_SERVER.stop()
