"""One memory number, kept: the real process below a limit of the real kernel, through an outage with a backlog that is eighty times as large."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

from tests.integration.data.stage import drain
from tests.parts.behaviour import Reply
from tests.parts.environ import sidecar_environ
from tests.parts.kafka import RealKafka
from tests.parts.memory_group import MemoryGroup, memory_group
from tests.parts.process import SidecarProcess, caught_up
from tests.parts.server import Server
from tests.parts.topics import Message, create_topic, fresh_name, produce
from tests.parts.waiting import free_port

MIB = 2**20
LIMIT = 128 * MIB
RECORDS = 10_000_000
FILLING = 200_000
"""Records that are there when the sidecar starts; the others come while the application is away."""

OUTAGE = 120.0
PARTITIONS = 200
LONG = 900.0
COMPRESSED = {"compression.type": "lz4", "message.max.bytes": "6000000"}
"""How the records are produced."""


class Counter:
    """An application that counts records."""

    def __init__(self) -> None:
        self.records = 0
        self._lock = threading.Lock()

    def __call__(self, headers: Mapping[str, str], _body: bytes) -> Reply:
        with self._lock:
            self.records += int(headers["sidecar-records"])
        return Reply(204)


def test_ten_to_one_compressed_records_of_200_partitions_pass_through_an_outage_within_the_limit(
    kafka: RealKafka, tmp_path: Path
) -> None:
    topic, port = fresh_name("backlog"), free_port()
    create_topic(kafka.bootstrap, topic, PARTITIONS)
    records = islice(compressible(1024), RECORDS)
    produce(kafka.bootstrap, topic, islice(records, FILLING), COMPRESSED)
    with memory_group(LIMIT) as group, below(group, kafka, topic, port, tmp_path) as sidecar:
        pressure = Pressure()
        sidecar.wait_status(pressure.lasts(0), "it is full, and the application away", LONG)
        produce(kafka.bootstrap, topic, records, COMPRESSED)
        sidecar.wait_status(pressure.lasts(OUTAGE), f"it is full, and the application away, for {OUTAGE:g} s", LONG)
        application = Counter()
        server = Server(port, application, Reply)
        try:
            sidecar.wait_status(
                lambda status: status["books"]["delivered"] >= RECORDS and caught_up(status), "all is delivered", LONG
            )
            resident = most_resident(sidecar)
            books = drain(sidecar)
        finally:
            server.close()
        report(group, resident)
        assert (books["delivered"], group.kills) == (RECORDS, 0)
        assert application.records >= RECORDS
        assert group.peak is None or group.peak <= LIMIT


def test_records_of_5_mb_pass_within_the_limit(kafka: RealKafka, tmp_path: Path) -> None:
    topic, port, application, large = fresh_name("large"), free_port(), Counter(), 5_000_000
    create_topic(kafka.bootstrap, topic, 4, {"max.message.bytes": "6000000"})
    some = islice(compressible(large), 60)
    produce(kafka.bootstrap, topic, (message._replace(partition=number % 4) for number, message in enumerate(some)), COMPRESSED)
    server = Server(port, application, Reply)
    try:
        with memory_group(2 * LIMIT) as group, below(group, kafka, topic, port, tmp_path) as sidecar:
            sidecar.wait_status(lambda status: status["books"]["delivered"] >= 60 and caught_up(status), "all is delivered", LONG)
            resident = most_resident(sidecar)
            books = drain(sidecar)
            report(group, resident)
            assert (books["delivered"], group.kills) == (60, 0)
            assert group.peak is None or group.peak <= 2 * LIMIT
    finally:
        server.close()


def compressible(size: int) -> Iterator[Message]:
    """Yield records of ``size`` bytes that lz4 makes about ten times smaller, over all partitions."""
    random = Random(1)
    texts = [random.randbytes(size // 24).hex().encode() for _ in range(64)]
    number = 0
    while True:
        head = b'{"id":%d,"text":"' % number
        text = texts[number % 64]
        yield Message(head + (text * 13)[: size - len(head) - 2] + b'"}', partition=number // 50 % PARTITIONS)
        number += 1


def below(group: MemoryGroup, kafka: RealKafka, topic: str, port: int, folder: Path) -> SidecarProcess:
    """Start the sidecar in the group. Its memory number is the group's: nothing else is said."""
    environ = sidecar_environ(kafka.bootstrap, topic, f"http://127.0.0.1:{port}/records", WRITER__BODY="values")
    del environ["SIDECAR_MEMORY__LIMIT"]
    return SidecarProcess(environ, folder, group.prefix)


class Pressure:
    """Since when a sidecar has been under pressure, by the statuses that were looked at."""

    def __init__(self) -> None:
        self._seen: list[float] = []

    def lasts(self, seconds: float) -> Callable[[Any], bool]:
        """Return a condition that holds once it has been for so long."""

        def holds(status: Any) -> bool:
            if status["state"] in ("critical", "blocked") or status["breaker"]["state"] != "closed":
                self._seen.append(time.monotonic())
            return bool(self._seen) and self._seen[-1] - self._seen[0] >= seconds

        return holds


def most_resident(sidecar: SidecarProcess) -> int:
    """Return the largest resident memory that the process had, in bytes."""
    lines = Path(f"/proc/{sidecar.child.pid}/status").read_text().splitlines()
    [peak] = [line.split()[1] for line in lines if line.startswith("VmHWM")]
    return int(peak) * 1024


def report(group: MemoryGroup, resident: int) -> None:
    """Say what was reached, for who looks. Resident are also pages of libraries that other processes have in memory: those are charged to whoever came first."""
    charged = "unknown" if group.peak is None else f"{group.peak / MIB:.0f} MiB"
    print(f"largest resident memory {resident / MIB:.0f} MiB; charged to the group, files included: {charged}")  # noqa: T201 -- the figures of the proof
