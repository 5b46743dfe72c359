"""What the sidecar reaches with a file of SQLite, exactly once: with the broker on the same two cores, and the file on the disk of the temporary folder."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from benchmarks.measure import Bench, backlog
from benchmarks.meter import Reading
from benchmarks.rows import MAPPED
from benchmarks.table import Row

RECORDS = 1_000_000
VALUE_BYTES = 200
LEAST_RATE = 150_000

ALONE = ("append", "without-offsets", "mapped", "upsert")
"""What :mod:`benchmarks.rows` writes from memory."""

MODES: Mapping[str, Mapping[str, str]] = {
    "append": {},
    "mapped": {"SIDECAR_WRITER__COLUMNS": MAPPED},
    "upsert": {"SIDECAR_WRITER__COLUMNS": MAPPED, "SIDECAR_WRITER__KEY": "id"},
}


def exactly_once(bench: Bench) -> list[Row]:
    """Bring a backlog into a table; beside it the writer alone, and the other modes."""
    topic = backlog(bench.bootstrap, RECORDS, VALUE_BYTES)
    with tempfile.TemporaryDirectory(prefix="kafka-sidecar-bench-") as folder:
        alone = [_alone(bench, Path(folder), how) for how in ALONE]
        return [*alone, *(_delivered(bench, Path(folder), topic, mode) for mode in MODES)]


def _alone(bench: Bench, folder: Path, how: str) -> Row:
    path = folder / f"{how}-alone.db"
    reading = bench.rows(how, f"sqlite://{path}", RECORDS, VALUE_BYTES)
    path.unlink()
    return _row(f"sqlite: the writer alone, {how}", reading, barred=how == "append")


def _delivered(bench: Bench, folder: Path, topic: str, mode: str) -> Row:
    path = folder / f"{mode}.db"
    env = {"SIDECAR_WRITER__TABLE": "rows", "SIDECAR_WRITER__CREATE": "true", **MODES[mode]}
    reading = bench.sidecar(topic, f"sqlite://{path}", "--records", str(RECORDS), env=env)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM rows").fetchone() == (RECORDS,)  # noqa: S101 -- else the figure would mean nothing
    path.unlink()
    return _row(f"sqlite: exactly once from Kafka, {mode}", reading, barred=mode == "append")


def _row(what: str, reading: Reading, *, barred: bool) -> Row:
    measured = f"{reading.rate:,.0f} records/s, {reading.process_micros:.2f} µs of its process a record"
    return Row(what, measured, f">= {LEAST_RATE:,}", reading.rate >= LEAST_RATE) if barred else Row(what, measured)
