"""Runs the measured programs, each as a process of its own, and prepares what they consume."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import Producer

from benchmarks.meter import Reading, read
from benchmarks.table import ROOT
from tests.parts.topics import create_topic, fresh_name

PARTITIONS = 12
VALUE_BYTES = 256
LONGEST = 300.0
MOST_BYTES = 2**21
"""The largest batch that a producer sends."""


@dataclass(frozen=True, slots=True)
class Bench:
    """Where the measurements run, and of which tree: its ``folder`` with a ``python`` that has what it needs; this one if nothing else is said."""

    bootstrap: str
    folder: Path = ROOT
    python: str = sys.executable

    def bare(self, topic: str, *limits: str) -> Reading:
        """Measure the bare loop; ``limits`` are its arguments."""
        return self._run(
            ["benchmarks.bare", "--bootstrap", self.bootstrap, "--topic", topic, "--group", fresh_name("bare"), *limits]
        )

    def sidecar(self, topic: str, url: str, *limits: str, env: Mapping[str, str] | None = None) -> Reading:
        """Measure the sidecar with a writer for ``url``; ``env`` are further settings."""
        return self._run(["benchmarks.subject", *limits], self.settings(topic, url) | dict(env or {}))

    def rows(self, how: str, url: str, records: int, size: int) -> Reading:
        """Measure :mod:`benchmarks.rows`."""
        return self.program("rows", how, "--url", url, "--records", str(records), "--bytes", str(size))

    def program(self, name: str, *arguments: str) -> Reading:
        """Measure what a program of this package does, such as ``engine_alone``."""
        return self._run([f"benchmarks.{name}", *arguments])

    def settings(self, topic: str, url: str) -> dict[str, str]:
        """Return the five settings of a quick start, and any free port for the admin server."""
        return {
            "SIDECAR_TOPICS": topic,
            "SIDECAR_KAFKA__BOOTSTRAP_SERVERS": self.bootstrap,
            "SIDECAR_KAFKA__GROUP_ID": fresh_name("sidecar"),
            "SIDECAR_WRITER__URL": url,
            "SIDECAR_HTTP__LISTEN": "127.0.0.1:0",
        }

    def _run(self, module: list[str], env: Mapping[str, str] | None = None) -> Reading:
        done = subprocess.run(
            [self.python, "-m", *module],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(self.folder), **(env or {})},
            cwd=self.folder,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=LONGEST,
        )
        return read(done.stdout.splitlines()[-1])


def backlog(bootstrap: str, records: int, size: int = VALUE_BYTES, partitions: int = PARTITIONS) -> str:
    """Return a new topic with so many records: JSON values of ``size`` bytes, lz4, over all partitions."""
    topic = fresh_name("backlog")
    create_topic(bootstrap, topic, partitions)
    fill(bootstrap, topic, records, size, partitions)
    return topic


def fill(bootstrap: str, topic: str, records: int, size: int, partitions: int) -> None:
    """Put so many records into a topic, a hundred in a row for each partition."""
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "compression.type": "lz4",
            "linger.ms": 20,
            "batch.size": 262144,
            "message.max.bytes": MOST_BYTES,
        }
    )
    for number in range(records):
        while True:
            try:
                producer.produce(topic, value(number, size), b"%d" % number, partition=number // 100 % partitions)
                break
            except BufferError:
                producer.poll(0.1)
    producer.flush()


def value(number: int, size: int = VALUE_BYTES) -> bytes:
    """Return a JSON value of ``size`` bytes."""
    return (b'{"id":%d,"device":"sensor-%03d","text":"' % (number, number % 500)).ljust(size - 2, b"x") + b'"}'


@contextmanager
def steady(bootstrap: str, rate: int) -> Iterator[str]:
    """Run :mod:`benchmarks.steady`, a producer of ``rate`` records a second; give its topic, which is new."""
    topic = fresh_name("steady")
    create_topic(bootstrap, topic, PARTITIONS)
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.steady", bootstrap, topic, str(rate)], cwd=ROOT)
    try:
        yield topic
    finally:
        process.kill()
        process.wait()


@contextmanager
def counting_app(*arguments: str) -> Iterator[str]:
    """Run :mod:`benchmarks.counting_app`; give its URL."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.counting_app", *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None  # noqa: S101 -- it was asked for above
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/records"
        finally:
            process.kill()
