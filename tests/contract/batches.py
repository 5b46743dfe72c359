"""Batches for the tests of the writers."""

from __future__ import annotations

from collections.abc import Sequence

from sidecar.core.records import Batch, Chunk, Headers, TopicPartition, accounted_bytes
from sidecar.writers import ndjson


def chunk(  # noqa: PLR0913 -- the columns of a chunk
    values: Sequence[bytes | None],
    *,
    keys: Sequence[bytes | None] | None = None,
    headers: Sequence[Headers | None] | None = None,
    timestamps: Sequence[int] | None = None,
    offset: int = 0,
    partition: int = 0,
    weight: int = 1,
) -> Chunk:
    """Return a chunk of topic ``orders`` that begins at ``offset``."""
    count = len(values)
    keys = [None] * count if keys is None else keys
    timestamps = [1_700_000_000_000] * count if timestamps is None else timestamps
    end = offset + count
    size = accounted_bytes(keys, values, headers)
    place = TopicPartition("orders", partition)
    return Chunk(place, 1, range(offset, end), timestamps, keys, values, headers, end, size, 0.0, 0, weight)


def numbers(first: int, stop: int, partition: int = 0) -> Batch:
    """Return a batch whose records' values are their offsets, as JSON."""
    return Batch.of([chunk([b'{"id":%d}' % n for n in range(first, stop)], offset=first, partition=partition)])


def lines_of(batch: Batch) -> bytes:
    """Return ``batch`` as NDJSON."""
    return b"".join(ndjson.encode(batch))
