"""The demonstration of the flow control: an application that serves eight requests at once, then two, then eight again, and what is chosen for it, second by second."""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from sidecar.demo.application import Served
from sidecar.demo.process import Sidecar, sidecar
from sidecar.demo.show import DRAIN_TIMEOUT, environment, follow
from sidecar.demo.traffic import Shape, Traffic
from sidecar.kafka.embedded import EmbeddedBroker
from sidecar.runtime.loop import ExitStatus, StopRequest

TOPIC = "events"
BATCH, SECONDS_PER_REQUEST = 50, 0.02
STEPS = ((8.0, 8), (16.0, 2), (float("inf"), 8))
"""Until when, and how many requests at once are served."""

SHAPE = Shape(base=12_000, spike=12_000, until=24.0)

INTRODUCTION = f"""\
A producer writes {SHAPE.base:,} records/s. The application takes 20 ms for a request of
{BATCH} records and serves 8 at once (20,000 records/s), 2 from second 8 to 16 (5,000
records/s), then 8 again. Nobody tells the sidecar: it finds out how many flushes
at once are good for it (/status/flow).
"""

HEADER = f"{'time':>4}  {'state':<8} {'serves':>6} {'at once':>7} {'in/s':>7} {'out/s':>7} {'lag':>8}  why the last change"


def at_once(elapsed: float) -> int:
    """Return how many requests are served at once after so many seconds."""
    return next(many for until, many in STEPS if elapsed < until)


class SteppingApplication(Served):
    """Serves as many requests at once as the present step says; counts records."""

    def __init__(self) -> None:
        self.taken = 0
        self._began: float | None = None
        self._running = 0
        self._changed = threading.Condition()
        super().__init__(self._take)

    def begin(self) -> None:
        """Begin the first step."""
        self._began = time.monotonic()

    @property
    def at_once(self) -> int:
        """How many requests are served at once now."""
        return at_once(0.0 if self._began is None else time.monotonic() - self._began)

    def _take(self, lines: list[bytes]) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._running < self.at_once)
            self._running += 1
        time.sleep(SECONDS_PER_REQUEST)
        with self._changed:
            self._running -= 1
            self.taken += len(lines)
            self._changed.notify_all()


class Lines:
    """Tells a line a second of what is served and what was chosen for it."""

    def __init__(self, process: Sidecar, traffic: Traffic, application: SteppingApplication) -> None:
        self._process = process
        self._traffic = traffic
        self._application = application
        self._began = self._told_at = time.monotonic()
        self._before = (0, 0)

    def header(self) -> None:
        """Print the names of the columns; the first step begins."""
        print(HEADER, flush=True)
        self._began = self._told_at = time.monotonic()
        self._application.begin()

    def line(self, status: dict[str, Any]) -> None:
        """Print a line."""
        flow, now = self._process.document("/status/flow"), time.monotonic()
        counts = (self._traffic.produced, self._application.taken)
        came, left = ((new - old) / (now - self._told_at) for new, old in zip(counts, self._before, strict=True))
        self._told_at, self._before = now, counts
        turned = [decision for decision in flow["decisions"] if decision["dial"] == "concurrency"]
        why = f"{turned[0]['before']} to {turned[0]['after']}, {turned[0]['seconds_ago']:.0f} s ago" if turned else ""
        lag = "?" if status["lag"]["records"] is None else f"{status['lag']['records']:,}"
        print(
            f"{now - self._began:3.0f}s  {status['state']:<8} {self._application.at_once:>6} {flow['dials']['concurrency']:>7} "
            f"{came:>7,.0f} {left:>7,.0f} {lag:>8}  {why}",
            flush=True,
        )


def show_steps(stop: StopRequest) -> int:
    """Run the demonstration; return 0 when the sidecar drained."""
    print(INTRODUCTION)
    application, broker = SteppingApplication(), EmbeddedBroker()
    broker.create_topic(TOPIC)
    application.start()
    try:
        with tempfile.TemporaryDirectory(prefix="kafka-sidecar-demo-") as folder:
            settings = (
                environment(broker, application.settings, "block")
                | {
                    "SIDECAR_FLUSH__MAX_BATCH": str(BATCH),
                    "SIDECAR_FLUSH__MAX_IN_FLIGHT": "16",
                    "SIDECAR_ORDERING": "none",  # the embedded broker's topics have four partitions: with an order, four flushes at once
                }
            )
            with sidecar(settings, Path(folder) / "sidecar.log") as process:
                traffic = Traffic(broker, TOPIC, SHAPE)
                follow(process, traffic, Lines(process, traffic, application), stop)
                print("\ndraining ...", flush=True)
                status = process.drain(DRAIN_TIMEOUT + 5)
                print(f"\n  produced {traffic.produced:,}, taken {application.taken:,}")
                return ExitStatus.DRAINED if status == ExitStatus.DRAINED else ExitStatus.FAILED
    finally:
        application.stop()
