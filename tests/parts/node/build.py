"""The programs of a node: the kubelet, built from the pinned sources into ``.cache`` (minutes, once), and what Debian brings."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.parts import debian

HERE = Path(__file__).parent
CACHE = HERE.parents[2] / ".cache"

PACKAGES = {"containerd": "containerd", "ctr": "containerd", "runc": "runc"}
MEND = "be root on Debian with Go, and run: make kubelet"


class NoNode(Exception):  # noqa: N818 -- the state of this machine, not a mistake
    """There can be no node here; the text says why."""


def kubernetes_version() -> str:
    """Return the version that ``kubelet/go.mod`` pins."""
    pinned = re.search(r"^require k8s\.io/kubernetes v(\S+)$", (HERE / "kubelet" / "go.mod").read_text("utf-8"), re.MULTILINE)
    if pinned is None:
        raise LookupError("kubelet/go.mod pins no k8s.io/kubernetes")
    return pinned[1]


def kubelet() -> Path:
    """Return where the kubelet is, whether it is there or not."""
    return CACHE / f"kubelet-{kubernetes_version()}" / "kubelet"


def pause() -> Path:
    """Return where the first process of pods is, whether it is there or not."""
    return kubelet().with_name("pause")


def check() -> None:
    """Raise :class:`NoNode` unless all that a node needs is here."""
    if os.geteuid() != 0 or sys.platform != "linux":
        raise NoNode("a kubelet runs as root on Linux only")
    if missing := sorted(set(debian.missing_packages(PACKAGES))):
        raise NoNode(f"a kubelet needs {' and '.join(missing)} ({debian.install_line(missing)})")
    if not (kubelet().is_file() and pause().is_file()):
        raise NoNode(f"the kubelet {kubernetes_version()} is not built yet")
    if any(name.read_text() == "kubelet\n" for name in Path("/proc").glob("[0-9]*/comm")):
        raise NoNode("another kubelet runs here: two would share folders that no setting moves")


def build() -> None:
    """Build the kubelet and the pause program unless they are there; raises :class:`NoNode` without Go."""
    if kubelet().is_file() and pause().is_file():
        return
    if debian.missing_packages({"go": "golang"}):
        raise NoNode("building a kubelet needs Go")
    kubelet().parent.mkdir(parents=True, exist_ok=True)
    print(f"Building the kubelet {kubernetes_version()} from its sources (some minutes, once)", flush=True)
    _go_build(HERE / "kubelet", "k8s.io/kubernetes/cmd/kubelet", kubelet())
    _go_build(HERE / "pause", "main.go", pause())


def _go_build(folder: Path, what: str, output: Path) -> None:
    """Build a static program; it gets its name when it is complete."""
    partial = output.with_suffix(".partial")
    named = f"-X k8s.io/component-base/version.gitVersion=v{kubernetes_version()}"
    command = [
        "go",
        "build",
        "-mod=readonly",
        "-trimpath",
        "-buildvcs=false",
        f"-ldflags=-s -w {named}",
        "-o",
        str(partial),
        what,
    ]
    subprocess.run(command, cwd=folder, check=True, env=os.environ | {"CGO_ENABLED": "0", "GOWORK": "off"})
    partial.rename(output)


def main() -> None:
    """Have everything that a node needs; says what this machine cannot have."""
    missing = sorted(set(debian.missing_packages(PACKAGES)))
    if missing and not debian.install(missing):
        return
    try:
        build()
        check()
    except NoNode as reason:
        print(f"kubelet: {reason}")
    else:
        print(f"kubelet {kubernetes_version()}: ready")


if __name__ == "__main__":
    main()
