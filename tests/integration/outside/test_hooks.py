"""What docs/DEPLOY.md tells an application to run as its preStop hook works as it stands there: without a token, over loopback."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.parts.environ import sidecar_environ
from tests.parts.missing import part_missing
from tests.parts.process import SidecarProcess
from tests.parts.waiting import free_port

DEPLOY = Path(__file__).parents[3] / "docs" / "DEPLOY.md"
HOOKS = [
    yaml.safe_load(line)["lifecycle"]["preStop"]["exec"]["command"]
    for line in re.findall(r"^lifecycle: \{preStop: \{exec: .*$", DEPLOY.read_text(encoding="utf-8"), re.MULTILINE)
]

GUARDED = {"HTTP__TOKEN": "a-token-that-no-hook-knows"}


def test_there_is_one_for_each_program_that_an_image_is_likely_to_have() -> None:
    assert [hook[0] for hook in HOOKS] == ["curl", "wget", "python", "node"]


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: str(hook[0]))
def test_an_applications_hook_quiesces_the_sidecar_and_waits_until_it_has(hook: list[str], tmp_path: Path) -> None:
    program = shutil.which(hook[0]) or shutil.which(f"{hook[0]}3")
    if program is None:
        part_missing(f"there is no {hook[0]}", f"install {hook[0]}")
    environ = sidecar_environ(f"127.0.0.1:{free_port()}", "orders", "discard:", **GUARDED)
    with SidecarProcess(environ, tmp_path) as sidecar:
        sidecar.wait_status(lambda status: status["phase"] == "joining", "it has started")
        arguments = [part.replace("9877", str(sidecar.port)) for part in hook[1:]]
        ended = subprocess.run(
            [program, *arguments], env={"PATH": os.environ["PATH"]}, capture_output=True, timeout=60, check=False
        )
        assert (ended.returncode, ended.stderr) == (0, b"")
        assert sidecar.get("/status")[1]["holds"] == {"quiesce": "/drain"}
