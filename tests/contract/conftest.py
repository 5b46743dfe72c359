"""What the tests of the writers share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from tests.contract.downstreams import EVERY, KEEPING, WHOLE, Downstream, OverTcp, OverUnix

Place = TypeVar("Place", bound=Downstream)


def _opened(kind: Callable[..., Place], folder: Path, request: pytest.FixtureRequest) -> Iterator[Place]:
    """Open a downstream; those that are in a real part name its fixtures in ``PARTS``."""
    place = kind(folder, *map(request.getfixturevalue, getattr(kind, "PARTS", ())))
    try:
        yield place
    finally:
        place.close()


@pytest.fixture(params=EVERY)
def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Downstream]:
    """Each kind of downstream."""
    yield from _opened(request.param, tmp_path, request)


@pytest.fixture(params=KEEPING)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Downstream]:
    """Each kind of downstream that can say what it took."""
    yield from _opened(request.param, tmp_path, request)


@pytest.fixture(params=WHOLE)
def whole(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Downstream]:
    """Each kind of downstream that takes all there is of a record."""
    yield from _opened(request.param, tmp_path, request)


@pytest.fixture(params=[OverTcp, OverUnix])
def app(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OverTcp]:
    """Each kind of application: over TCP and over a unix socket."""
    yield from _opened(request.param, tmp_path, request)
