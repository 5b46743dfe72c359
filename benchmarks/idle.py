"""What the sidecar takes of the CPU while no record comes: the real process, with nobody who asks it anything."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from benchmarks.measure import PARTITIONS, Bench
from benchmarks.meter import share_of_core
from benchmarks.table import Row
from tests.parts.process import SidecarProcess
from tests.parts.topics import create_topic, fresh_name

SETTLED = 5.0
SECONDS = 30.0
MOST = 0.01


def without_records(bench: Bench) -> list[Row]:
    """Let the bare loop and the sidecar own partitions that nobody writes to."""
    topic = fresh_name("idle")
    create_topic(bench.bootstrap, topic, PARTITIONS)
    reading = bench.bare(topic, "--seconds", str(SECONDS))
    bare, ours = reading.process / reading.seconds, _share(bench, topic)
    measured = f"{ours:.2%} of a core, {ours / bare:.1f} times the bare loop's"
    return [
        Row("idle: bare loop", f"{bare:.2%} of a core"),
        Row("idle: sidecar", measured, f"<= {MOST:.0%} of a core", ours <= MOST, {"share": ours}),
    ]


def _share(bench: Bench, topic: str) -> float:
    with tempfile.TemporaryDirectory(prefix="kafka-sidecar-bench-") as folder:
        settings = bench.settings(topic, "discard:")
        del settings["SIDECAR_HTTP__LISTEN"]  # it is given a port
        with SidecarProcess(settings, Path(folder)) as sidecar:
            sidecar.wait_ready()
            time.sleep(SETTLED)
            return share_of_core(sidecar.child.pid, SECONDS)
