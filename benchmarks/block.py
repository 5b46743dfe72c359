"""What a hold costs: whether what was fetched before is fetched again after a short one, and how soon records come after a long one."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from benchmarks.http import BATCHES, IN_FLIGHT, SLOW_AT_ONCE, SLOW_DELAY
from benchmarks.measure import Bench, backlog, counting_app
from benchmarks.table import Row

RECORDS = 2_000_000
MOST_MS = 10.0


def held_and_resumed(bench: Bench) -> list[Row]:
    """Hold partitions for less than ``pause_after`` with a slow application; then pause and resume them, as after a longer hold."""
    topic = backlog(bench.bootstrap, RECORDS)
    env = {**BATCHES, **IN_FLIGHT, "SIDECAR_WRITER__BODY": "values"}
    with counting_app("--delay", str(SLOW_DELAY), "--at-once", str(SLOW_AT_ONCE)) as url:
        counts = bench.sidecar(topic, url, "--records", str(RECORDS), env=env).counts
    bare, ours = (_waits(bench, topic, how) for how in ("bare", "sidecar"))
    return [
        Row(
            "holds shorter than `pause_after`: bytes fetched again",
            f"{counts.refetched:,} ({counts.holds:,} holds, {counts.pauses} pauses)",
            "0",
            counts.holds > 0 and counts.refetched == 0,
        ),
        Row("from resume to the first record: `resume()` alone", _said(bare)),
        Row(
            "from resume to the first record: sidecar",
            _said(ours),
            f"<= {MOST_MS:g} ms",
            max(ours) <= MOST_MS,
            {"median_ms": median(ours), "most_ms": max(ours)},
        ),
    ]


def _waits(bench: Bench, topic: str, how: str) -> Sequence[float]:
    reading = bench.program("resuming", how, "--bootstrap", bench.bootstrap, "--topic", topic)
    return [seconds * 1000 for seconds in reading.waits]


def _said(waits: Sequence[float]) -> str:
    return f"{median(waits):.1f} ms, at most {max(waits):.1f} ms of {len(waits)}"
