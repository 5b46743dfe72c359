"""What the sidecar holds while nothing moves: ten million records of lag and an application that is not there. And what stays once all have passed."""

from __future__ import annotations

from benchmarks.measure import Bench, backlog, counting_app
from benchmarks.table import Row

RECORDS = 10_000_000
SECONDS = 60
BUFFER = 64
BASE = 60
RATE = 1_000
MOST_SLOPE = 1.0
MEBIBYTE = 2**20


def dead_application(bench: Bench) -> list[Row]:
    """Hold it there for a minute, with a port that nothing listens on, and with an application that takes requests and never answers.

    Then let all of it through, and see whether anything stays with the process.
    """
    topic = backlog(bench.bootstrap, RECORDS)
    with counting_app("--delay", "3600") as hanging:
        return [
            _held(bench, topic, "http://127.0.0.1:9/records", "application that is not there"),
            _held(bench, topic, hanging, "application that never answers"),
            _gained(bench, topic),
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


def _gained(bench: Bench, topic: str) -> Row:
    """Measure what the second half of the records leaves behind: as many as come in so many hours at :data:`RATE`."""
    reading = bench.sidecar(topic, "discard:", "--records", str(RECORDS))
    hours = RECORDS / 2 / RATE / 3600
    slope = reading.gained / 1e6 / hours
    return Row(
        f"resident memory gained with {RECORDS // 2:,} records, which come in {hours:.1f} hours at {RATE:,} a second",
        f"{reading.gained / 1e6:+.2f} MB, {slope:+.2f} MB an hour",
        f"<= {MOST_SLOPE:g} MB an hour",
        slope <= MOST_SLOPE,
        {"gained_bytes": reading.gained},
    )
