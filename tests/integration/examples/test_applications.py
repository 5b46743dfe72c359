from __future__ import annotations

import json
import os
import shutil
import socket
import struct
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from tests.integration.lifecycle.scene import LONG, drain
from tests.parts.child import Child
from tests.parts.environ import sidecar_environ
from tests.parts.kafka import RealKafka
from tests.parts.missing import part_missing
from tests.parts.process import SidecarProcess
from tests.parts.progress import wait_committed
from tests.parts.topics import Message, create_topic, fresh_name, log_ends, produce
from tests.parts.waiting import free_port, wait_for

EXAMPLES = Path(__file__).parents[3] / "examples"
ORDERS = 2_000
QUICK_SESSION = {"KAFKA__SESSION_TIMEOUT_MS": "1500", "KAFKA__HEARTBEAT_INTERVAL_MS": "500"}
"""With it the group soon notices a sidecar that crashed; one that is only late on a busy machine would lose its partitions."""


class Example:
    """An application of examples/ that runs, and the sidecars that are started beside it."""

    def __init__(self, kafka: RealKafka, port: int, folder: Path) -> None:
        self.kafka = kafka
        self.topic = fresh_name("orders")
        self.group = fresh_name("billing")
        self._port = port
        self._folder = folder

    def sidecar(self, **settings: str) -> SidecarProcess:
        url = f"http://127.0.0.1:{self._port}/records"
        environ = sidecar_environ(self.kafka.bootstrap, self.topic, url, KAFKA__GROUP_ID=self.group, **settings)
        return SidecarProcess(environ, self._folder)

    def get(self, path: str) -> Any:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=LONG)
        try:
            connection.request("GET", path)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def break_off(self) -> None:
        """Begin a request, and reset its connection in the middle, as the end of a process that was killed does."""
        with socket.create_connection(("127.0.0.1", self._port)) as connection:
            connection.sendall(b'POST /records HTTP/1.1\r\nHost: app\r\nContent-Length: 1000\r\n\r\n{"topic"')
            self.get("/healthz")  # by now it has read the beginning
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def healthy(self) -> bool:
        try:
            return bool(self.get("/healthz")["healthy"])
        except ConnectionError:
            return False

    def wait_committed(self) -> None:
        wait_committed(self.kafka.bootstrap, self.group, self.topic, LONG)


@contextmanager
def running(command: Sequence[str], folder: Path, **environ: str) -> Iterator[Child]:
    child = Child(command, env={"PATH": os.environ["PATH"], **environ}, folder=folder, log=folder / "example.log")
    try:
        yield child
    finally:
        child.end(grace=0)


@pytest.fixture(params=["python", "node"])
def example(request: pytest.FixtureRequest, kafka: RealKafka, tmp_path: Path) -> Iterator[Example]:
    port = free_port()
    with running(command_of(request.param), tmp_path, PORT=str(port)) as child:
        it = Example(kafka, port, tmp_path)
        wait_for(it.healthy, "the application answers", LONG)
        yield it
        child.end(grace=LONG)


def command_of(language: str) -> Sequence[str]:
    if language == "python":
        return [sys.executable, str(EXAMPLES / "python" / "app.py")]
    node = shutil.which("node")
    if node is None:
        part_missing("there is no node", "apt-get install nodejs")
    return [node, str(EXAMPLES / "node" / "app.js")]


def test_each_order_counts_once_also_when_the_sidecar_crashes(example: Example) -> None:
    create_topic(example.kafka.bootstrap, example.topic, partitions=3)
    orders = [(f"c-{number % 7}", number % 50 + 1) for number in range(ORDERS)]
    lines = [json.dumps({"customer": customer, "total": total}).encode() for customer, total in orders]
    produce(example.kafka.bootstrap, example.topic, (Message(line, partition=n % 3) for n, line in enumerate(lines)))
    with example.sidecar(FLUSH__MAX_BATCH="50", **QUICK_SESSION) as first:
        wait_for(lambda: example.get("/"), "some orders have arrived", LONG)
        first.sigkill()
    with example.sidecar() as second:
        example.wait_committed()
        drain(second)
    sums: Counter[str] = Counter()
    for customer, total in orders:
        sums[customer] += total
    assert example.get("/") == sums


def test_a_request_that_breaks_off_takes_nothing_and_ends_nothing(example: Example) -> None:
    example.break_off()
    wait_for(example.healthy, "the application still answers", LONG)
    assert example.get("/") == {}


def test_what_is_not_an_order_is_refused_by_name_and_the_others_are_taken(example: Example) -> None:
    create_topic(example.kafka.bootstrap, example.topic)
    values = [b'{"customer": "c-1", "total": 5}', b"not JSON", b'{"customer": "c-1"}', None, b'{"customer": "c-1", "total": 1.5}']
    produce(example.kafka.bootstrap, example.topic, map(Message, values))
    with example.sidecar(ON_POISON="drop") as sidecar:
        example.wait_committed()
        sidecar.wait_status(lambda status: status["books"]["dropped"].get("poison") == 3, "three are dropped")
        drain(sidecar)
    assert example.get("/") == {"c-1": 6.5}


def test_the_producer_makes_its_topic_and_orders_that_the_application_takes(example: Example, tmp_path: Path) -> None:
    script = [sys.executable, str(EXAMPLES / "produce.py")]
    with running(script, tmp_path, KAFKA=example.kafka.bootstrap, TOPIC=example.topic) as producer, example.sidecar() as sidecar:
        wait_for(lambda: len(example.get("/")) == 10, "orders of all ten customers have arrived", LONG)
        assert producer.end(grace=LONG) == 0
        example.wait_committed()
        ends = sum(log_ends(example.kafka.bootstrap, example.topic).values())
        sidecar.wait_status(lambda status: status["books"]["delivered"] == ends, "each order is delivered once")
        drain(sidecar)
