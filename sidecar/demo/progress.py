"""Progress: one line a second, and the closing books."""

from __future__ import annotations

import time
from typing import Any

from sidecar.demo.application import SlowApplication
from sidecar.demo.traffic import Traffic

EVERY = 1.0

HEADER = f"{'time':>5}  {'state':<9} {'buffer':>6}  {'held':>4} {'lag':>16}  {'produced/s':>10} {'delivered/s':>11}  why"


class Progress:
    """Tells how things stand."""

    def __init__(self, traffic: Traffic, application: SlowApplication) -> None:
        self._traffic = traffic
        self._application = application
        self._began = self._told_at = time.monotonic()
        self._produced = self._taken = 0

    def header(self) -> None:
        """Print the names of the columns."""
        print(HEADER, flush=True)
        self._began = self._told_at = time.monotonic()

    def wait(self) -> None:
        """Wait until the next line is due."""
        time.sleep(max(0.0, self._told_at + EVERY - time.monotonic()))

    def line(self, status: dict[str, Any]) -> None:
        """Print a line: the sidecar's own figures, and the rates as the producer and the application count them."""
        now = time.monotonic()
        seconds = now - self._told_at
        produced = (self._traffic.produced - self._produced) / seconds
        taken = (self._application.taken - self._taken) / seconds
        self._told_at, self._produced, self._taken = now, self._traffic.produced, self._application.taken
        held = sum(bool(partition["held"]) for partition in status["partitions"])
        print(
            f"{now - self._began:4.0f}s  {status['state']:<9} {status['buffer']['utilization']:6.0%} "
            f"{held:>2}/{len(status['partitions'])} {_lag(status['lag']):>16}  "
            f"{produced:>10,.0f} {taken:>11,.0f}  {status['why']['verdict']}",
            flush=True,
        )

    def close_books(self, books: dict[str, Any]) -> bool:
        """Print where every record went; return whether all is accounted for."""
        produced, unique = self._traffic.produced, self._application.unique
        dropped = sum(books["dropped"].values())
        missing = produced - unique - dropped
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in books["dropped"].items() if count) or "none"
        rows = [
            ("produced", f"{produced:,}"),
            ("delivered", f"{unique:,} (the application counted them by id)"),
            ("dropped", f"{dropped:,} ({reasons})" if dropped else "0"),
            ("duplicates", f"{self._application.duplicates:,}"),
            ("missing", f"{missing:,} = produced - delivered - dropped"),
            ("balance", f"{books['unaccounted']:,} polled records without an outcome"),
        ]
        for name, text in rows:
            print(f"  {name:<11}{text}")
        return bool(missing == 0 and books["unaccounted"] == 0)


def _lag(lag: dict[str, Any]) -> str:
    if lag["records"] is None:
        return "unknown"
    return f"{lag['records']:,} / {lag['seconds'] or 0:.1f} s"
