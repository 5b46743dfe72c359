"""The meter: what a measured process took between its assignment and its last record. Read on the thread that consumes."""

from __future__ import annotations

import resource
import time

import msgspec


class Reading(msgspec.Struct, frozen=True):
    """``seconds`` by the wall clock; ``thread`` and ``process`` are CPU seconds; ``rss`` is the largest resident memory, in bytes."""

    records: int
    seconds: float
    thread: float
    process: float
    rss: int

    @property
    def rate(self) -> float:
        """Records a second."""
        return self.records / self.seconds

    @property
    def thread_micros(self) -> float:
        """CPU of the consuming thread a record, in microseconds."""
        return self.thread / self.records * 1e6

    @property
    def process_micros(self) -> float:
        """CPU of the whole process a record, in microseconds."""
        return self.process / self.records * 1e6


class Meter:
    """Begins at the first assignment."""

    def __init__(self) -> None:
        self._wall = 0.0
        self._thread = self._process = 0.0

    @property
    def elapsed(self) -> float:
        """Seconds since it began; 0 before."""
        return time.monotonic() - self._wall if self._wall else 0.0

    def begin(self) -> None:
        """Begin, the first time."""
        if not self._wall:
            self._wall, self._thread, self._process = time.monotonic(), time.thread_time(), time.process_time()

    def end(self, records: int, idle: float = 0.0) -> str:
        """Return the reading as JSON; the last ``idle`` seconds of the wall clock do not count."""
        reading = Reading(
            records,
            self.elapsed - idle,
            time.thread_time() - self._thread,
            time.process_time() - self._process,
            resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        )
        return msgspec.json.encode(reading).decode()


def read(line: str) -> Reading:
    """Return what :meth:`Meter.end` printed."""
    return msgspec.json.decode(line, type=Reading)
