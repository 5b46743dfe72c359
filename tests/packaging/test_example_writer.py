"""A writer of somebody else's: the example is installed as users install it, and found by its entry point alone."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.parts.image import ROOT

EXAMPLE = ROOT / "examples" / "writer"
SETTINGS = {
    "SIDECAR_TOPICS": "orders",
    "SIDECAR_KAFKA__BOOTSTRAP_SERVERS": "localhost:9092",
    "SIDECAR_KAFKA__GROUP_ID": "billing",
    "SIDECAR_WRITER__URL": "tcp://store:7000",
    "SIDECAR_WRITER__TOKEN": "hunter2",
}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the example into a folder of its own; nothing is fetched for that."""
    sources = shutil.copytree(EXAMPLE, tmp_path_factory.mktemp("example") / "writer")
    folder = tmp_path_factory.mktemp("installed")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "install")
    run(*pip, "--no-build-isolation", "--no-deps", "--no-index", "--target", folder, sources)
    return folder


def run(*command: str | Path, folder: Path | None = None, **environ: str) -> str:
    done = subprocess.run(command, cwd=folder, env=os.environ | environ, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def sidecar(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-m", "sidecar", *arguments)
    return subprocess.run(command, env=os.environ | environ, capture_output=True, text=True, timeout=60, check=False)


def test_its_own_tests_pass_where_it_is_installed(installed: Path, tmp_path: Path) -> None:
    shutil.copy(EXAMPLE / "test_kafka_sidecar_tcp.py", tmp_path)
    told = run(sys.executable, "-W", "error", "-m", "pytest", "-q", folder=tmp_path, PYTHONPATH=str(installed))
    assert " passed" in told


def test_the_settings_know_its_scheme_and_hide_its_secret(installed: Path) -> None:
    done = sidecar("config", **SETTINGS, PYTHONPATH=str(installed))
    assert done.returncode == 0, done.stderr
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("SIDECAR_WRITER__TOKEN"))
    assert line.split() == ["SIDECAR_WRITER__TOKEN", "********", "environment"]


def test_the_document_shows_what_is_in_the_example() -> None:
    document = (ROOT / "docs" / "writers" / "your-own.md").read_text("utf-8")
    shown = re.findall(r"^```(?:toml|python)\n(.*?)^```", document, re.MULTILINE | re.DOTALL)
    sources = [(EXAMPLE / name).read_text("utf-8") for name in ("pyproject.toml", "kafka_sidecar_tcp.py")]
    assert len(shown) == 3
    assert [block for block in shown if not any(block in source for source in sources)] == []


def test_where_it_is_not_installed_its_scheme_is_unknown() -> None:
    done = sidecar("config", **SETTINGS)
    assert done.returncode == 2
    assert "SIDECAR_WRITER__URL: it names no known writer" in done.stderr
    assert "hunter2" not in done.stderr
