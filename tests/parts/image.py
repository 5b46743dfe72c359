"""The sidecar's image, built for tests from the Dockerfile as users build it, without a network: from a wheelhouse."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from tests.parts.base_image import base_image
from tests.parts.docker import DockerEngine

ROOT = Path(__file__).parents[2]
NAME = "local/kafka-sidecar:test"

WHEELHOUSE = ROOT / "requirements" / "wheelhouse"
"""Where the Dockerfile looks for wheels before it asks an index."""

LOCKS = ("run", "image")
PYTHON = "3.11"
"""The Python of the base image: its wheels are fetched, whichever Python runs the tests."""


def sidecar_image(engine: DockerEngine, run_base: str | None = None) -> str:
    """Build the image, on a base that ``engine`` has or on ``run_base``, and return its name; unchanged layers are kept."""
    base = base_image(engine)
    fill_wheelhouse()
    arguments = {
        "BUILD_BASE": base,
        "RUN_BASE": run_base or base,
        "PIP_NO_INDEX": "1",
        "VERSION": version("kafka-sidecar"),
        "REVISION": revision(),
    }
    return engine.build(ROOT, f"{NAME}-on-{run_base.rpartition('/')[2]}" if run_base else NAME, arguments=arguments)


def fill_wheelhouse() -> None:
    """Fetch the wheels that the lock files name, each checked by its hash; those that are there are not fetched again."""
    wanted = "".join((ROOT / "requirements" / f"{lock}.txt").read_text("utf-8") for lock in LOCKS)
    stamp = WHEELHOUSE / "filled-from.txt"
    if stamp.is_file() and stamp.read_text("utf-8") == wanted:
        return
    print("Filling requirements/wheelhouse", flush=True)
    for lock in LOCKS:
        subprocess.run(
            [
                *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--dest", WHEELHOUSE),
                *("--require-hashes", "--no-deps", "--only-binary", ":all:", "--python-version", PYTHON),
                *("--find-links", WHEELHOUSE, "--requirement", ROOT / "requirements" / f"{lock}.txt"),
            ],
            check=True,
        )
    stamp.write_text(wanted, "utf-8")


def revision() -> str:
    """Return the commit that is checked out; ``unknown`` in a copy without its history."""
    asked = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    return asked.stdout.strip() or "unknown"
