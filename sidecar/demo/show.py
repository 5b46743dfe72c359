"""The show: starts an embedded broker, a producer with a spike, a slow application and the real process, tells what happens, and closes the books."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from sidecar.demo.application import SlowApplication
from sidecar.demo.process import Sidecar, sidecar
from sidecar.demo.progress import Progress
from sidecar.demo.traffic import Shape, Traffic
from sidecar.kafka.embedded import EmbeddedBroker
from sidecar.runtime.loop import ExitStatus, StopRequest

TOPIC = "events"
DRAIN_TIMEOUT = 20
CATCH_UP = 30.0
"""Seconds after the last record that the sidecar gets to catch up before the demonstration drains it."""

INTRODUCTION = """\
A producer writes {base:,} records/s to an embedded Kafka broker, and {spike:,} records/s between second {start:.0f} and {end:.0f}.
The application takes {capacity:,.0f} records/s at most. Between them runs the sidecar, with room for {room:,} records
and strategy {strategy}. Its log is in {log}.
"""

ROOM = 10_000


def show(strategy: str, seconds_per_record: float, stop: StopRequest) -> int:
    """Run the demonstration; return 0 when every record was accounted for."""
    shape = Shape()
    with tempfile.TemporaryDirectory(prefix="kafka-sidecar-demo-") as folder:
        log = Path(folder) / "sidecar.log"
        capacity = 1 / seconds_per_record if seconds_per_record else float("inf")
        print(
            INTRODUCTION.format(
                base=shape.base,
                spike=shape.spike,
                start=shape.spike_from,
                end=shape.spike_to,
                capacity=capacity,
                room=ROOM,
                strategy=strategy,
                log=log,
            )
        )
        application = SlowApplication(seconds_per_record)
        broker = EmbeddedBroker()
        broker.create_topic(TOPIC)
        application.start()
        try:
            with sidecar(_environment(broker, application, strategy), log) as process:
                return _watch(process, Traffic(broker, TOPIC, shape), application, stop)
        finally:
            application.stop()


def _environment(broker: EmbeddedBroker, application: SlowApplication, strategy: str) -> dict[str, str]:
    """Return what a user would set. The interval is that of the defaults; the room is small, so that the spike is seen."""
    return {
        "SIDECAR_TOPICS": TOPIC,
        "SIDECAR_KAFKA__BOOTSTRAP_SERVERS": broker.bootstrap,
        "SIDECAR_KAFKA__GROUP_ID": "demo",
        "SIDECAR_WRITER__URL": application.url,
        "SIDECAR_BUFFER__MAX_MESSAGES": str(ROOM),
        "SIDECAR_FLUSH__MAX_BATCH": "1000",
        "SIDECAR_BUFFER__STRATEGY": strategy,
        "SIDECAR_DRAIN_TIMEOUT": f"{DRAIN_TIMEOUT}s",
        "SIDECAR_HTTP__LISTEN": "127.0.0.1:0",
        "SIDECAR_LOG__FORMAT": "json",
    }


def _watch(process: Sidecar, traffic: Traffic, application: SlowApplication, stop: StopRequest) -> int:
    process.wait_until_up()
    print(f"status   http://127.0.0.1:{process.port}/status\nmetrics  http://127.0.0.1:{process.port}/metrics\n")
    progress = Progress(traffic, application)
    progress.header()
    traffic.start()
    caught_up_by = float("inf")
    while stop.requested_at is None and time.monotonic() < caught_up_by:
        progress.wait()
        status = process.status()
        progress.line(status)
        if traffic.is_over and caught_up_by == float("inf"):
            caught_up_by = time.monotonic() + CATCH_UP
        if traffic.is_over and status["lag"]["records"] == 0:
            break
    traffic.stop()
    print("\ndraining (SIGTERM) ...")
    exit_status = process.drain(DRAIN_TIMEOUT + 5)
    return _close_books(progress, process, exit_status)


def _close_books(progress: Progress, process: Sidecar, exit_status: int) -> int:
    """Print the closing books; return 0 when they balance and nothing is missing."""
    print(f"the sidecar ended with status {exit_status} ({ExitStatus(exit_status).name.lower()})\n")
    accounted = progress.close_books(process.last_books())
    return ExitStatus.DRAINED if accounted and exit_status == 0 else ExitStatus.FAILED
