"""Kafka in a container, by testcontainers: where a Docker engine answers and has the image, or can pull it."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import docker
from docker.errors import DockerException, ImageNotFound
from testcontainers.core.container import DockerContainer
from testcontainers.core.exceptions import ContainerStartException

from tests.parts.kafka.contract import RealKafka, Unavailable, pinned_version, properties, wait_until_it_answers
from tests.parts.waiting import free_port

REPOSITORY = "apache/kafka"
ENGINE_ANSWERS_WITHIN = 60
"""Seconds without a word from the engine, also while it pulls, after which it is given up."""

UP_WITHIN = 60.0

DEFAULT_ENGINE = "/var/run/docker.sock"

CONTROLLER_PORT = 29093
"""Inside of the container."""


def container_kafka(_folder: Path) -> RealKafka:
    """Start a container; raises :class:`Unavailable` without an engine or image, or when it does not come up."""
    image = f"{REPOSITORY}:{pinned_version()}"
    _have_image(image)
    try:
        return _ContainerKafka(image, free_port())
    except (DockerException, ContainerStartException, OSError) as error:
        raise Unavailable(f"the container did not start ({_first_line(error)})") from error


def _have_image(image: str) -> None:
    try:
        _knock()
        engine = docker.from_env(timeout=ENGINE_ANSWERS_WITHIN)
    except (DockerException, OSError) as error:
        raise Unavailable("no Docker engine answers") from error
    try:
        _find_or_pull(engine, image)
    except (DockerException, OSError) as error:
        raise Unavailable(f"the image {image} is not here and cannot be pulled ({_first_line(error)})") from error
    finally:
        engine.close()


def _knock() -> None:
    """Raise ``OSError`` when nobody listens where the engine does by default: its client would leave a socket open."""
    if "DOCKER_HOST" not in os.environ:
        with socket.socket(socket.AF_UNIX) as knock:
            knock.connect(DEFAULT_ENGINE)


def _find_or_pull(engine: docker.DockerClient, image: str) -> None:
    try:
        engine.images.get(image)
    except ImageNotFound:
        print(f"Pulling {image}", flush=True)
        engine.images.pull(image)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__


class _ContainerKafka:
    kind = "testcontainers"
    sasl_bootstrap = None

    def __init__(self, image: str, port: int) -> None:
        # The port on this machine is chosen here, not by the engine: it must be the same after a restart.
        self.bootstrap = f"127.0.0.1:{port}"
        controller = f"localhost:{CONTROLLER_PORT}"
        settings = properties(listeners=f"0.0.0.0:{port}", advertised=self.bootstrap, controller=controller, voters=controller)
        self._container = DockerContainer(image).with_bind_ports(port, port)
        for name, value in settings.items():
            self._container.with_env(f"KAFKA_{name.replace('.', '_').upper()}", value)
        self._container.with_env("KAFKA_HEAP_OPTS", "-Xmx512m")
        try:
            self._container.start()
            wait_until_it_answers(self.bootstrap, UP_WITHIN)
        except BaseException:
            self.close()
            raise

    def start(self) -> None:
        self._container.get_wrapped_container().start()
        wait_until_it_answers(self.bootstrap, UP_WITHIN)

    def stop(self) -> None:
        self._container.get_wrapped_container().stop(timeout=20)

    def restart(self) -> None:
        self.stop()
        self.start()

    def close(self) -> None:
        self._container.stop()
