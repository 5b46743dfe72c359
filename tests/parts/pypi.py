"""Packages of PyPI that tests need beside their environment: unpacked into a folder of their own, compared with what was pinned."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.parts.kafka import Unavailable


@dataclass(frozen=True, slots=True)
class PypiPackage:
    """A package at one version, and the SHA-256 of its wheel."""

    name: str
    version: str
    sha256: str


def fetch_pypi(package: PypiPackage, folder: Path) -> None:
    """Have the package's modules in ``folder``, unless they are there; raises :class:`Unavailable` when pip cannot."""
    if folder.is_dir():
        return
    print(f"Fetching {package.name} {package.version} by pip", flush=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    waiting = folder.with_name(f"{folder.name}.partial-{os.getpid()}")
    wanted = waiting.with_suffix(".txt")
    wanted.write_text(f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n", encoding="utf-8")
    quiet = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-compile", "--only-binary", ":all:"]
    command = [sys.executable, "-m", "pip", "install", *quiet, "--require-hashes", "--target", str(waiting), "-r", str(wanted)]
    try:
        installed = subprocess.run(command, capture_output=True, text=True, check=False)
        if installed.returncode != 0:
            raise Unavailable(f"pip could not fetch {package.name} {package.version}: {installed.stderr.strip()}")
        if not folder.is_dir():  # another run was quicker: its folder stays
            waiting.rename(folder)
    finally:
        wanted.unlink()
        shutil.rmtree(waiting, ignore_errors=True)
