"""What posting costs without Kafka: the writer beside ``http.client``, batches of 1,000 records of 200 bytes, payloads alone."""

from __future__ import annotations

from statistics import median

from benchmarks.measure import Bench, counting_app
from benchmarks.posting import BATCH, BYTES
from benchmarks.table import Row

ROUNDS = 5
LEAST_RATE = 500_000


def the_writer_alone(bench: Bench) -> list[Row]:
    """Post from memory, in turns."""
    with counting_app() as url:
        pairs = [
            (bench.program("posting", "bare", "--url", url), bench.program("posting", "sidecar", "--url", url))
            for _ in range(ROUNDS)
        ]
    bare, ours = (median(pair[which].rate for pair in pairs) for which in (0, 1))
    share = median(ours.rate / bare.rate for bare, ours in pairs)
    micros = median(ours.process_micros for _, ours in pairs)
    name = f"http `values` from memory, batches of {BATCH:,} of {BYTES} bytes"
    return [
        Row(f"{name}: `http.client`", f"{bare:,.0f} records/s"),
        Row(
            f"{name}: the writer alone",
            f"{ours:,.0f} records/s, {share:.2f} of that, {micros:.2f} µs of its process a record",
            f">= {LEAST_RATE:,}",
            ours >= LEAST_RATE,
            {"rate": ours, "share": share},
        ),
    ]
