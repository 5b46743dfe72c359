"""What a scrape costs with 500 partitions, and for how long it can keep the loop's thread from running."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

from prometheus_client import CollectorRegistry, generate_latest

from benchmarks.measure import Bench
from benchmarks.table import Row
from sidecar.app import tune_interpreter
from sidecar.core.records import TopicPartition
from sidecar.observe.metrics import Identity, Sources, make_registry
from sidecar.observe.spans import Spans
from sidecar.observe.trends import NOTHING_KNOWN
from tests.unit.observe.reports import NOW_MS, a_partition, a_report, a_snapshot, log_ends

PARTITIONS = 500
ROUNDS = 50
SECONDS = 3.0
MOST_MS = 50.0


def with_many_partitions(_bench: Bench) -> list[Row]:
    """Make pages of a report with as many partitions, all of them behind; then see for how long a busy thread beside that stands still."""
    tune_interpreter()
    whole, folded = _registry(per_partition=True), _registry(per_partition=False)
    took = sorted(_seconds(whole) for _ in range(ROUNDS))
    slowest = took[-1] * 1000
    lines = {name: generate_latest(registry).count(b"\n") for name, registry in (("by partition", whole), ("by topic", folded))}
    alone = _longest_standstill()
    with _scraping(whole):
        scraped = _longest_standstill()
    return [
        Row(
            f"scrape, {PARTITIONS} partitions",
            f"{median(took) * 1000:.1f} ms, slowest {slowest:.1f} ms",
            f"<= {MOST_MS:.0f} ms",
            slowest <= MOST_MS,
        ),
        Row(
            f"scrape, {PARTITIONS} partitions, folded to topics",
            f"{median(_seconds(folded) for _ in range(ROUNDS)) * 1000:.1f} ms",
        ),
        Row(f"lines of /metrics, {PARTITIONS} partitions", ", ".join(f"{count} {name}" for name, count in lines.items())),
        Row(
            "a busy thread's longest standstill, while pages are made without a pause",
            f"{scraped * 1000:.1f} ms (alone: {alone * 1000:.1f} ms)",
        ),
    ]


def _registry(*, per_partition: bool) -> CollectorRegistry:
    views = [
        a_partition(tp=TopicPartition("orders", n), committable=90, buffered=10, in_flight=5, oldest_wall_ms=NOW_MS - 1000)
        for n in range(PARTITIONS)
    ]
    report, ends = a_report(a_snapshot(*views)), log_ends(*[200] * PARTITIONS)
    sources = Sources(lambda: report, lambda: ends, lambda: NOTHING_KNOWN, Spans)
    return make_registry(sources, Identity("0", "bench", "0"), drain_timeout=25.0, per_partition=per_partition)


def _seconds(registry: CollectorRegistry) -> float:
    began = time.perf_counter()
    generate_latest(registry)
    return time.perf_counter() - began


@contextmanager
def _scraping(registry: CollectorRegistry) -> Iterator[None]:
    """Make pages without a pause on another thread, as the admin server's thread would if it had to."""
    stop = threading.Event()

    def scrape() -> None:
        while not stop.is_set():
            generate_latest(registry)

    thread = threading.Thread(target=scrape)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _longest_standstill() -> float:
    longest, last = 0.0, time.perf_counter()
    end = last + SECONDS
    while last < end:
        now = time.perf_counter()
        longest = max(longest, now - last)
        last = now
    return longest
