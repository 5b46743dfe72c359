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
