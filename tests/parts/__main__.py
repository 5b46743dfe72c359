"""``python -m tests.parts``: have everything that the tests need, telling what takes time. A second run finds it all there.

A part that this machine cannot have is told, with its mend, and is no failure here: the tests that need it say so by name.
"""

from __future__ import annotations

from tests.parts import base_image, debian, docker
from tests.parts.docker import NoEngine
from tests.parts.kafka import Unavailable, image, jars
from tests.parts.kafka.contract import pinned_version


def main() -> None:
    """Prepare each part, with the Debian packages that it needs."""
    _kafka()
    _docker()


def _kafka() -> None:
    missing = debian.missing_packages(jars.PACKAGES)
    if missing and not debian.install(missing):
        return
    try:
        jars.fetch()
    except Unavailable as unavailable:
        print(f"Kafka {pinned_version()}: {unavailable}")
    else:
        print(f"Kafka {pinned_version()}: ready")


def _docker() -> None:
    """Have a Docker engine, and what images are made of where they cannot be pulled; an engine that runs is left as it is."""
    if running := docker.running_engine():
        print(f"Docker: the engine at {running}")
        return
    missing = debian.missing_packages(docker.PACKAGES | base_image.PACKAGES | image.PACKAGES)
    if missing and not debian.install(missing):
        return
    try:
        base_image.make()
    except NoEngine as unavailable:
        print(f"Docker: {unavailable}")
    else:
        print("Docker: ready")


if __name__ == "__main__":
    main()
