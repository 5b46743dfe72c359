"""Traffic: a producer with a spike in the middle. Each record has an id of its own, so that the end can be checked."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import msgspec

from sidecar.kafka.embedded import EmbeddedBroker

STEP = 0.05
"""Seconds between two bursts: fine enough to look steady."""

VALUE_PADDING = "." * 40


@dataclass(frozen=True, slots=True)
class Shape:
    """Records a second before, in and after the spike, and when it begins and ends, in seconds."""

    base: int = 1_000
    spike: int = 10_000
    spike_from: float = 5.0
    spike_to: float = 11.0
    until: float = 25.0

    def rate(self, elapsed: float) -> int:
        """Return the records a second at ``elapsed`` seconds."""
        return self.spike if self.spike_from <= elapsed < self.spike_to else self.base


class Traffic:
    """A thread that produces ``shape`` to ``topic``, with ids from ``first`` on."""

    def __init__(self, broker: EmbeddedBroker, topic: str, shape: Shape, first: int = 0) -> None:
        self.produced = 0
        self._first = first
        self._topic = topic
        self._shape = shape
        self._broker = broker
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="traffic", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Produce no more; returns when everything is with the broker."""
        self._over.set()
        self._thread.join()

    @property
    def is_over(self) -> bool:
        """Whether everything was produced."""
        return not self._thread.is_alive()

    def _run(self) -> None:
        began, owed = time.monotonic(), 0.0
        elapsed = 0.0
        while elapsed < self._shape.until and not self._over.wait(STEP):
            before, elapsed = elapsed, time.monotonic() - began
            owed += self._shape.rate(elapsed) * (elapsed - before)
            self._produce(int(owed))
            owed -= int(owed)
        self._broker.flush()

    def _produce(self, records: int) -> None:
        for _ in range(records):
            value = msgspec.json.encode({"id": self._first + self.produced, "text": VALUE_PADDING})
            self._broker.produce(self._topic, b"device-%d" % (self.produced % 100), value)
            self.produced += 1
