"""A containerd of our own, for a kubelet: its data in a folder of its own, and nothing of it left when it ends."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.parts.child import Child
from tests.parts.waiting import wait_for

NAMESPACE = "k8s.io"
"""The one that a kubelet's containers live in."""

PAUSE = "docker.io/local/pause:1"
UP_WITHIN = 60.0
STOP_GRACE = 20.0

CONFIG = """\
version = 2
root = "{folder}/root"
state = "{folder}/state"
disabled_plugins = ["io.containerd.internal.v1.opt"]

[grpc]
address = "{folder}/containerd.sock"

[debug]
level = "info"

[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{pause}"
restrict_oom_score_adj = true
"""


class Containerd:
    """Runs below ``folder`` (a short path: its socket is in it); a context manager."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "containerd.log"
        self.socket = folder / "containerd.sock"
        config = folder / "containerd.toml"
        config.write_text(CONFIG.format(folder=folder, pause=PAUSE))
        self._child = Child(["containerd", "--config", str(config)], env=os.environ, folder=folder, log=self.log)

    def wait_until_it_answers(self) -> None:
        """Return when it can be used."""

        def answers() -> bool:
            if not self._child.running:
                raise RuntimeError(f"containerd ended:\n{self._child.tail()}")
            return self.ctr("version", check=False).returncode == 0

        wait_for(answers, "containerd answers", UP_WITHIN)

    def ctr(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run its command line client."""
        command = ["ctr", "--address", str(self.socket), "--namespace", NAMESPACE, *arguments]
        return subprocess.run(command, check=check, capture_output=True, text=True, timeout=UP_WITHIN)

    def load(self, archive: Path) -> None:
        """Take the images of an archive (``docker save``)."""
        self.ctr("images", "import", str(archive))

    def runs(self, pod: str) -> bool:
        """Whether anything of a pod still runs, its first process included, which a kubelet ends last."""
        containers = self.ctr("containers", "list", "--quiet", f'labels."io.kubernetes.pod.name"=={pod}').stdout.split()
        return not self.tasks().isdisjoint(containers)

    def tasks(self) -> set[str]:
        """Return the ids of the containers that have a process."""
        return set(self.ctr("tasks", "list", "--quiet", check=False).stdout.split())

    def close(self) -> None:
        """End what still runs in it, then itself, and undo its mounts."""
        for task in self.tasks():
            self.ctr("tasks", "delete", "--force", task, check=False)
        self._child.end(STOP_GRACE)
        for pid in processes_that_name(str(self.folder)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        unmount_below(self.folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def processes_that_name(path: str) -> list[int]:
    """Return the processes whose command line names ``path``: the shims of a containerd, which outlive it."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with suppress(OSError):  # it ended
                words = (entry / "cmdline").read_bytes().split(b"\0")
                if any(word.startswith(path.encode() + b"/") for word in words):
                    found.append(int(entry.name))
    return found


def unmount_below(folder: Path) -> None:
    """Undo what is mounted below ``folder``, the innermost first."""
    mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for mount in sorted((mount for mount in mounts if mount.startswith(f"{folder}/")), key=len, reverse=True):
        subprocess.run(["umount", "--lazy", mount], check=False)
