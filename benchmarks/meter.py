"""The meter: what a measured process took between its assignment and its last record. Read on the thread that consumes."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace


class Counts(msgspec.Struct, frozen=True):
    """What a sidecar counted: records that it polled and dropped, partitions that it held and paused, and bytes that came twice."""

    polled: int = 0
    dropped: int = 0
    holds: int = 0
    pauses: int = 0
    refetched: int = 0


class Reading(msgspec.Struct, frozen=True):
    """``seconds`` by the wall clock; ``thread`` and ``process`` are CPU seconds; ``rss`` is the largest resident memory, in bytes.

    ``gained`` is by how many bytes the resident memory grew while the second half of the records came, ``half`` how many records were delivered, and after how many
    seconds, when that began. ``stages`` are the CPU seconds of the consuming thread by stage, where it was asked for. ``waits`` are seconds, one for each thing that was waited for, where that is what is measured;
    ``runs`` are the records of each chunk that :mod:`benchmarks.arrivals` was given.
    """

    records: int
    seconds: float
    thread: float
    process: float
    rss: int
    counts: Counts = Counts()
    gained: int = 0
    half: tuple[int, float] = (0, 0.0)
    stages: Mapping[str, float] = {}
    waits: Sequence[float] = ()
    runs: Sequence[int] = ()

    @property
    def rate(self) -> float:
        """Records a second."""
        return self.records / self.seconds

    @property
    def later_rate(self) -> float:
        """Records a second in the second half."""
        records, seconds = self.half
        return (self.records - records) / (self.seconds - seconds)

    @property
    def thread_micros(self) -> float:
        """CPU of the consuming thread a record, in microseconds."""
        return self.thread / self.records * 1e6

    @property
    def process_micros(self) -> float:
        """CPU of the whole process a record, in microseconds."""
        return self.process / self.records * 1e6

    def of_polled(self) -> Reading:
        """Return the same by the records that were polled, for where not all of them are delivered."""
        return replace(self, records=self.counts.polled)


class Meter:
    """Begins at the first assignment."""

    def __init__(self) -> None:
        self._wall = 0.0
        self._thread = self._process = 0.0

    @property
    def elapsed(self) -> float:
        """Seconds since it began; 0 before."""
        return time.monotonic() - self._wall if self._wall else 0.0

    def at(self, moment: float) -> float:
        """Return ``moment``, monotonic seconds, as seconds since it began."""
        return moment - self._wall

    def begin(self) -> None:
        """Begin, the first time."""
        if not self._wall:
            self._wall, self._thread, self._process = time.monotonic(), time.thread_time(), time.process_time()

    def read(self, records: int, idle: float = 0.0) -> Reading:
        """Return the reading; the last ``idle`` seconds of the wall clock do not count."""
        return Reading(
            records,
            self.elapsed - idle,
            time.thread_time() - self._thread,
            time.process_time() - self._process,
            resident("VmHWM"),
        )


def resident(field: str) -> int:
    """Return the resident memory of this process, in bytes: the present one (``VmRSS``) or the largest (``VmHWM``).

    ``getrusage`` would count that of the parent before the exec, too.
    """
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    found = re.search(rf"{field}:\s+(\d+) kB", status)
    assert found is not None, "Linux tells it to every process"  # noqa: S101 -- see the message
    return int(found[1]) * 1024


def share_of_core(pid: int, seconds: float) -> float:
    """Return the share of a core that another process takes over the next ``seconds``."""
    before, began = _cpu_seconds(pid), time.monotonic()
    time.sleep(seconds)
    return (_cpu_seconds(pid) - before) / (time.monotonic() - began)


def _cpu_seconds(pid: int) -> float:
    """Return what all threads of a process have taken so far, as the scheduler counts it: in nanoseconds, where ``stat`` has hundredths."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text("ascii").split()[0]) for task in tasks) / 1e9


def encode(reading: Reading) -> str:
    """Return ``reading`` as a line for who runs this process."""
    return msgspec.json.encode(reading).decode()


def read(line: str) -> Reading:
    """Return what :func:`encode` made."""
    return msgspec.json.decode(line, type=Reading)


def on_core(number: int | None) -> None:
    """Keep this process, and the threads that it makes from now on, on one core; None: on any."""
    if number is not None:
        os.sched_setaffinity(0, {number})
