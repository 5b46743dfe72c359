"""A Docker engine for the whole run, and the sidecar's image in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.parts.docker import MEND, DockerEngine, NoEngine, docker_engine
from tests.parts.image import sidecar_image
from tests.parts.missing import part_missing


@pytest.fixture(scope="session")
def engine() -> Iterator[DockerEngine]:
    """Have the engine that runs on this machine, or one of our own."""
    try:
        with docker_engine() as found:
            yield found
    except NoEngine as missing:
        part_missing(str(missing), MEND)


@pytest.fixture(scope="session")
def image(engine: DockerEngine) -> str:
    """Have the image of the sidecar."""
    try:
        return sidecar_image(engine)
    except NoEngine as missing:
        part_missing(str(missing), MEND)
