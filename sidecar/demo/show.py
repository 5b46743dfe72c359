"""The show: starts an embedded broker, a producer with a spike, a slow application and the real process, tells what happens, and closes the books."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any, Protocol

from sidecar.demo.application import SlowApplication
from sidecar.demo.closing import Closing
from sidecar.demo.downstream import Downstream
from sidecar.demo.process import Sidecar, sidecar
from sidecar.demo.progress import Progress
from sidecar.demo.table import SqliteTable
from sidecar.demo.traffic import Shape, Traffic
from sidecar.kafka.embedded import EmbeddedBroker
from sidecar.runtime.loop import ExitStatus, StopRequest

TOPIC = "events"

DRAIN_TIMEOUT = 30
"""Seconds; longer than the slowest application works on a full buffer."""

CATCH_UP = 15.0
"""Seconds after the last record that the sidecar gets to catch up before the demonstration drains it."""

INTRODUCTION = """\
A producer writes {base:,} records/s to an embedded Kafka broker, {spike:,} records/s
between second {start:.0f} and {end:.0f}. {downstream}.
Between them runs the sidecar: room for {room:,} records, strategy {strategy}.
"""

ADDRESSES = """\
status   http://127.0.0.1:{port}/status
metrics  http://127.0.0.1:{port}/metrics
log      {log} (until the end)
"""

ROOM = 10_000

EVERY = 1.0
"""Seconds between two lines."""


class Producing(Protocol):
    """What produces the records."""

    def start(self) -> None:
        """Begin."""

    def stop(self) -> None:
        """Produce no more."""

    @property
    def is_over(self) -> bool:
        """Whether everything was produced."""


class Telling(Protocol):
    """What tells how things stand."""

    def header(self) -> None:
        """Print what comes before the lines."""

    def line(self, status: dict[str, Any]) -> None:
        """Print a line."""


def show(strategy: str, seconds_per_record: float, stop: StopRequest) -> int:
    """Run the demonstration with a slow application; return 0 when every record was accounted for."""
    able = f"{1 / seconds_per_record:,.0f} records/s at most" if seconds_per_record else "all of them"
    print(introduction(Shape(), strategy, f"The application takes {able}"))
    with tempfile.TemporaryDirectory(prefix="kafka-sidecar-demo-") as folder:
        return _run(SlowApplication(seconds_per_record), strategy, Path(folder), stop)


def show_table(stop: StopRequest) -> int:
    """Run the demonstration with a table of SQLite; return 0 when every record is in it once."""
    print(introduction(Shape(), "block", "They go into a table of SQLite, each exactly once"))
    with tempfile.TemporaryDirectory(prefix="kafka-sidecar-demo-") as folder:
        table = SqliteTable(Path(folder))
        status = _run(table, "block", Path(folder), stop)
        return status if table.duplicates == 0 else ExitStatus.FAILED


def _run(downstream: Downstream, strategy: str, folder: Path, stop: StopRequest) -> int:
    broker = EmbeddedBroker()
    broker.create_topic(TOPIC)
    downstream.start()
    try:
        with sidecar(environment(broker, downstream.settings, strategy), folder / "sidecar.log") as process:
            return _watch(process, Traffic(broker, TOPIC, Shape()), downstream, stop)
    finally:
        downstream.stop()


def introduction(shape: Shape, strategy: str, downstream: str) -> str:
    """Return what is going to be seen."""
    return INTRODUCTION.format(
        base=shape.base,
        spike=shape.spike,
        start=shape.spike_from,
        end=shape.spike_to,
        downstream=downstream,
        room=ROOM,
        strategy=strategy,
    )


def environment(broker: EmbeddedBroker, downstream: Mapping[str, str], strategy: str) -> dict[str, str]:
    """Return what a user would set. The room is small, so that the spike is seen.

    The embedded broker answers a fetch that finds nothing only after the whole wait, so the wait is short.
    """
    return {
        "SIDECAR_TOPICS": TOPIC,
        "SIDECAR_KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap,
        "SIDECAR_KAFKA__GROUP_ID": "demo",
        "SIDECAR_KAFKA__FETCH_WAIT_MAX_MS": "50",
        **downstream,
        "SIDECAR_BUFFER__MAX_MESSAGES": str(ROOM),
        "SIDECAR_FLUSH__MAX_BATCH": "1000",
        "SIDECAR_BUFFER__STRATEGY": strategy,
        "SIDECAR_DRAIN_TIMEOUT": f"{DRAIN_TIMEOUT}s",
        "SIDECAR_HTTP__LISTEN": "127.0.0.1:0",
        "SIDECAR_LOG__FORMAT": "json",
    }


def _watch(process: Sidecar, traffic: Traffic, downstream: Downstream, stop: StopRequest) -> int:
    follow(process, traffic, Progress(traffic, downstream), stop)
    print("\ndraining ...", flush=True)
    heard = stop.requested_at is not None and process.heard_the_terminal()
    exit_status = process.wait(DRAIN_TIMEOUT + 5) if heard else process.drain(DRAIN_TIMEOUT + 5)
    closing = Closing(traffic.produced, downstream.unique, downstream.duplicates, process.last_books(), downstream.name)
    return _close_books(closing, exit_status)


def follow(process: Sidecar, traffic: Producing, progress: Telling, stop: StopRequest) -> None:
    """Let records come once the sidecar has partitions, and tell how it goes, until it is caught up with them or somebody wants an end."""
    process.wait_until_up()
    print(ADDRESSES.format(port=process.port, log=process.log))
    print("joining the consumer group ...\n", flush=True)
    while stop.requested_at is None and not process.has_partitions():
        time.sleep(0.1)
    if stop.requested_at is None:
        traffic.start()
        _tell_until_caught_up(process, traffic, progress, stop)
        traffic.stop()


def _tell_until_caught_up(process: Sidecar, traffic: Producing, progress: Telling, stop: StopRequest) -> None:
    """Print a line a second until everything was taken, time is up, somebody wants an end, or the sidecar itself ended."""
    progress.header()
    told_at = time.monotonic()
    caught_up_by = float("inf")
    while time.monotonic() < caught_up_by:
        time.sleep(max(0.0, told_at + EVERY - time.monotonic()))
        if stop.requested_at is not None:
            return
        try:
            status = process.status()
        except (OSError, HTTPException):
            return
        told_at = time.monotonic()
        progress.line(status)
        if traffic.is_over and caught_up_by == float("inf"):
            caught_up_by = time.monotonic() + CATCH_UP
        if traffic.is_over and status["lag"]["records"] == 0:
            return


def _close_books(closing: Closing, exit_status: int) -> int:
    """Print the closing books; return 0 when they balance and nothing is missing."""
    names = {int(status): status.name.lower().replace("_", " ") for status in ExitStatus}
    print(f"the sidecar ended with status {exit_status} ({names.get(exit_status, 'killed')})\n")
    print(closing.text())
    return ExitStatus.DRAINED if closing.is_balanced and exit_status == ExitStatus.DRAINED else ExitStatus.FAILED
