"""Kafka in a container, by testcontainers: where a Docker engine answers and has the image, or can pull it.

It uses the network of the machine, as an engine of our own has no other (:mod:`tests.parts.docker`).
"""

from __future__ import annotations

from pathlib import Path

from docker.errors import DockerException
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.exceptions import ContainerStartException

from tests.parts.docker import DockerEngine, NoEngine, running_engine
from tests.parts.kafka.contract import RealKafka, Unavailable, pinned_version, properties, wait_until_it_answers
from tests.parts.kafka.image import local_image
from tests.parts.waiting import free_port

PULLED = f"apache/kafka:{pinned_version()}"
UP_WITHIN = 60.0
STOP_GRACE = 20

# Its reaper is a container from one more image, to be pulled. What is started here is ended here.
testcontainers_config.ryuk_disabled = True


def container_kafka(_folder: Path) -> RealKafka:
    """Start a container; raises :class:`Unavailable` without a running engine or an image, or when it does not come up."""
    running = running_engine()
    if running is None:
        raise Unavailable("no Docker engine answers")
    try:
        with DockerEngine(running) as engine:
            return ContainerKafka(engine, _image(engine))
    except (NoEngine, DockerException, ContainerStartException, OSError) as error:
        raise Unavailable(f"the container did not start ({_first_line(error)})") from error


def _image(engine: DockerEngine) -> str:
    for name in (PULLED, local_image()):
        if engine.has(name):
            return name
    if engine.pull(PULLED):
        return PULLED
    raise Unavailable(f"the image {PULLED} is not here and cannot be pulled")


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__


class ContainerKafka:
    """A broker in a container of ``image``: Kafka's own, or one that takes its settings in the same way."""

    sasl_bootstrap = None

    def __init__(self, engine: DockerEngine, image: str) -> None:
        self.kind = f"{image} by testcontainers"
        self.bootstrap, controller = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
        settings = properties(listeners=self.bootstrap, advertised=self.bootstrap, controller=controller, voters=controller)
        self._container = DockerContainer(image, docker_client_kw={"environment": engine.environ})
        self._container.with_kwargs(network="host")
        for name, value in settings.items():
            self._container.with_env(f"KAFKA_{name.replace('.', '_').upper()}", value)
        self._container.with_env("KAFKA_HEAP_OPTS", "-Xmx512m")
        try:
            self._container.start()
            self._wait_until_it_answers()
        except BaseException:
            self.close()
            raise

    def start(self) -> None:
        """Start it again after :meth:`stop`, with all its records."""
        self._container.get_wrapped_container().start()
        self._wait_until_it_answers()

    def stop(self) -> None:
        """Take it down; its data stay in the container."""
        self._container.get_wrapped_container().stop(timeout=STOP_GRACE)

    def restart(self) -> None:
        """Stop, then start."""
        self.stop()
        self.start()

    def close(self) -> None:
        """Remove the container."""
        self._container.stop()

    def _wait_until_it_answers(self) -> None:
        try:
            wait_until_it_answers(self.bootstrap, UP_WITHIN)
        except TimeoutError as error:
            log = self._container.get_wrapped_container().logs(tail=30).decode(errors="replace")
            raise TimeoutError(f"{error}; its log ends:\n{log}") from None
