"""The meter: what a measured process took between its assignment and its last record. Read on the thread that consumes."""

from __future__ import annotations

import re
import time
from pathlib import Path

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
            largest_resident(),
        )
        return msgspec.json.encode(reading).decode()


def largest_resident() -> int:
    """Return the largest resident memory of this process, in bytes; ``getrusage`` would count that of the parent before the exec, too."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None, "Linux tells it to every process"  # noqa: S101 -- see the message
    return int(found[1]) * 1024


def read(line: str) -> Reading:
    """Return what :meth:`Meter.end` printed."""
    return msgspec.json.decode(line, type=Reading)
