"""After each test of the controller: no thread of it is left."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tests.unit.controller.parts import PATIENCE


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    for thread in threading.enumerate():
        if thread.name == "sidecar-flush" and thread not in before:
            thread.join(PATIENCE)
            assert not thread.is_alive()
