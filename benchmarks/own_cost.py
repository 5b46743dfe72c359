"""What the sidecar itself costs: with ``discard:``, beside the bare loop, in turns in one run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterable
from statistics import median

from benchmarks.measure import Bench, backlog
from benchmarks.meter import Reading
from benchmarks.table import Row
from tests.parts.topics import create_topic, fresh_name

RECORDS = 2_000_000
ROUNDS = 9
TAIL_RATE = 20_000
TAIL_SECONDS = 10
TAIL_ROUNDS = 3

MOST_MICROS = 0.15
LEAST_SHARE = 0.85


def at_a_backlog(bench: Bench) -> list[Row]:
    """Consume a backlog as fast as it goes."""
    topic = backlog(bench.bootstrap, RECORDS)
    limit = ("--records", str(RECORDS))
    return _compare("backlog", lambda: bench.bare(topic, *limit), lambda: bench.sidecar(topic, "discard:", *limit), ROUNDS)


def at_the_tail(bench: Bench) -> list[Row]:
    """Follow a producer of 20,000 records a second over 12 partitions, where runs are short."""
    topic = fresh_name("tail")
    create_topic(bench.bootstrap, topic, 12)
    producer = subprocess.Popen([sys.executable, "-m", "benchmarks.steady", bench.bootstrap, topic, str(TAIL_RATE)])
    limit = ("--seconds", str(TAIL_SECONDS))
    latest = {"SIDECAR_START": "latest"}
    try:
        return _compare(
            "tail",
            lambda: bench.bare(topic, "--latest", *limit),
            lambda: bench.sidecar(topic, "discard:", *limit, env=latest),
            TAIL_ROUNDS,
        )
    finally:
        producer.kill()
        producer.wait()


def _compare(name: str, bare: Callable[[], Reading], ours: Callable[[], Reading], rounds: int) -> list[Row]:
    pairs = [(bare(), ours()) for _ in range(rounds)]
    share = median(mine.rate / theirs.rate for theirs, mine in pairs)
    thread = median(mine.thread_micros - theirs.thread_micros for theirs, mine in pairs)
    process = median(mine.process_micros - theirs.process_micros for theirs, mine in pairs)
    return [
        Row(f"{name}: bare loop", f"{_middle(theirs for theirs, _ in pairs)}"),
        Row(f"{name}: sidecar to `discard:`", f"{_middle(mine for _, mine in pairs)}"),
        Row(f"{name}: own cost, consuming thread", f"{thread:+.2f} µs a record", f"<= {MOST_MICROS} µs", thread <= MOST_MICROS),
        Row(f"{name}: own cost, process", f"{process:+.2f} µs a record"),
        Row(f"{name}: share of the bare loop's rate", f"{share:.2f}", f">= {LEAST_SHARE}", share >= LEAST_SHARE),
    ]


def _middle(readings: Iterable[Reading]) -> str:
    taken = list(readings)
    rate = median(reading.rate for reading in taken)
    thread = median(reading.thread_micros for reading in taken)
    process = median(reading.process_micros for reading in taken)
    return f"{rate:,.0f} records/s, {thread:.2f} µs of its thread, {process:.2f} µs of its process"
