"""What the tests of faults share."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.faults.tables import Table, table
from tests.parts.kafka import RealKafka
from tests.parts.missing import part_missing
from tests.parts.postgresql import PostgreSQL


@pytest.fixture
def it(kafka: RealKafka, postgresql: PostgreSQL, tmp_path: Path) -> Iterator[Table]:
    """Return a table of the test's own on the real server, and a topic for it."""
    with table(kafka, postgresql, tmp_path) as made:
        yield made


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """Return a folder on a file system of 8 MiB, which a database that runs as another user can reach, too."""
    mount = shutil.which("mount")
    if mount is None or os.geteuid() != 0:
        part_missing("a small disk needs mount and root", "run the tests as root")
    folder = Path(tempfile.mkdtemp(prefix="small-disk-"))
    folder.chmod(0o755)
    mounted = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if mounted.returncode != 0:
        folder.rmdir()
        part_missing(f"a small disk cannot be mounted: {mounted.stderr.strip()}", "allow mount (CAP_SYS_ADMIN)")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S607 -- beside mount, which was found
        folder.rmdir()


class FailingDisk:
    """A file system on a device that loses its end, and gets it back: what is written there meanwhile is an I/O error."""

    def __init__(self, image: Path, device: str, folder: Path) -> None:
        self.folder = folder
        self._image = image
        self._device = device
        self._lost = b""

    def fail(self) -> None:
        """Lose all but the first :data:`KEPT` bytes, where the file system has its own tables."""
        os.sync()
        with self._image.open("r+b") as file:
            file.seek(KEPT)
            self._lost = file.read()
            file.truncate(KEPT)
        self._resized()

    def mend(self) -> None:
        """Get back what was there."""
        with self._image.open("r+b") as file:
            file.seek(KEPT)
            file.write(self._lost)
        self._resized()

    def _resized(self) -> None:
        subprocess.run(["losetup", "--set-capacity", self._device], check=True)  # noqa: S607 -- wherever it is


KEPT, SIZE = 2**20, 32 * 2**20


@pytest.fixture
def failing_disk(tmp_path: Path) -> Iterator[FailingDisk]:
    """Return a disk that can fail; it is a file in ``tmp_path``."""
    lacking = [name for name in ("mkfs.ext2", "mount", "umount", "losetup") if shutil.which(name) is None]
    if lacking or os.geteuid() != 0:
        part_missing("a failing disk needs e2fsprogs, util-linux and root", "run the tests as root, with both installed")
    image, folder = tmp_path / "device", tmp_path / "mounted"
    folder.mkdir()
    with image.open("wb") as file:
        file.truncate(SIZE)
    run("mkfs.ext2", "-q", "-b", "4096", str(image))
    device = run("losetup", "--find", "--show", str(image))
    try:
        run("mount", device, str(folder))
        try:
            yield FailingDisk(image, device, folder)
        finally:
            subprocess.run(["umount", str(folder)], check=True)  # noqa: S607 -- beside mount, which was found
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)  # noqa: S607 -- it made the device


def run(*command: str) -> str:
    """Run a program of the system; skip the test where it may not do that."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        part_missing(f"{command[0]}: {done.stderr.strip()}", "allow mount and loop devices (CAP_SYS_ADMIN, /dev/loop-control)")
    return done.stdout.strip()
