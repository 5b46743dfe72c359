"""Items as records: how what users push travels through an engine that was made for Kafka.

Every item is a record of one partition, :data:`LANE`, at an offset that counts what was taken. Of a record's value the core asks
only for its length (all else it leaves to writers), so a :class:`Parcel` in the column of values is enough: the item as it is, as long as it is large.
No item is copied or serialised, and the core knows nothing of it.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, cast

from sidecar.core.records import Batch, Chunk, TopicPartition, accounted_bytes

LANE = TopicPartition("items", 0)
"""The one partition of a controller."""

EPOCH = 1
"""The lane is assigned once."""


class Parcel:
    """An item with its size in bytes and its key."""

    __slots__ = ("item", "key", "size")

    def __init__(self, item: object, size: int, key: bytes | None) -> None:
        """Wrap ``item``. Raises TypeError for a ``size`` that is no whole number, ValueError below 0."""
        self.size = operator.index(size)
        if size < 0:
            raise ValueError(f"size_of gave {size!r} for an item: give bytes, 0 or more")
        self.item = item
        self.key = key

    def __len__(self) -> int:
        """Return the size, which is all that the core asks of a value."""
        return self.size


def chunk_of(parcel: Parcel, offset: int, now: float) -> Chunk:
    """Return ``parcel`` as the record at ``offset``, pushed at ``now``."""
    keys, values = [parcel.key], cast("Sequence[bytes]", [parcel])
    nbytes = accounted_bytes(keys, values, None)
    return Chunk(LANE, EPOCH, range(offset, offset + 1), [-1], keys, values, None, offset + 1, nbytes, now, -1)


def items_of(batch: Batch) -> list[Any]:
    """Return the items of ``batch`` in order, in a list that is the caller's own."""
    return [parcel.item for chunk in batch.chunks for parcel in cast("Sequence[Parcel]", chunk.values)]


def offsets_of(batch: Batch) -> list[int]:
    """Return the offset of each item of ``batch``, in order."""
    return [offset for chunk in batch.chunks for offset in chunk.offsets]
