from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.parts.image import ROOT

PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(*PIP, "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def venv(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an environment of nothing but the wheel and what it is locked to."""
    folder = tmp_path_factory.mktemp("installed") / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    install = (*PIP, "--python", folder / "bin" / "python", "install", "--quiet", "--no-deps")
    run(*install, "--require-hashes", "--requirement", ROOT / "requirements" / "run.txt")
    run(*install, wheel)
    return folder


def run(*command: str | Path, folder: Path | None = None) -> str:
    """Run a command in an environment that knows nothing of the sources, and return what it prints."""
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, f"{command}: {ended.stdout}{ended.stderr}"
    return ended.stdout


def test_the_wheel_holds_every_file_of_the_package_and_nothing_else(wheel: Path) -> None:
    sources = {str(path.relative_to(ROOT)) for path in (ROOT / "sidecar").rglob("*") if path.is_file() and path.suffix != ".pyc"}
    with ZipFile(wheel) as held:
        assert {name for name in held.namelist() if ".dist-info/" not in name} == sources


def test_the_command_works_without_the_sources(venv: Path, tmp_path: Path) -> None:
    command = venv / "bin" / "kafka-sidecar"
    assert run(command, "--version", folder=tmp_path) == f"kafka-sidecar {version('kafka-sidecar')}\n"
    assert "SIDECAR_WRITER__URL" in run(command, "--help", folder=tmp_path)


def test_the_in_process_api_works_without_the_sources(venv: Path, tmp_path: Path) -> None:
    told = run(
        venv / "bin" / "python", "-c", "from sidecar import BackpressureController as it; print(it.__module__)", folder=tmp_path
    )
    assert told.startswith("sidecar.")


def test_what_the_lock_file_names_is_all_that_it_needs(venv: Path) -> None:
    assert "No broken requirements found" in run(*PIP, "--python", venv / "bin" / "python", "check")
