"""What the engine's decisions alone cost a record, without Kafka: where records pass, and where nine in ten are dropped."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from benchmarks.measure import Bench
from benchmarks.table import Row

ROUNDS = 5
MOST_DROPPED = 0.1


def alone(bench: Bench) -> list[Row]:
    """Drive an engine from memory, some times."""
    through, dropped = (median(_micros(bench, how)) for how in ("through", "sampled"))
    return [
        Row("the engine alone: a record that passes", f"{through:.3f} µs", figures={"cost_us": through}),
        Row(
            "the engine alone: a record that `sample` drops, at 1 in 10",
            f"{dropped:.3f} µs",
            f"<= {MOST_DROPPED} µs",
            dropped <= MOST_DROPPED,
            {"cost_us": dropped},
        ),
    ]


def _micros(bench: Bench, how: str) -> Sequence[float]:
    return [bench.program("engine_alone", how).thread_micros for _ in range(ROUNDS)]
