"""What the sidecar holds while nothing moves: ten million records of lag and an application that is not there."""

from __future__ import annotations

from benchmarks.measure import Bench, backlog
from benchmarks.table import Row

RECORDS = 10_000_000
SECONDS = 60
BUFFER = 64
BASE = 60
MEBIBYTE = 2**20


def dead_application(bench: Bench) -> list[Row]:
    """Hold it there for a minute; the port of the application is one that nothing listens on."""
    topic = backlog(bench.bootstrap, RECORDS)
    env = {"SIDECAR_BUFFER__MAX_BYTES": f"{BUFFER}MiB", "SIDECAR_BUFFER__MAX_MESSAGES": "1000000", "SIDECAR_DRAIN_TIMEOUT": "2s"}
    reading = bench.sidecar(topic, "http://127.0.0.1:9/records", "--seconds", str(SECONDS), env=env)
    most, bar = reading.rss / MEBIBYTE, BASE + BUFFER
    return [
        Row(
            f"largest resident memory, {RECORDS:,} records of lag, dead application, {SECONDS} s",
            f"{most:.0f} MiB",
            f"<= {BASE} + {BUFFER} MiB (the buffer's limit)",
            most <= bar,
        )
    ]
