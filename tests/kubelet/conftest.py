from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
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
def images(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Path]:
    """Return archives of the sidecar's image and of the one that every pod begins with: no registry is asked for either."""
    try:
        build.check()
        with docker_engine() as engine:
            _import_pause(engine, tmp_path_factory.mktemp("pause"))
            folder = tmp_path_factory.mktemp("images")
            return [_save(engine, PAUSE, folder / "pause.tar"), _save(engine, sidecar_image(engine), folder / "sidecar.tar")]
    except build.NoNode as reason:
        part_missing(str(reason), build.MEND)
    except NoEngine as reason:
        part_missing(str(reason), DOCKER_MEND)


def _import_pause(engine: DockerEngine, folder: Path) -> None:
    root = shutil.make_archive(str(folder / "root"), "tar", build.pause().parent, "pause")
    repository, _, tag = PAUSE.rpartition(":")
    engine.client.api.import_image_from_file(root, repository=repository, tag=tag, changes=['ENTRYPOINT ["/pause"]'])


def _save(engine: DockerEngine, image: str, archive: Path) -> Path:
    with archive.open("wb") as file:
        for part in engine.client.images.get(image).save(named=True):
            file.write(part)
    return archive


@pytest.fixture(scope="session")
def kubelet(images: Sequence[Path]) -> Iterator[Kubelet]:
    """One node for the whole run."""
    folder = Path(tempfile.mkdtemp(prefix="node-"))
    folder.chmod(0o755)
    try:
        with Containerd(folder) as containerd:
            containerd.wait_until_it_answers()
            for archive in images:
                containerd.load(archive)
            with Kubelet(folder, containerd) as kubelet:
                kubelet.wait_until_it_answers()
                yield kubelet
    finally:
        shutil.rmtree(folder)
