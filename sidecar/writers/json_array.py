"""A batch as one JSON array: the objects are those of :mod:`sidecar.writers.ndjson`, in the order of the batch. Pure."""

from __future__ import annotations

from sidecar.core.records import Batch
from sidecar.writers import ndjson


def encode(batch: Batch) -> bytes:
    """Return the array."""
    *others, last = batch.chunks
    objects = [ndjson.encode_chunk(chunk, b",\n") for chunk in others]
    return b"".join([b"[", *objects, ndjson.encode_chunk(last, b",\n")[:-2], b"]"])
