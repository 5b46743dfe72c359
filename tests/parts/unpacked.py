"""Debian packages that are unpacked into a folder and not installed: no service of theirs starts, and root is not needed."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.parts import debian
from tests.parts.kafka import Unavailable


def unpack(packages: Sequence[str], scratch: Path) -> Path:
    """Return a folder below ``scratch`` with what is in ``packages``; raises :class:`Unavailable`."""
    if missing := [name for name in ("apt-get", "dpkg-deb") if shutil.which(name) is None]:
        raise Unavailable(f"{packages[0]} comes from Debian's package, and there is no {' and no '.join(missing)}")
    print(f"Fetching Debian's {' and '.join(packages)}", flush=True)
    unpacked = scratch / "unpacked"
    for archive in _download(packages, scratch):
        subprocess.run(["dpkg-deb", "--extract", archive, unpacked], check=True)
    return unpacked


def _download(packages: Sequence[str], scratch: Path) -> Sequence[Path]:
    """Return the archives; root asks anew what there is before it gives up."""
    download = ["apt-get", "-qq", "download", *packages]
    tried = subprocess.run(download, cwd=scratch, capture_output=True, text=True, check=False)
    if tried.returncode != 0 and os.geteuid() == 0:
        subprocess.run(["apt-get", "-qq", "update"], check=True)
        tried = subprocess.run(download, cwd=scratch, capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        mend = f"as root: apt-get update; or {debian.install_line(packages)}"
        raise Unavailable(f"{packages[0]} could not be had: {tried.stderr.strip()} ({mend})")
    return sorted(scratch.glob("*.deb"))
