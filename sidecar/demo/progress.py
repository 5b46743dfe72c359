"""Progress: one line a second, at most 80 columns wide."""

from __future__ import annotations

import time
from typing import Any

from sidecar.demo.downstream import Downstream
from sidecar.demo.traffic import Traffic

HEADER = f"{'time':>4}  {'state':<8} {'buffer':>6} {'held':>4} {'lag':>7} {'age':>6} {'in/s':>6} {'out/s':>6}  why"

LEGEND = """\
held: partitions of which nothing is taken. lag: records without an outcome (log
ends are asked for every 2 s), age: of the oldest. in: produced, out: delivered."""


class Progress:
    """Tells how things stand."""

    def __init__(self, traffic: Traffic, downstream: Downstream) -> None:
        self._traffic = traffic
        self._downstream = downstream
        self._began = self._told_at = time.monotonic()
        self._produced = self._taken = 0

    def header(self) -> None:
        """Print what the columns mean, and their names."""
        print(f"{LEGEND}\n\n{HEADER}", flush=True)
        self._began = self._told_at = time.monotonic()

    def line(self, status: dict[str, Any]) -> None:
        """Print a line: the sidecar's own figures, and the rates as the producer and the downstream count them."""
        now, produced_now, taken_now = time.monotonic(), self._traffic.produced, self._downstream.taken
        seconds = now - self._told_at
        produced = (produced_now - self._produced) / seconds
        taken = (taken_now - self._taken) / seconds
        self._told_at, self._produced, self._taken = now, produced_now, taken_now
        print(f"{now - self._began:3.0f}s  {describe(status, produced, taken)}", flush=True)


def describe(status: dict[str, Any], produced: float, taken: float) -> str:
    """Return the columns after the time, from a status document and the two rates."""
    partitions, lag = status["partitions"], status["lag"]
    held = f"{sum(bool(partition['held']) for partition in partitions)}/{len(partitions)}"
    records = "?" if lag["records"] is None else f"{lag['records']:,}"
    age = "?" if lag["seconds"] is None else f"{lag['seconds']:.1f} s"
    return (
        f"{status['state']:<8} {status['buffer']['utilization']:6.0%} {held:>4} {records:>7} {age:>6} "
        f"{produced:>6,.0f} {taken:>6,.0f}  {status['why']['verdict']}"
    )
