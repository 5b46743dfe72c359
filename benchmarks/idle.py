"""What the sidecar takes of the CPU while no record comes."""

from __future__ import annotations

from benchmarks.measure import PARTITIONS, Bench
from benchmarks.meter import Reading
from benchmarks.table import Row
from tests.parts.topics import create_topic, fresh_name

SECONDS = 30
MOST = 0.01


def without_records(bench: Bench) -> list[Row]:
    """Let the bare loop and the sidecar own partitions that nobody writes to."""
    topic = fresh_name("idle")
    create_topic(bench.bootstrap, topic, PARTITIONS)
    bare = _share(bench.bare(topic, "--seconds", str(SECONDS)))
    ours = _share(bench.sidecar(topic, "discard:", "--seconds", str(SECONDS)))
    return [
        Row("idle: bare loop", f"{bare:.2%} of a core"),
        Row(
            "idle: sidecar",
            f"{ours:.2%} of a core, {ours / bare:.1f} times the bare loop's",
            "<= 1 %",
            ours <= MOST,
            {"share": ours},
        ),
    ]


def _share(reading: Reading) -> float:
    return reading.process / reading.seconds
