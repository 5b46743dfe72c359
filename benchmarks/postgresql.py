"""What the sidecar reaches with PostgreSQL, exactly once: with broker and database on the same two cores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

from benchmarks.measure import Bench, backlog
from benchmarks.meter import Reading
from benchmarks.rows import MAPPED
from benchmarks.table import Row
from tests.parts.postgresql import PostgreSQL, real_postgresql

RECORDS = 1_000_000
VALUE_BYTES = 200
ROUNDS = 3

LEAST_RATE = 250_000
MOST_FOR_OFFSETS = 0.10
MOST_OVER_SUM = 0.25

MODES: Mapping[str, Mapping[str, str]] = {
    "append": {},
    "mapped": {"SIDECAR_WRITER__COLUMNS": MAPPED},
    "upsert": {"SIDECAR_WRITER__COLUMNS": MAPPED, "SIDECAR_WRITER__KEY": "id"},
}


@dataclass(frozen=True, slots=True)
class _Stage:
    """Where records come from and rows go to; each measurement begins without tables, and with nothing for the database to catch up with."""

    bench: Bench
    database: PostgreSQL
    topic: str

    def consumed(self) -> Reading:
        return self.bench.bare(self.topic, "--records", str(RECORDS))

    def written(self, how: str) -> Reading:
        self._clear()
        return self.bench.rows(how, self.database.url, RECORDS, VALUE_BYTES)

    def delivered(self, mode: str) -> Reading:
        self._clear()
        env = {"SIDECAR_WRITER__TABLE": "rows", "SIDECAR_WRITER__CREATE": "true", **MODES[mode]}
        reading = self.bench.sidecar(self.topic, self.database.url, "--records", str(RECORDS), env=env)
        assert self.database.query("SELECT count(*) FROM rows") == [(RECORDS,)]  # noqa: S101 -- else the figure would mean nothing
        return reading

    def _clear(self) -> None:
        self.database.query("DROP TABLE IF EXISTS rows, kafka_sidecar_offsets")
        self.database.query("CHECKPOINT")


def exactly_once(bench: Bench) -> list[Row]:
    """Bring a backlog into a table; in turns with it the parts alone, and the other modes."""
    with real_postgresql() as database:
        stage = _Stage(bench, database, backlog(bench.bootstrap, RECORDS, VALUE_BYTES))
        return _rows([_round(stage) for _ in range(ROUNDS)])


def _round(stage: _Stage) -> Mapping[str, Reading]:
    written = {f"written {how}": stage.written(how) for how in ("bare", "without-offsets", "append", "jsonb", "mapped", "upsert")}
    return {"consumed": stage.consumed(), **written, **{mode: stage.delivered(mode) for mode in MODES}}


def _rows(rounds: list[Mapping[str, Reading]]) -> list[Row]:
    rates = {name: median(readings[name].rate for readings in rounds) for name in rounds[0]}
    offsets = median(_seconds(each, "written append") / _seconds(each, "written without-offsets") - 1 for each in rounds)
    sums = median(_seconds(each, "append") / (_seconds(each, "consumed") + _seconds(each, "written bare")) - 1 for each in rounds)
    return [
        *(_rate(f"postgresql: {name}", rates[key], rounds, key) for name, key in _ALONE),
        Row("postgresql: the offsets row costs", f"{offsets:+.1%}", f"<= {MOST_FOR_OFFSETS:.0%}", offsets <= MOST_FOR_OFFSETS),
        Row(
            "postgresql: exactly once from Kafka",
            f"{rates['append']:,.0f} records/s",
            f">= {LEAST_RATE:,}",
            rates["append"] >= LEAST_RATE,
        ),
        Row("postgresql: over the sum of both alone", f"{sums:+.0%}", f"<= {MOST_OVER_SUM:.0%}", sums <= MOST_OVER_SUM),
        *(_rate(f"postgresql: exactly once from Kafka, {mode}", rates[mode], rounds, mode) for mode in MODES),
    ]


_ALONE = (
    ("the bare loop alone", "consumed"),
    ("a bare COPY alone, `write_row`", "written bare"),
    ("the writer alone, without offsets", "written without-offsets"),
    ("the writer alone", "written append"),
    ("the writer alone, value as jsonb", "written jsonb"),
    ("the writer alone, mapped (4 columns)", "written mapped"),
    ("the writer alone, upsert (4 columns)", "written upsert"),
)


def _seconds(readings: Mapping[str, Reading], name: str) -> float:
    return readings[name].seconds / readings[name].records


def _rate(what: str, rate: float, rounds: list[Mapping[str, Reading]], name: str) -> Row:
    cpu = median(readings[name].process_micros for readings in rounds)
    return Row(what, f"{rate:,.0f} records/s, {cpu:.2f} µs of its process a record")
