"""``python -m benchmarks.image``: how big the image is, and how long a container of it takes from its process's start to its first answer."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from http import HTTPStatus
from pathlib import Path

from benchmarks.table import machine
from tests.packaging.container import SidecarContainer
from tests.parts.base_image import base_image
from tests.parts.docker import DockerEngine, docker_engine
from tests.parts.environ import sidecar_environ
from tests.parts.image import sidecar_image
from tests.parts.waiting import free_port

STARTS = 9
LOOK_AGAIN = 0.002


def main() -> None:
    """Build the image, and print its size and the median of nine starts."""
    with docker_engine() as engine, tempfile.TemporaryDirectory(prefix="kafka-sidecar-image-") as folder:
        image = sidecar_image(engine)
        base = base_image(engine)
        whole, below = size(engine, image), size(engine, base)
        print(f"size: {whole:.0f} MB unpacked, of which {below:.0f} MB are the base {base}")
        starts = sorted(start(engine, image, Path(folder)) for _ in range(STARTS))
        print(f"start to /livez, {STARTS} times: median {statistics.median(starts):.2f} s, {starts[0]:.2f} to {starts[-1]:.2f} s")
    print(machine())


def size(engine: DockerEngine, image: str) -> float:
    """Return how many megabytes an image takes unpacked."""
    return float(engine.client.images.get(image).attrs["Size"] / 1e6)


def start(engine: DockerEngine, image: str, folder: Path) -> float:
    """Start a container whose Kafka is not there, and return the seconds from the start of its process to its first answer."""
    with SidecarContainer(engine, image, sidecar_environ(f"127.0.0.1:{free_port()}", "orders", "discard:"), folder) as sidecar:
        began = started(sidecar.child.pid)
        while True:
            try:
                code, _ = sidecar.get("/livez")
            except OSError:
                time.sleep(LOOK_AGAIN)
                continue
            if code == HTTPStatus.OK:
                return time.clock_gettime(time.CLOCK_BOOTTIME) - began


def started(pid: int) -> float:
    """Return when a process began, in seconds since the machine's start."""
    ticks = int(Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[19])
    return ticks / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
