"""How much later a record arrives for the sidecar, at a rate at which batches are filled by waiting: 100 records a second."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median, quantiles

from benchmarks.measure import Bench, steady
from benchmarks.meter import Reading
from benchmarks.table import Row

RATE = 100
SECONDS = 20
SETTLED = 200
"""Records at the beginning that do not count: they found a client that was still finding its way."""

INTERVAL_MS = 100
"""``SIDECAR_FLUSH__MIN_INTERVAL``, as it is by default."""

MOST_ABOVE_MS = 20


def at_a_trickle(bench: Bench) -> list[Row]:
    """Follow a producer, by the bare loop and by the sidecar, to a writer that looks at the clock."""
    with steady(bench.bootstrap, RATE) as topic:
        bare = _percentiles(bench.bare(topic, "--latest", "--waits", "--limit", "1", "--seconds", str(SECONDS)))
        ours = _percentiles(
            bench.sidecar(topic, "python:benchmarks.arrivals:write", "--seconds", str(SECONDS), env={"SIDECAR_START": "latest"})
        )
    added, bar = ours[1] - bare[1], INTERVAL_MS + MOST_ABOVE_MS
    name = f"{RATE} records/s: from producer to"
    return [
        Row(f"{name} the bare loop, a record at a time", _said(bare)),
        Row(f"{name} the sidecar's writer", _said(ours)),
        Row(
            f"{RATE} records/s: latency that the sidecar adds, 99th percentile",
            f"{added:.0f} ms, {ours[1] / bare[1]:.1f} times the bare loop's",
            f"<= {INTERVAL_MS} ms (the interval) + {MOST_ABOVE_MS} ms",
            added <= bar,
            {"added_p99_ms": added},
        ),
    ]


def _percentiles(reading: Reading) -> Sequence[float]:
    """Return the median and the 99th percentile, in ms."""
    waits = reading.waits[SETTLED:]
    return median(waits) * 1000, quantiles(waits, n=100)[98] * 1000


def _said(percentiles: Sequence[float]) -> str:
    return f"{percentiles[0]:.0f} ms, 99th percentile {percentiles[1]:.0f} ms"
