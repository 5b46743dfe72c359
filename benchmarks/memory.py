"""What the sidecar holds while nothing moves: ten million records of lag and an application that is not there."""

from __future__ import annotations

from benchmarks.measure import Bench, backlog, counting_app
from benchmarks.table import Row

RECORDS = 10_000_000
SECONDS = 60
BUFFER = 64
BASE = 60
MEBIBYTE = 2**20


def dead_application(bench: Bench) -> list[Row]:
    """Hold it there for a minute, with a port that nothing listens on, and with an application that takes requests and never answers."""
    topic = backlog(bench.bootstrap, RECORDS)
    with counting_app("--delay", "3600") as hanging:
        return [
            _held(bench, topic, "http://127.0.0.1:9/records", "application that is not there"),
            _held(bench, topic, hanging, "application that never answers"),
        ]


def _held(bench: Bench, topic: str, url: str, what: str) -> Row:
    env = {"SIDECAR_BUFFER__MAX_BYTES": f"{BUFFER}MiB", "SIDECAR_BUFFER__MAX_MESSAGES": "1000000", "SIDECAR_DRAIN_TIMEOUT": "2s"}
    reading = bench.sidecar(topic, url, "--seconds", str(SECONDS), env=env)
    most, bar = reading.rss / MEBIBYTE, BASE + BUFFER
    return Row(
        f"largest resident memory, {RECORDS:,} records of lag, {what}, {SECONDS} s",
        f"{most:.0f} MiB",
        f"<= {BASE} + {BUFFER} MiB (the buffer's limit)",
        most <= bar,
    )
