"""The demonstration of the flow control: an application that serves eight requests at once, then two, then eight again, and what is chosen for it, second by second."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

from sidecar.demo.application import handler
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


class SteppingApplication:
    """Serves as many requests at once as the present step says; counts records."""

    name = "application"

    def __init__(self, at_once: Callable[[], int]) -> None:
        self.taken = 0
        self._at_once = at_once
        self._running = 0
        self._changed = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler(self._take))
        self._thread = threading.Thread(target=self._server.serve_forever, name="application", daemon=True)

    @property
    def settings(self) -> Mapping[str, str]:
        """The sidecar's settings for it."""
        return {"SIDECAR_WRITER__URL": f"http://127.0.0.1:{self._server.server_port}/records"}

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _take(self, lines: list[bytes]) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._running < self._at_once())
            self._running += 1
        time.sleep(SECONDS_PER_REQUEST)
        with self._changed:
            self._running -= 1
            self.taken += len(lines)
            self._changed.notify_all()


class Steps:
    """Knows the step of the moment, and tells a line a second."""

    def __init__(self) -> None:
        self._began: float | None = None
        self._told_at = 0.0
        self._before = (0, 0)
        self.watched: tuple[Sidecar, Traffic, SteppingApplication] | None = None

    def at_once(self) -> int:
        """Return how many requests are served at once now."""
        elapsed = 0.0 if self._began is None else time.monotonic() - self._began
        return next(many for until, many in STEPS if elapsed < until)

    def header(self) -> None:
        """Print the names of the columns; the first step begins."""
        print(HEADER, flush=True)
        self._began = self._told_at = time.monotonic()

    def wait(self) -> None:
        """Wait until the next line is due."""
        time.sleep(max(0.0, self._told_at + 1.0 - time.monotonic()))

    def line(self, status: dict[str, Any]) -> None:
        """Print a line."""
        assert self.watched is not None  # noqa: S101 -- set before anything is told
        assert self._began is not None  # noqa: S101 -- the header comes first
        process, traffic, application = self.watched
        flow, now, counts = process.document("/status/flow"), time.monotonic(), (traffic.produced, application.taken)
        came, left = ((new - old) / (now - self._told_at) for new, old in zip(counts, self._before, strict=True))
        self._told_at, self._before = now, counts
        turned = [decision for decision in flow["decisions"] if decision["dial"] == "concurrency"]
        why = f"{turned[0]['before']} to {turned[0]['after']}, {turned[0]['seconds_ago']:.0f} s ago" if turned else ""
        lag = "?" if status["lag"]["records"] is None else f"{status['lag']['records']:,}"
        print(
            f"{now - self._began:3.0f}s  {status['state']:<8} {self.at_once():>6} {flow['dials']['concurrency']:>7} "
            f"{came:>7,.0f} {left:>7,.0f} {lag:>8}  {why}",
            flush=True,
        )


def show_steps(stop: StopRequest) -> int:
    """Run the demonstration; return 0 when the sidecar drained."""
    print(INTRODUCTION)
    steps, broker = Steps(), EmbeddedBroker()
    broker.create_topic(TOPIC)
    application = SteppingApplication(steps.at_once)
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
                steps.watched = process, traffic, application
                follow(process, traffic, steps, stop)
                print("\ndraining ...", flush=True)
                status = process.drain(DRAIN_TIMEOUT + 5)
                print(f"\n  produced {traffic.produced:,}, taken {application.taken:,}")
                return ExitStatus.DRAINED if status == ExitStatus.DRAINED else ExitStatus.FAILED
    finally:
        application.stop()
