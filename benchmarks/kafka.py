"""From topic to topic: each record once by transactions, against the same without them. All on the same two cores."""

from __future__ import annotations

from statistics import median

from benchmarks.measure import PARTITIONS, Bench, backlog
from benchmarks.meter import Reading
from benchmarks.table import Row
from tests.parts.topics import create_topic, fresh_name

RECORDS = 1_000_000
BYTES = 200
ROUNDS = 3
BAR = 100_000


def copying(bench: Bench) -> list[Row]:
    """Copy a backlog of records of 200 bytes."""
    topic = backlog(bench.bootstrap, RECORDS, BYTES)
    once = [_copy(bench, topic, "always") for _ in range(ROUNDS)]
    least = [_copy(bench, topic, "never") for _ in range(ROUNDS)]
    rate, other = _rate(once), _rate(least)
    return [
        Row("kafka, exactly once: rate", f"{rate:,.0f} records/s", f">= {BAR:,}", rate >= BAR),
        Row("kafka, exactly once: CPU of the process", f"{median(r.process_micros for r in once):.2f} µs a record"),
        Row("kafka, exactly once: rate against at least once", f"{rate / other:.2f}"),
        Row("kafka, exactly once: largest resident memory", f"{max(reading.rss for reading in once) / 1e6:.0f} MB"),
    ]


def _copy(bench: Bench, topic: str, exactly_once: str) -> Reading:
    copy = fresh_name("copy")
    create_topic(bench.bootstrap, copy, PARTITIONS)
    env = {"SIDECAR_WRITER__EXACTLY_ONCE": exactly_once, "SIDECAR_WRITER__TRANSACTIONAL_ID_PREFIX": copy}
    return bench.sidecar(topic, f"kafka://{bench.bootstrap}/{copy}", "--records", str(RECORDS), env=env)


def _rate(readings: list[Reading]) -> float:
    return median(reading.rate for reading in readings)
