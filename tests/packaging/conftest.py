"""A Docker engine for the whole run, with the sidecar's image in it, and the charts with a real Helm."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.packaging.charts import Helm, with_charts
from tests.parts.docker import MEND, DockerEngine, NoEngine, docker_engine
from tests.parts.helm import helm3, helm4
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


@pytest.fixture(scope="session", params=["helm 3", "helm 4"])
def helm(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """Have the charts with each Helm."""
    program = {"helm 3": helm3, "helm 4": helm4}[request.param]()
    return with_charts(request.param, program, tmp_path_factory.mktemp("charts"))


@pytest.fixture(scope="session")
def one_helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """Have the charts with the Helm that can pretend to be of any cluster."""
    return with_charts("helm 3", helm3(), tmp_path_factory.mktemp("charts"))
