"""What one bad record costs: the time of a batch of 10,000 rows to PostgreSQL with a row that violates a constraint, over the same batch without it.

The engine and the writer alone, driven from here as the loop drives them, without Kafka and without threads: ``named`` as the writer tells (COPY says in which row it was),
``halved`` with the name taken away, as a writer would that cannot tell. The bad row lies where most halves are needed: behind the middle.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from random import Random
from statistics import median

from benchmarks.measure import Bench
from benchmarks.rows import TP
from benchmarks.table import Row
from sidecar.core.actions import DeadLetter, Locate, StartFlush
from sidecar.core.config import DeadLetterRules, EngineConfig, FlushLimits
from sidecar.core.engine import Engine
from sidecar.core.events import Assigned, DeadLetterFinished, Event, FlushFinished, Located, Polled, Tick
from sidecar.core.records import Chunk, accounted_bytes
from sidecar.core.results import Poison, Result
from sidecar.writers import registry
from sidecar.writers.protocol import Surroundings, Writer
from tests.parts.postgresql import PostgreSQL, real_postgresql

RECORDS = 10_000
BAD = 5_001
ROUNDS = 5
MOST = 5.0

Told = Callable[[Result], Result]


def one_bad_record(_bench: Bench) -> list[Row]:
    """Write batches with and without a bad row, in turns."""
    with real_postgresql() as database:
        rounds = [
            (_seconds(database, None, _as_told), _seconds(database, BAD, _as_told), _seconds(database, BAD, _unnamed))
            for _ in range(ROUNDS)
        ]
    return [
        _row("named by COPY", median(named / clean for clean, named, _ in rounds)),
        _row("found by halves", median(halved / clean for clean, _, halved in rounds)),
    ]


def _as_told(result: Result) -> Result:
    return result


def _unnamed(result: Result) -> Result:
    return replace(result, named=()) if isinstance(result, Poison) else result


def _row(how: str, ratio: float) -> Row:
    what = f"postgresql: one bad row among {RECORDS:,}, {how}"
    return Row(what, f"{ratio:.1f} times the time of the clean batch", f"<= {MOST:g}", ratio <= MOST)


def _seconds(database: PostgreSQL, bad: int | None, told: Told) -> float:
    """Return how long the batch takes until each record has its outcome."""
    database.query(
        "DROP TABLE IF EXISTS rows, kafka_sidecar_offsets; CREATE TABLE rows (number bigint CHECK (number >= 0), name text)"
    )
    columns = "number=$.number:bigint, name=$.name:text"
    kind = registry.kind(database.url, {"table": "rows", "columns": columns, "create": True}, Surroundings("bench"))
    writer = kind.create()
    try:
        writer.connect(time.monotonic() + 30)
        began = time.perf_counter()
        _play(writer, bad, told)
        return time.perf_counter() - began
    finally:
        writer.close()


def _play(writer: Writer, bad: int | None, told: Told) -> None:
    limits = FlushLimits(first_batch=RECORDS, max_batch=RECORDS, max_batch_bytes=1 << 30)
    config = EngineConfig(
        max_messages=2 * RECORDS, max_bytes=1 << 30, flush=limits, dead_letters=DeadLetterRules(), stored_offsets=True
    )
    engine = Engine(config, Random(1))  # noqa: S311 -- spreads retries
    events: list[Event] = [Assigned({TP: 0}), Polled([_chunk(bad)])]
    now = time.monotonic()
    while events or engine.snapshot(now).buffer_records:
        now = max(now, time.monotonic())
        if not events:  # what is left waits for a full batch; that is not what is measured
            now, events = max(now, engine.next_due(now) or now), [Tick()]
        for action in engine.handle(events.pop(0), now):
            match action:
                case Locate():
                    events.insert(0, Located(dict.fromkeys(action.epochs, None), action.epochs))
                case StartFlush():
                    result = told(writer.write(action.batch, action.attempt, time.monotonic() + 30))
                    events.append(FlushFinished(action.flight, result, 0.01))
                case DeadLetter():
                    events.append(DeadLetterFinished(action.number, None))
                case _:
                    pass
    books = engine.snapshot(now).books
    assert books.delivered == {TP.topic: RECORDS - (bad is not None)}, books  # noqa: S101 -- else the figure would mean nothing


def _chunk(bad: int | None) -> Chunk:
    values = [b'{"number": %d, "name": "a customer of ours"}' % (-1 if number == bad else number) for number in range(RECORDS)]
    keys = [None] * RECORDS
    nbytes = accounted_bytes(keys, values, None)
    now = time.monotonic()
    return Chunk(TP, 1, range(RECORDS), [0] * RECORDS, keys, values, None, RECORDS, nbytes, now, int(time.time() * 1000))
