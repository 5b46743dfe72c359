"""Programs that Debian packages bring: installed when this is root on Debian, else named with the line that brings them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence


def missing_packages(package_of: Mapping[str, str]) -> list[str]:
    """Return the packages (``package_of`` maps program to package) whose programs are not on the PATH."""
    return [package for program, package in package_of.items() if shutil.which(program) is None]


def install_line(packages: Sequence[str]) -> str:
    """Return the command for people that installs ``packages``."""
    return f"apt-get install {' '.join(packages)}"


def install(packages: Sequence[str]) -> bool:
    """Install ``packages`` when this is root on Debian; otherwise say how to, and return False."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        print(f"Not installed, since this is not root on Debian. To have them: {install_line(packages)}")
        return False
    print(f"Installing Debian packages: {' '.join(packages)}", flush=True)
    quiet = ["apt-get", "-qq", "-o=Dpkg::Use-Pty=0"]
    # On run level 1 no package starts the service that it brings: tests start what they need.
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    subprocess.run([*quiet, "update"], check=True, env=env)
    subprocess.run([*quiet, "install", "--yes", "--no-install-recommends", *packages], check=True, env=env)
    return True
