"""What the engine's decisions alone cost a record, without Kafka: where records pass, and where nine in ten are dropped."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from benchmarks.measure import Bench
from benchmarks.table import Row

ROUNDS = 5
MOST_DROPPED = 0.1

SAMPLED = {"sampled": "12 chunks of 166 a poll", "sampled-one": "one chunk of 2,000 a poll"}


def alone(bench: Bench) -> list[Row]:
    """Drive an engine from memory, some times."""
    through = median(_micros(bench, "through"))
    row = Row("the engine alone: a record that passes", f"{through:.3f} µs", figures={"cost_us": through})
    return [row, *(_dropped(bench, how, shape) for how, shape in SAMPLED.items())]


def _dropped(bench: Bench, how: str, shape: str) -> Row:
    cost = median(_micros(bench, how))
    return Row(
        f"the engine alone: a record that `sample` drops, at 1 in 10, {shape}",
        f"{cost:.3f} µs",
        f"<= {MOST_DROPPED} µs",
        cost <= MOST_DROPPED,
        {"cost_us": cost},
    )


def _micros(bench: Bench, how: str) -> Sequence[float]:
    return [bench.program("engine_alone", how).thread_micros for _ in range(ROUNDS)]
