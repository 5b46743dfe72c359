"""A flood of 100,000 records a second through ``sample`` at 1 in 10, to an application that takes an eighth of that: what a dropped record costs.

First in the engine, which drops it; its chunks are as long as those that a writer gets at that rate, which is measured: the buffer divides some at
the end of a batch, so Kafka brings them a little longer. Then, without a bar, what the whole thread takes above the bare loop, divided by those that were dropped: that is no
dropped record's cost, since the flushes of those that are kept and the reports are in it, and the caches are the broker's and the producer's in between.
"""

from __future__ import annotations

from statistics import mean, median

from benchmarks.engine import MOST_DROPPED, of_dropped
from benchmarks.measure import Bench, counting_app, steady
from benchmarks.table import Row

RATE = 100_000
SECONDS = 10
ROUNDS = 3
BATCH = 500
DELAY = 0.04
"""Seconds of a request, of which the application takes one at once: 12,500 records a second, more than one in ten."""

SETTINGS = {
    "SIDECAR_START": "latest",
    "SIDECAR_BUFFER__STRATEGY": "sample",
    "SIDECAR_BUFFER__SAMPLE_RATE": "10",
    "SIDECAR_FLUSH__MAX_BATCH": str(BATCH),
    "SIDECAR_FLUSH__MAX_IN_FLIGHT": "1",
    "SIDECAR_WRITER__BODY": "values",
}


def at_a_flood(bench: Bench) -> list[Row]:
    """Measure the engine with chunks as they come; and the thread, beside the bare loop, in turns."""
    with steady(bench.bootstrap, RATE) as topic:
        brought = bench.sidecar(
            topic, "python:benchmarks.arrivals:write", "--seconds", str(SECONDS), env={"SIDECAR_START": "latest"}
        )
    run = round(mean(brought.runs))
    alone = of_dropped(bench, run)
    engine = Row(
        f"a flood of {RATE:,} records/s through `sample`: a dropped record, in the engine",
        f"{alone:.3f} µs, in chunks of {run}, as a writer gets them at that rate of 12 partitions",
        f"<= {MOST_DROPPED} µs",
        alone <= MOST_DROPPED,
        {"cost_us": alone, "run": float(run)},
    )
    return [engine, _beside_the_bare_loop(bench)]


def _beside_the_bare_loop(bench: Bench) -> Row:
    limit = ("--latest", "--seconds", str(SECONDS))
    with steady(bench.bootstrap, RATE) as topic, counting_app("--delay", str(DELAY), "--at-once", "1") as url:
        pairs = [
            (bench.bare(topic, *limit), bench.sidecar(topic, url, *limit[1:], env=SETTINGS).of_polled()) for _ in range(ROUNDS)
        ]
    rate = median(ours.rate for _, ours in pairs)
    share = median(ours.counts.dropped / ours.records for _, ours in pairs)
    cost = median((ours.thread_micros - bare.thread_micros) * ours.records / ours.counts.dropped for bare, ours in pairs)
    beside = median(bare.thread_micros for bare, _ in pairs)
    return Row(
        f"a flood of {RATE:,} records/s through `sample`: own cost, consuming thread, by each dropped record",
        f"{cost:+.2f} µs, above the bare loop's {beside:.2f} µs ({rate:,.0f} records/s came, {share:.0%} of them dropped)",
        figures={"own_us": cost, "rate": rate, "dropped_share": share},
    )
