"""The base of the images that tests build: Debian 12 with Python 3.11, as ``python:3.11-slim-bookworm`` has it.

Where that image is at hand or can be pulled it is taken. Where not, as on a machine without a registry, Debian's
``debootstrap`` makes one of its packages, once: it is kept in ``.cache`` and imported as ``local/python-base``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.parts import debian
from tests.parts.docker import CACHE, DockerEngine, NoEngine

PULLED = "python:3.11-slim-bookworm"
MADE = "local/python-base"

CODENAME = "bookworm"
WITH = "python3,python3-venv,ca-certificates"

PACKAGES = {"debootstrap": "debootstrap"}

NOT_NEEDED = ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/man", "usr/share/locale", "var/log")
"""What an image of Debian leaves out, too."""


def archive() -> Path:
    """Return where the base is kept, whether it is there or not."""
    return CACHE / f"python-base-{CODENAME}.tar"


def base_image(engine: DockerEngine) -> str:
    """Return the name of a base that ``engine`` has; raises :class:`NoEngine` where it can have none."""
    for name in (PULLED, MADE):
        if engine.has(name):
            return name
    if engine.pull(PULLED):
        return PULLED
    make()
    engine.client.api.import_image_from_file(str(archive()), repository=MADE, tag="latest")
    return MADE


def make() -> None:
    """Make the base unless it is there: a minute."""
    if archive().is_file():
        return
    if os.geteuid() != 0:
        raise NoEngine(f"the image {PULLED} cannot be pulled, and only root can make one like it")
    if missing := debian.missing_packages(PACKAGES):
        raise NoEngine(f"the image {PULLED} cannot be pulled, and there is no debootstrap ({debian.install_line(missing)})")
    print("Making a base image of Debian's packages (a minute)", flush=True)
    CACHE.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="python-base-", dir=CACHE))
    try:
        _make_in(folder)
    finally:
        shutil.rmtree(folder)


def _make_in(folder: Path) -> None:
    root = folder / "root"
    log = CACHE / "debootstrap.log"
    with log.open("w") as output:
        ended = subprocess.run(
            ["debootstrap", "--variant=minbase", f"--include={WITH}", CODENAME, str(root), *_mirror()],
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if ended.returncode != 0:
        raise NoEngine(f"debootstrap ended with {ended.returncode}; its log ends:\n{log.read_text('utf-8')[-2000:]}")
    for path in NOT_NEEDED:
        shutil.rmtree(root / path)
        (root / path).mkdir()
    partial = folder / "base.tar"
    subprocess.run(["tar", "--numeric-owner", "-C", root, "-cf", partial, "."], check=True)
    partial.rename(archive())


def _mirror() -> list[str]:
    """Return the mirror that apt uses here for that release; nothing, for debootstrap's own, where it uses none."""
    asked = ["apt-get", "indextargets", "--format=$(REPO_URI)", "Created-By: Packages", f"Codename: {CODENAME}"]
    told = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.split()
    return told[:1]
