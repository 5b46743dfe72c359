"""Kafka from its own jars: fetched once by Maven into ``.cache``, run by the Java of this machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
import uuid
from base64 import urlsafe_b64encode
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from tests.parts import debian
from tests.parts.child import Child
from tests.parts.kafka.contract import (
    POM,
    RealKafka,
    Unavailable,
    pinned_version,
    properties,
    sasl_listener,
    wait_until_it_answers,
)
from tests.parts.waiting import free_port

CACHE = Path(__file__).parents[3] / ".cache"
PACKAGES = {"java": "default-jre-headless", "mvn": "maven"}
"""The programs that this kind of Kafka needs, and the Debian packages that bring them."""

START_WITHIN = 60.0
STOP_GRACE = 20.0

LOGGING = ("defaultLogLevel=warn", "showDateTime=true", "dateTimeFormat=HH:mm:ss.SSS")


def libs() -> Path:
    """Return the folder of the jars, whether they are there or not."""
    return CACHE / f"kafka-{pinned_version()}" / "libs"


def fetch() -> None:
    """Fetch the jars unless they are there; raises :class:`Unavailable` when Maven cannot."""
    if libs().is_dir():
        return
    _have_programs()
    print(f"Fetching the jars of Kafka {pinned_version()} by Maven (54 MB)", flush=True)
    partial = libs().with_name(f"libs.partial-{os.getpid()}")
    try:
        _run_maven(partial)
        # A folder with its final name is a complete one; where another run was quicker, its folder stays.
        if not libs().is_dir():
            partial.rename(libs())
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _have_programs() -> None:
    if packages := debian.missing_packages(PACKAGES):
        raise Unavailable(f"its jars need {' and '.join(packages)} ({debian.install_line(packages)})")


def _run_maven(output: Path) -> None:
    goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={output}"]
    command = ["mvn", "--batch-mode", "--strict-checksums", "--file", str(POM), *goal]
    last: deque[str] = deque(maxlen=5)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as maven:
        for line in maven.stdout or ():
            last.append(line)
            if jar := re.search(r"Downloaded from .*/(\S+\.jar) ", line):
                print(f"  {jar[1]}", flush=True)
    if maven.returncode != 0:
        raise Unavailable(f"Maven could not fetch its jars: {''.join(last).strip()}")


def jars_kafka(folder: Path) -> RealKafka:
    """Start a broker from the jars, below ``folder``; raises :class:`Unavailable` without Java or the jars."""
    _have_programs()
    fetch()
    kafka = _JarsKafka(folder)
    try:
        kafka.start()
    except BaseException:
        kafka.close()
        raise
    return kafka


class _JarsKafka:
    kind = f"Apache Kafka {pinned_version()} from its jars"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._child: Child | None = None
        broker, controller = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
        self.bootstrap = broker
        self.sasl_bootstrap = f"127.0.0.1:{free_port()}"
        settings = properties(listeners=broker, advertised=broker, controller=controller, voters=controller)
        settings = sasl_listener(settings, self.sasl_bootstrap)
        settings["log.dirs"] = str(folder / "data")
        (folder / "server.properties").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        cluster = "k" + urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:].rstrip(
            "="
        )  # one that begins with - would be an option
        formatting = self._run("kafka.tools.StorageTool", "format", "-t", cluster, "-c", "server.properties")
        if status := formatting.wait(START_WITHIN):
            raise RuntimeError(f"StorageTool ended with {status}:\n{formatting.tail()}")

    def start(self) -> None:
        began = time.monotonic()
        self._child = self._run("kafka.Kafka", "server.properties")
        try:
            wait_until_it_answers(self.bootstrap, START_WITHIN)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; its log ends:\n{self._child.tail()}") from None
        print(f"Kafka is up after {time.monotonic() - began:.1f} s")

    def stop(self) -> None:
        if self._child is not None:
            self._child.end(STOP_GRACE)
            self._child = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self._folder / "data", ignore_errors=True)

    def _run(self, main: str, *arguments: str) -> Child:
        return Child(
            [*_java(), main, *arguments],
            env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8"},
            folder=self._folder,
            log=self._folder / "kafka.log",
        )


def _java() -> Sequence[str]:
    logging = [f"-Dorg.slf4j.simpleLogger.{option}" for option in LOGGING]
    return ["java", "-Xmx512m", "-XX:+UseSerialGC", *logging, "-cp", f"{libs()}/*"]
