"""What the engine's decisions alone cost a record, without Kafka: where records pass, and where nine in ten are dropped."""

from __future__ import annotations

from benchmarks.engine_alone import POLL, RUN
from benchmarks.measure import Bench
from benchmarks.table import Row

ROUNDS = 5
MOST_DROPPED = 0.1


def alone(bench: Bench) -> list[Row]:
    """Drive an engine from memory, some times."""
    through = _micros(bench, "through")
    row = Row("the engine alone: a record that passes", f"{through:.3f} µs", figures={"cost_us": through})
    return [row, *(_dropped(bench, run) for run in (RUN, POLL))]


def of_dropped(bench: Bench, run: int) -> float:
    """Return what the engine takes for a record that `sample` drops, in chunks of ``run`` records, in microseconds."""
    return _micros(bench, "sampled", "--run", str(run))


def _dropped(bench: Bench, run: int) -> Row:
    cost = of_dropped(bench, run)
    return Row(
        f"the engine alone: a record that `sample` drops, at 1 in 10, in chunks of {run:,}",
        f"{cost:.3f} µs",
        f"<= {MOST_DROPPED} µs",
        cost <= MOST_DROPPED,
        {"cost_us": cost},
    )


def _micros(bench: Bench, how: str, *options: str) -> float:
    """Return the least of some rounds: nothing is waited for, so what a round takes above it is the machine's (the advice of Python's ``timeit``)."""
    return min(bench.program("engine_alone", how, *options).thread_micros for _ in range(ROUNDS))
