"""A Docker engine for tests: the one that runs on this machine, else one of our own.

Our own is Debian's ``dockerd``, started as root. It keeps its images in ``.cache``, so that a second run finds them, and
leaves the machine's network alone: no bridge, no firewall rule, so what runs in it uses the network of this machine
(``network_mode="host"``). It ends with the test run, and its containers with it.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import docker
from docker.errors import APIError, BuildError, DockerException, ImageNotFound

from tests.parts import debian
from tests.parts.child import Child
from tests.parts.waiting import wait_for

CACHE = Path(__file__).parents[2] / ".cache"

PACKAGES = {"dockerd": "docker.io"}
"""The program of an engine of our own, and the Debian package that brings it."""

MEND = "start a Docker engine, or be root on Debian and run: python -m tests.parts"

DEFAULT_SOCKET = "/var/run/docker.sock"

ANSWERS_WITHIN = 60
"""Seconds without a word from the engine after which it is given up, also while it builds or pulls."""

UP_WITHIN = 60.0
STOP_GRACE = 30.0


class NoEngine(Exception):  # noqa: N818 -- the state of this machine, not a mistake
    """There is no Docker engine here, and none can be started; the text says why."""


def running_engine() -> str | None:
    """Return the address of the engine that runs on this machine (``DOCKER_HOST``, else the usual socket), or None."""
    if given := os.environ.get("DOCKER_HOST"):
        return given
    # Asked by hand: a client that finds nobody would leave its socket open.
    with socket.socket(socket.AF_UNIX) as knock, suppress(OSError):
        knock.connect(DEFAULT_SOCKET)
        return f"unix://{DEFAULT_SOCKET}"
    return None


def docker_engine() -> DockerEngine:
    """Return an engine that answers, to be closed; raises :class:`NoEngine` where this machine can have none."""
    if running := running_engine():
        return DockerEngine(running)
    if os.geteuid() != 0:
        raise NoEngine("no Docker engine answers, and only root can start one")
    if missing := debian.missing_packages(PACKAGES):
        raise NoEngine(f"no Docker engine answers, and there is no dockerd ({debian.install_line(missing)})")
    return _start_own()


class DockerEngine:
    """A running engine; a context manager. ``url`` is its address for other programs, ``client`` the way to use it."""

    def __init__(self, url: str, own: _Dockerd | None = None) -> None:
        self.url = url
        self._own = own
        try:
            self.client = docker.from_env(timeout=ANSWERS_WITHIN, environment=self.environ)
        except DockerException as error:
            raise NoEngine(f"the Docker engine at {url} does not answer ({error})") from error

    @property
    def environ(self) -> dict[str, str]:
        """The environment in which Docker's other programs find this engine."""
        return dict(os.environ) | {"DOCKER_HOST": self.url}

    @property
    def is_ours(self) -> bool:
        """Whether it was started for these tests."""
        return self._own is not None

    def has(self, image: str) -> bool:
        """Whether it has ``image``."""
        try:
            self.client.images.get(image)
        except ImageNotFound:
            return False
        return True

    def pull(self, image: str) -> bool:
        """Have ``image`` from its registry; False where that cannot be reached. An engine of our own does not ask."""
        if self.is_ours:
            return False
        print(f"Pulling {image}", flush=True)
        try:
            self.client.images.pull(image)
        except (APIError, OSError):
            return False
        return True

    def build(self, context: Path, tag: str, *, dockerfile: str = "Dockerfile", arguments: Mapping[str, str]) -> str:
        """Build an image without a network, and return its name; raises ``RuntimeError`` with the end of the output."""
        try:
            self.client.images.build(
                path=str(context),
                dockerfile=dockerfile,
                tag=tag,
                buildargs=dict(arguments),
                network_mode="none",
                rm=True,
                forcerm=True,
            )
        except BuildError as error:
            lines = [str(line.get("stream") or line.get("error") or "") for line in error.build_log]
            raise RuntimeError(f"{tag} was not built: {error}\n{''.join(lines[-40:])}") from error
        return tag

    def close(self) -> None:
        """Leave the engine; end it when it is ours."""
        self.client.close()
        if self._own is not None:
            self._own.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class _Dockerd:
    """A ``dockerd`` of our own, with its sockets in a short-lived folder and its images in ``.cache/docker``."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="dockerd-"))
        images = CACHE / "docker"
        images.mkdir(parents=True, exist_ok=True)
        self.socket = self._folder / "docker.sock"
        self._child = Child(
            [
                "dockerd",
                f"--host=unix://{self.socket}",
                f"--data-root={images}",
                f"--exec-root={self._folder / 'exec'}",
                # Beside the images: a second engine on them refuses to start, instead of waiting without a word.
                f"--pidfile={images}.pid",
                "--storage-driver=overlay2",
                "--bridge=none",
                "--iptables=false",
                "--ip6tables=false",
            ],
            env=os.environ,
            folder=self._folder,
            log=CACHE / "dockerd.log",
        )

    def wait_until_it_answers(self) -> None:
        def answers() -> bool:
            if not self._child.running:
                raise NoEngine(f"dockerd did not start; its log ends:\n{self._child.tail()}")
            with socket.socket(socket.AF_UNIX) as knock, suppress(OSError):  # not yet
                knock.connect(str(self.socket))
                return True
            return False

        wait_for(answers, "dockerd answers", UP_WITHIN)

    def close(self) -> None:
        self._child.end(STOP_GRACE)
        # It leaves the machine's own network mounted there, for the containers that use it.
        for left in (self._folder / "exec" / "netns").glob("*"):
            subprocess.run(["umount", left], check=True)
        shutil.rmtree(self._folder)


def _start_own() -> DockerEngine:
    own = _Dockerd()
    try:
        own.wait_until_it_answers()
        return DockerEngine(f"unix://{own.socket}", own)
    except BaseException:
        own.close()
        raise
