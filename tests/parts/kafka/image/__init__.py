"""The image of Kafka for engines that cannot pull ``apache/kafka``: made from the jars, a Java by ``jlink``, and the base image."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.parts import debian
from tests.parts.base_image import base_image
from tests.parts.docker import DockerEngine
from tests.parts.kafka import jars
from tests.parts.kafka.contract import Unavailable, pinned_version

HERE = Path(__file__).parent

PACKAGES = {"jlink": "default-jdk-headless"}

MODULES = (
    "java.base",
    "java.desktop",
    "java.logging",
    "java.management",
    "java.naming",
    "java.security.jgss",
    "java.security.sasl",
    "java.sql",
    "jdk.management",
    "jdk.security.auth",
    "jdk.unsupported",
)
"""The modules of Java that a broker loads."""


def local_image() -> str:
    """Return the name of the image, whether it is there or not; another recipe is another image."""
    recipe = b"".join((HERE / name).read_bytes() for name in ("Dockerfile", "start.py", "__init__.py"))
    return f"local/kafka:{pinned_version()}-{hashlib.sha256(recipe).hexdigest()[:8]}"


def make_image(engine: DockerEngine) -> str:
    """Have ``engine`` hold the image, and return its name; raises :class:`Unavailable` without Java's ``jlink`` or the jars."""
    name = local_image()
    if engine.has(name):
        return name
    if missing := debian.missing_packages(PACKAGES):
        raise Unavailable(f"its image needs {' and '.join(missing)} ({debian.install_line(missing)})")
    jars.fetch()
    base = base_image(engine)
    print(f"Building {name}", flush=True)
    with tempfile.TemporaryDirectory(prefix="kafka-image-") as folder:
        context = Path(folder)
        _link_java(context / "java")
        shutil.copytree(jars.libs(), context / "libs")
        shutil.copy(HERE / "start.py", context)
        shutil.copy(HERE / "Dockerfile", context)
        return engine.build(context, name, arguments={"BASE": base})


def _link_java(output: Path) -> None:
    options = ["--strip-debug", "--no-header-files", "--no-man-pages", "--compress=2"]
    subprocess.run(["jlink", *options, "--add-modules", ",".join(MODULES), "--output", output], check=True)
