"""Rows into a database without Kafka, in batches from memory: the yardstick, and the sidecar's writer alone.

``bare`` is what psycopg's documentation shows: binary COPY, the types set, ``write_row`` for each row, a commit a batch. The others
call the writer as a flusher does. Prints one JSON object, like :mod:`benchmarks.subject`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import psycopg

from benchmarks.measure import value
from benchmarks.meter import Meter, encode
from sidecar.core.records import Batch, Chunk, TopicPartition, accounted_bytes
from sidecar.core.results import Delivered
from sidecar.writers import registry
from sidecar.writers.options import Value
from sidecar.writers.protocol import Surroundings

BATCH = 5_000
AT_MS = 1_700_000_000_000
TP = TopicPartition("rows", 0)

TABLE = (
    'CREATE TABLE rows (topic text, partition int, "offset" bigint, timestamp timestamptz, key bytea, value bytea, headers jsonb)'
)
MAPPED = "id=$.id:bigint, device=$.device:text, text=$.text:text, at=@timestamp:timestamptz"
OPTIONS: Mapping[str, Mapping[str, Value]] = {
    "append": {},
    "without-offsets": {},
    "jsonb": {"value": "jsonb"},
    "mapped": {"columns": MAPPED},
    "upsert": {"columns": MAPPED, "key": "id"},
}
"""The writer's options, by what is measured."""


def main() -> None:
    """Write ``--records`` records of ``--bytes`` into a table ``rows`` at ``--url``, as ``how`` says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("how", choices=["bare", *OPTIONS])
    parser.add_argument("--url", required=True)
    parser.add_argument("--records", type=int, required=True)
    parser.add_argument("--bytes", type=int, required=True)
    options = parser.parse_args()
    write = bare(options.url, options.bytes) if options.how == "bare" else ours(options.url, options.bytes, options.how)
    write(0)  # connects, and makes the tables
    meter = Meter()
    meter.begin()
    for batch in range(1, options.records // BATCH + 1):
        write(batch)
    print(encode(meter.read(options.records // BATCH * BATCH)))


def bare(url: str, size: int) -> Callable[[int], None]:
    """Return what copies the rows of one batch, each time the same."""
    connection = psycopg.connect(url)
    connection.execute(TABLE)
    at = datetime.fromtimestamp(AT_MS / 1000, UTC)
    rows = [(TP.topic, TP.partition, n, at, b"%d" % n, value(n, size), None) for n in range(BATCH)]

    def write(_number: int) -> None:
        with connection.cursor().copy("COPY rows FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["text", "int4", "int8", "timestamptz", "bytea", "bytea", "jsonb"])
            for row in rows:
                copy.write_row(row)
        connection.commit()

    return write


def ours(url: str, size: int, how: str) -> Callable[[int], None]:
    """Return what writes the batch of that number."""
    writer = registry.kind(url, {"table": "rows", "create": True, **OPTIONS[how]}, Surroundings("rows")).create()
    keys, values = [b"%d" % n for n in range(BATCH)], [value(n, size) for n in range(BATCH)]
    timestamps, headers = [AT_MS] * BATCH, [None] * BATCH
    size = accounted_bytes(keys, values, None)

    def write(number: int) -> None:
        first = number * BATCH
        offsets = range(first, first + BATCH)
        chunk = Chunk(TP, 1, offsets, timestamps, keys, values, headers, first + BATCH, size, 0.0, 0)
        batch = Batch.of([chunk], {} if how == "without-offsets" else {TP: first or None})
        result = writer.write(batch, 1, time.monotonic() + 30)
        assert result == Delivered(), result  # noqa: S101 -- else the figure would mean nothing

    return write


if __name__ == "__main__":
    main()
