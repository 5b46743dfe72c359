from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.parts.docker import MEND as DOCKER_MEND
from tests.parts.docker import DockerEngine, NoEngine, docker_engine
from tests.parts.image import sidecar_image
from tests.parts.missing import part_missing
from tests.parts.node import build
from tests.parts.node.containerd import PAUSE, Containerd
from tests.parts.node.kubelet import Kubelet


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an archive with the image of the sidecar and the one that every pod begins with."""
    try:
        build.check()
        with docker_engine() as engine:
            return _save(engine, tmp_path_factory.mktemp("images"))
    except build.NoNode as reason:
        part_missing(str(reason), build.MEND)
    except NoEngine as reason:
        part_missing(str(reason), DOCKER_MEND)


def _save(engine: DockerEngine, folder: Path) -> Path:
    root = shutil.make_archive(str(folder / "pause"), "tar", build.pause().parent, "pause")
    repository, _, tag = PAUSE.rpartition(":")
    engine.client.api.import_image_from_file(root, repository=repository, tag=tag, changes=['ENTRYPOINT ["/pause"]'])
    archive = folder / "images.tar"
    with archive.open("wb") as file:
        for part in engine.client.images.get(sidecar_image(engine)).save(named=True):
            file.write(part)
    return archive


@pytest.fixture(scope="session")
def kubelet(images: Path) -> Iterator[Kubelet]:
    """One node for the whole run."""
    folder = Path(tempfile.mkdtemp(prefix="node-"))
    folder.chmod(0o755)
    try:
        with Containerd(folder) as containerd:
            containerd.wait_until_it_answers()
            containerd.load(images)
            with Kubelet(folder, containerd) as kubelet:
                kubelet.wait_until_it_answers()
                yield kubelet
    finally:
        shutil.rmtree(folder)
