"""A command of the sidecar, run to its end."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

SCRIPT = Path(sys.executable).with_name("kafka-sidecar")


class Ended(NamedTuple):
    """How a command ended: its exit status, and what it printed."""

    status: int
    out: str
    err: str


def command(*arguments: str, environ: Mapping[str, str] | None = None, program: tuple[str, ...] = (str(SCRIPT),)) -> Ended:
    """Run ``kafka-sidecar`` with ``arguments`` in exactly ``environ``; raises ``TimeoutExpired`` when it does not end by itself."""
    run = subprocess.run(
        [*program, *arguments],
        env={"PATH": os.environ["PATH"], "COLUMNS": "200", **(environ or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Ended(run.returncode, run.stdout, run.stderr)
