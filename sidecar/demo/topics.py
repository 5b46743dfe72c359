"""The demonstration of policies by topic: three topics with a spike together, one application that is too slow for it, and what each topic loses, side by side."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sidecar.demo.application import SlowApplication
from sidecar.demo.process import Sidecar, sidecar
from sidecar.demo.show import DRAIN_TIMEOUT, environment, follow
from sidecar.demo.traffic import Shape, Traffic
from sidecar.kafka.embedded import EmbeddedBroker
from sidecar.runtime.loop import ExitStatus, StopRequest

SECONDS_PER_RECORD = 0.0004

SHAPES: Mapping[str, Shape] = {
    "orders": Shape(base=300, spike=600, until=20.0),
    "prices": Shape(base=400, spike=3_000, until=20.0),
    "telemetry": Shape(base=800, spike=8_000, until=20.0),
}

POLICIES = [
    {"topic": "orders", "priority": 2},
    {"topic": "prices", "strategy": "drop_oldest"},
    {"topic": "telemetry", "strategy": "sample", "sample_rate": "auto", "priority": -2},
]

INTRODUCTION = """\
Three topics are produced to an embedded Kafka broker, with a spike between second
5 and 11. The application takes 2,500 records/s at most. The policies:

  orders     block, priority 2: nothing is ever dropped
  prices     drop_oldest: what is delivered is fresh
  telemetry  sample auto, priority -2: what the downstream can take, with weights
"""

COLUMNS = "".join(f" | {topic:>9} in/s  out/s" for topic in SHAPES)
HEADER = f"{'time':>4}  {'state':<8}{COLUMNS}"


class Topics:
    """The three producers as one, and a line a second about all of them; what :func:`sidecar.demo.show.follow` needs."""

    def __init__(self, broker: EmbeddedBroker, application: SlowApplication) -> None:
        self._traffic = {
            topic: Traffic(broker, topic, shape, first=number * 10**9) for number, (topic, shape) in enumerate(SHAPES.items())
        }
        self._application = application
        self._began = self._told_at = time.monotonic()
        self._before = dict.fromkeys(SHAPES, (0, 0))

    def start(self) -> None:
        """Begin."""
        for each in self._traffic.values():
            each.start()

    def stop(self) -> None:
        """Produce no more; returns when everything is with the broker."""
        for each in self._traffic.values():
            each.stop()

    @property
    def is_over(self) -> bool:
        """Whether everything was produced."""
        return all(each.is_over for each in self._traffic.values())

    def header(self) -> None:
        """Print the names of the columns."""
        print(HEADER, flush=True)
        self._began = self._told_at = time.monotonic()

    def line(self, status: dict[str, Any]) -> None:
        """Print what each topic got in and out since the last line."""
        now, counts = time.monotonic(), {topic: self._counts(topic) for topic in SHAPES}
        seconds, self._told_at = now - self._told_at, now
        rates = {
            topic: [(new - old) / seconds for new, old in zip(counts[topic], self._before[topic], strict=True)]
            for topic in SHAPES
        }
        self._before = counts
        cells = "".join(f" | {came:>14,.0f} {left:>6,.0f}" for came, left in rates.values())
        print(f"{now - self._began:3.0f}s  {status['state']:<8}{cells}", flush=True)

    def closing(self, dropped: Mapping[str, int]) -> list[str]:
        """Return the closing lines: what became of the records of each topic."""
        lines = [f"  {'topic':<10} {'produced':>9} {'delivered':>9} {'dropped':>9} {'missing':>8}"]
        for topic in SHAPES:
            produced, taken = self._counts(topic)
            missing = produced - taken - dropped.get(topic, 0)
            lines.append(f"  {topic:<10} {produced:>9,} {taken:>9,} {dropped.get(topic, 0):>9,} {missing:>8,}")
        return lines

    def missing(self, dropped: Mapping[str, int]) -> int:
        """Return how many records nobody can account for."""
        return sum(abs(produced - taken - dropped.get(topic, 0)) for topic in SHAPES for produced, taken in [self._counts(topic)])

    def _counts(self, topic: str) -> tuple[int, int]:
        return self._traffic[topic].produced, self._application.taken_by_topic[topic]


def show_topics(stop: StopRequest) -> int:
    """Run the demonstration; return 0 when every record was delivered or dropped by a policy, and none of the orders was dropped."""
    print(INTRODUCTION)
    broker, application = EmbeddedBroker(), SlowApplication(SECONDS_PER_RECORD)
    for topic in SHAPES:
        broker.create_topic(topic)
    application.start()
    try:
        with tempfile.TemporaryDirectory(prefix="kafka-sidecar-demo-") as folder:
            settings = environment(broker, application.settings, "block") | {
                "SIDECAR_TOPICS": ",".join(SHAPES),
                "SIDECAR_TOPIC_POLICIES": json.dumps(POLICIES),
            }
            with sidecar(settings, Path(folder) / "sidecar.log") as process:
                return _watch(process, Topics(broker, application), stop)
    finally:
        application.stop()


def _watch(process: Sidecar, topics: Topics, stop: StopRequest) -> int:
    follow(process, topics, topics, stop)
    drops = process.dropped_by_topic()
    print("\ndraining ...", flush=True)
    exit_status = process.drain(DRAIN_TIMEOUT + 5)
    print("\n".join(["", *topics.closing(drops)]))
    is_good = (
        exit_status == ExitStatus.DRAINED
        and not drops.get("orders")
        and (stop.requested_at is not None or not topics.missing(drops))
    )
    return ExitStatus.DRAINED if is_good else ExitStatus.FAILED
