"""The sidecar in its container, with as few rights as Kubernetes can leave it."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from docker.models.containers import Container

from tests.parts.docker import DockerEngine
from tests.parts.process import RunningSidecar
from tests.parts.waiting import free_port, wait_for

MEMORY = 256 * 1024 * 1024

RESTRICTED: Mapping[str, Any] = {
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges"],
    "mem_limit": MEMORY,
    "network_mode": "host",
}
"""A root file system that nobody can write, no capability, no way to get one, and a memory limit."""


class ContainerProgram:
    """A container as a program: what it prints is fetched into ``log`` when that is asked for."""

    def __init__(self, container: Container, log: Path) -> None:
        self._container = container
        self._log = log

    @property
    def log(self) -> Path:
        """The file with what it has printed so far."""
        self._log.write_bytes(self._container.logs())
        return self._log

    @property
    def pid(self) -> int:
        """The process id on this machine."""
        return int(self._state()["Pid"])

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return bool(self._state()["Running"])

    def send(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens when the container has ended."""
        if self.running:
            self._container.kill(number)

    def wait(self, within: float) -> int:
        """Return the exit status, or raise ``TimeoutError`` with the end of the log."""
        try:
            wait_for(lambda: not self.running, "the container ends", within)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; its log ends:\n{self.tail()}") from None
        return int(self._state()["ExitCode"])

    def end(self, grace: float) -> int:
        """Ask it to end, kill it after ``grace`` seconds (0: at once), remove it, and return the exit status."""
        self._container.stop(timeout=int(grace))
        status = int(self._state()["ExitCode"])
        self._container.remove()
        return status

    def tail(self, lines: int = 30) -> str:
        """Return the last lines of what it has printed."""
        return str(self._container.logs(tail=lines), "utf-8", "replace")

    def _state(self) -> Mapping[str, Any]:
        self._container.reload()
        state: Mapping[str, Any] = self._container.attrs["State"]
        return state


class SidecarContainer(RunningSidecar):
    """The image as it is, with the settings ``env`` and a free admin port; its memory number is the container's limit."""

    def __init__(self, engine: DockerEngine, image: str, env: Mapping[str, str], folder: Path) -> None:
        port = free_port()
        environ = {name: text for name, text in env.items() if name != "SIDECAR_MEMORY__LIMIT"}
        environ["SIDECAR_HTTP__LISTEN"] = f"127.0.0.1:{port}"
        container = engine.client.containers.run(image, detach=True, environment=environ, **RESTRICTED)
        super().__init__(ContainerProgram(container, folder / f"sidecar-{port}.log"), port)
