"""A producer that goes on in the background: so many records a second, evenly over the partitions, stamped when they are sent."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from confluent_kafka import Producer

BEAT = 0.05
"""Seconds between two handfuls."""


class Steady:
    """Produces ``rate`` records a second to each of ``topics`` (name to number of partitions); the rate can be changed at any time."""

    def __init__(self, bootstrap: str, topics: Mapping[str, int], rate: float) -> None:
        self.rate = rate
        self._producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5, "log_level": 0})
        self._topics = topics
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="steady-producer")
        self._sent = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()
        self._producer.purge()

    def _run(self) -> None:
        due, at = 0.0, time.monotonic()
        while not self._stop.wait(BEAT):
            before, at = at, time.monotonic()
            due += self.rate * (at - before)  # not a beat's: on a busy machine one is longer
            while due >= 1:
                due -= 1
                self._send()
            self._producer.poll(0)

    def _send(self) -> None:
        self._sent += 1
        for topic, partitions in self._topics.items():
            value = b'{"id": %d, "pad": "%s"}' % (self._sent, b"x" * 200)
            self._producer.produce(topic, value, partition=self._sent % partitions)
