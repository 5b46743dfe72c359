"""The reader of Compose files that ``docker compose`` itself is built on, for tests: built by Go into ``.cache``, once."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tests.parts.docker import CACHE
from tests.parts.kafka import Unavailable
from tests.parts.missing import part_missing

VERSION = "v2.10.1"
MODULE = "github.com/compose-spec/compose-go/v2/cmd"


def fetch_compose() -> Path:
    """Build the program unless it is there; raises Unavailable."""
    folder = CACHE / f"compose-go-{VERSION}"
    program = folder / "cmd"
    if program.is_file():
        return program
    if shutil.which("go") is None:
        raise Unavailable("reading Compose files needs Go (https://go.dev/doc/install)")
    print(f"Building compose-go {VERSION} (half a minute)", flush=True)
    env = dict(os.environ) | {"GOBIN": str(folder), "GOFLAGS": "-mod=mod"}
    built = subprocess.run(["go", "install", f"{MODULE}@{VERSION}"], env=env, capture_output=True, text=True, check=False)
    if built.returncode != 0:
        raise Unavailable(f"compose-go was not built: {built.stderr.strip()[-500:]}")
    return program


def read_compose(file: Path) -> Any:
    """Return what a Compose file means, as ``docker compose config`` has it; raises ``ValueError`` with what is wrong with it."""
    try:
        program = fetch_compose()
    except Unavailable as unavailable:
        part_missing(str(unavailable), "python -m tests.parts")
    read = subprocess.run(
        [program, "--format", "json", file], cwd=file.parent, env={}, capture_output=True, text=True, check=False
    )
    if read.returncode != 0:
        raise ValueError(f"{read.stdout}{read.stderr}".strip())
    return json.loads(read.stdout)
