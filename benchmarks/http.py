"""What the sidecar reaches with an HTTP application: one that only counts, and one that is slow. All on the same two cores."""

from __future__ import annotations

from statistics import median

from benchmarks.measure import Bench, backlog, counting_app
from benchmarks.meter import Reading
from benchmarks.table import Row

RECORDS = 2_000_000
ROUNDS = 3
MEGABYTE = 1_000_000
MOST_MEMORY = 250
BATCH = 500
SLOW_DELAY = 0.02
SLOW_AT_ONCE = 8
SLOW_CAPACITY = BATCH * SLOW_AT_ONCE / SLOW_DELAY
SLOW_SHARE = 0.9

BATCHES = {"SIDECAR_FLUSH__MAX_BATCH": str(BATCH)}
IN_FLIGHT = {"SIDECAR_FLUSH__MAX_IN_FLIGHT": "12"}


def counting(bench: Bench) -> list[Row]:
    """Post batches of 500 to an application that only counts."""
    topic = backlog(bench.bootstrap, RECORDS)
    rows = []
    for body, bar in (("values", 250_000), ("ndjson", 150_000)):
        readings = [_to(bench, topic, body) for _ in range(ROUNDS)]
        rate = median(reading.rate for reading in readings)
        rows += [
            Row(f"http `{body}`: rate", f"{rate:,.0f} records/s", f">= {bar:,}", rate >= bar),
            Row(f"http `{body}`: CPU of the process", f"{median(r.process_micros for r in readings):.2f} µs a record"),
            _memory(f"http `{body}`", readings),
        ]
    return rows


def slow(bench: Bench) -> list[Row]:
    """Post to an application that takes 20 ms for a request and 8 requests at once."""
    topic = backlog(bench.bootstrap, RECORDS)
    env = {**BATCHES, **IN_FLIGHT, "SIDECAR_WRITER__BODY": "values"}
    with counting_app("--delay", str(SLOW_DELAY), "--at-once", str(SLOW_AT_ONCE)) as url:
        readings = [bench.sidecar(topic, url, "--records", str(RECORDS), env=env) for _ in range(ROUNDS)]
    whole, share = (median(rates) / SLOW_CAPACITY for rates in ([r.rate for r in readings], [r.later_rate for r in readings]))
    return [
        Row(f"slow application: share of its {SLOW_CAPACITY:,.0f} records/s from the assignment on", f"{whole:.2f}"),
        Row(
            f"slow application: share of its {SLOW_CAPACITY:,.0f} records/s once several batches are in flight, in the second half",
            f"{share:.2f}",
            f">= {SLOW_SHARE}",
            share >= SLOW_SHARE,
        ),
    ]


def _to(bench: Bench, topic: str, body: str) -> Reading:
    with counting_app() as url:
        return bench.sidecar(topic, url, "--records", str(RECORDS), env={**BATCHES, "SIDECAR_WRITER__BODY": body})


def _memory(name: str, readings: list[Reading]) -> Row:
    most = max(reading.rss for reading in readings) / MEGABYTE
    return Row(f"{name}: largest resident memory", f"{most:.0f} MB", f"<= {MOST_MEMORY} MB", most <= MOST_MEMORY)
