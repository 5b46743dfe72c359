"""Where the time of the consuming thread goes at a backlog, by stage (:mod:`benchmarks.stages`)."""

from __future__ import annotations

from collections import defaultdict

from benchmarks.measure import Bench, backlog
from benchmarks.own_cost import POLICIES, RECORDS
from benchmarks.table import Row

ROUNDS = 3


def by_stage(bench: Bench) -> list[Row]:
    """Look at what it does, with policies on."""
    topic = backlog(bench.bootstrap, RECORDS)
    limit = ("--records", str(RECORDS), "--stages")
    seconds: defaultdict[str, float] = defaultdict(float)
    for _ in range(ROUNDS):
        for stage, took in bench.sidecar(topic, "discard:", *limit, env=POLICIES).stages.items():
            seconds[stage] += took
    whole = sum(seconds.values())
    return [_row(stage, seconds[stage], whole) for stage in sorted(seconds, key=seconds.__getitem__, reverse=True)]


def _row(stage: str, took: float, whole: float) -> Row:
    micros = took / (ROUNDS * RECORDS) * 1e6
    return Row(
        f"profile, backlog with policies: {stage}", f"{micros:.3f} µs a record, {took / whole:.0%}", figures={"us": micros}
    )
