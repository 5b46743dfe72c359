"""What the sidecar reaches with a file of SQLite, exactly once: with the broker on the same two cores, and the file on the disk of the temporary folder."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from statistics import median

from benchmarks.measure import Bench, backlog
from benchmarks.meter import Reading
from benchmarks.rows import MAPPED
from benchmarks.table import Row

RECORDS = 1_000_000
VALUE_BYTES = 200
ROUNDS = 3
"""Of each the median counts: a disk that others write to as well makes one round tell little."""

LEAST_RATE = 150_000

ALONE = ("append", "without-offsets", "mapped", "upsert")
"""What :mod:`benchmarks.rows` writes from memory."""

MODES: Mapping[str, Mapping[str, str]] = {
    "append": {},
    "mapped": {"SIDECAR_WRITER__COLUMNS": MAPPED},
    "upsert": {"SIDECAR_WRITER__COLUMNS": MAPPED, "SIDECAR_WRITER__KEY": "id"},
}


def exactly_once(bench: Bench) -> list[Row]:
    """Bring a backlog into a table; in turns with it the writer alone, and the other modes."""
    topic = backlog(bench.bootstrap, RECORDS, VALUE_BYTES)
    with tempfile.TemporaryDirectory(prefix="kafka-sidecar-bench-") as folder:
        rounds = [_round(bench, topic, Path(folder) / f"{number}.db") for number in range(ROUNDS)]
    return [_row(what, [readings[what] for readings in rounds]) for what in rounds[0]]


def _round(bench: Bench, topic: str, path: Path) -> Mapping[str, Reading]:
    alone = {f"sqlite: the writer alone, {how}": _alone(bench, path, how) for how in ALONE}
    return alone | {f"sqlite: exactly once from Kafka, {mode}": _delivered(bench, path, topic, mode) for mode in MODES}


def _alone(bench: Bench, path: Path, how: str) -> Reading:
    reading = bench.rows(how, f"sqlite://{path}", RECORDS, VALUE_BYTES)
    path.unlink()
    return reading


def _delivered(bench: Bench, path: Path, topic: str, mode: str) -> Reading:
    env = {"SIDECAR_WRITER__TABLE": "rows", "SIDECAR_WRITER__CREATE": "true", **MODES[mode]}
    reading = bench.sidecar(topic, f"sqlite://{path}", "--records", str(RECORDS), env=env)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM rows").fetchone() == (RECORDS,)  # noqa: S101 -- else the figure would mean nothing
    path.unlink()
    return reading


def _row(what: str, readings: Sequence[Reading]) -> Row:
    rate, cpu = (median(getattr(reading, name) for reading in readings) for name in ("rate", "process_micros"))
    measured = f"{rate:,.0f} records/s, {cpu:.2f} µs of its process a record"
    return Row(what, measured, f">= {LEAST_RATE:,}", rate >= LEAST_RATE) if what.endswith("append") else Row(what, measured)
