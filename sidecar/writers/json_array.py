"""A batch as one JSON array: the objects are those of :mod:`sidecar.writers.ndjson`, in the order of the batch. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sidecar.core.records import Batch
from sidecar.writers import ndjson
from sidecar.writers.pieces import gathered

_BETWEEN = b",\n"


def encode(batch: Batch) -> Sequence[bytes]:
    """Return the array, in pieces."""
    return gathered(_pieces(batch))


def _pieces(batch: Batch) -> Iterator[bytes]:
    last = b"["
    for piece in ndjson.pieces(batch, _BETWEEN):
        yield last
        last = piece
    yield last.removesuffix(_BETWEEN)
    yield b"]"
