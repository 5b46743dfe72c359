"""Records, held as columns: one :class:`Chunk` per partition and poll, one :class:`Batch` per flush.

A chunk is a run of records of one partition in offset order. Its records are columns
(lists of equal length) because a list of bytes is one object to the garbage collector and
everything the sidecar does (locking, counting, routing) is done once per chunk, never per record.

*Coverage.* Kafka offsets have gaps (compaction, transaction markers, sampled-out records). A chunk
covers the half-open range ``[start, end)``: each record covers from its own offset up to the
next record's. Slices of a chunk tile its coverage exactly, so the ledger needs no
knowledge of gaps inside a chunk.

Chunks and batches are shared between threads and are never changed after construction.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import NamedTuple, cast

RECORD_BYTES = 192
"""Memory of one buffered record beside its payload bytes.

Two ``bytes`` headers (33 bytes each, in 16-byte allocator steps), the timestamp's ``int`` (32), an offset's
``int`` where offsets have gaps (32) and four list slots (8 each). A test
measures it against the allocator.
"""

CHUNK_BYTES = 512
"""Memory of a chunk itself: the object, its columns' list heads, its offsets, its count. Where runs are short it is most of what they take."""

SHORT_KEY = 64
"""What is joined to be measured, in bytes; see :func:`accounted_bytes`."""

HEADER_BYTES = 160
"""Memory of one header beside its key and value: tuple, ``str``, ``bytes`` and list slot."""

HEADERS_BYTES = 72
"""Memory of the list that holds a record's headers."""

_join = cast("Callable[[Iterable[bytes | None]], bytes]", b"".join)
_length = cast("Callable[[bytes | None], int]", len)
"""Both raise TypeError for None."""

Header = tuple[str, bytes | None]
Headers = Sequence[Header]


class TopicPartition(NamedTuple):
    """A partition of a topic: the unit of order, of assignment and of commits."""

    topic: str
    partition: int

    def __str__(self) -> str:
        """Render as ``topic[3]``, the way Kafka's own tools do."""
        return f"{self.topic}[{self.partition}]"


@dataclass(slots=True, eq=False)
class Chunk:
    """Records of one partition from one poll (or a slice of them), in offset order, as columns.

    ``offsets`` is a ``range`` when there are no gaps. ``timestamps`` are Kafka's, in ms since the
    epoch, as the producer or broker set them (-1 when there is none; any 64-bit value is possible).
    ``headers`` is None when nobody asked for headers; inside it, an entry is None when the record has none
    and :data:`UNREADABLE` when the client could not decode them.
    ``end`` is the offset after the covered range, ``nbytes`` the accounted memory (its last record carries :data:`CHUNK_BYTES`), ``polled_at`` the
    monotonic time in seconds when its poll began to gather records, ``polled_wall_ms`` the wall clock at the same moment, ``weight`` the number of polled
    records that each one stands for (above 1 when sampled). ``leader_epoch`` is None when unknown. ``records`` is what ``len()`` says, without a call: chunks are counted many times on their way.
    """

    tp: TopicPartition
    epoch: int
    offsets: Sequence[int]
    timestamps: Sequence[int]
    keys: Sequence[bytes | None]
    values: Sequence[bytes | None]
    headers: Sequence[Headers | None] | None
    end: int
    nbytes: int
    polled_at: float
    polled_wall_ms: int
    weight: int = 1
    leader_epoch: int | None = None
    records: int = field(init=False)

    def __post_init__(self) -> None:
        """Count the records."""
        self.records = len(self.timestamps)

    def __len__(self) -> int:
        """Return ``records``."""
        return self.records

    @property
    def start(self) -> int:
        """The offset of the first record."""
        return self.offsets[0]

    def slice(self, first: int, stop: int) -> Chunk:
        """Return the records ``first`` .. ``stop - 1``; together, adjacent slices cover what the chunk covers, and account for what it does."""
        return self._part(first, stop, self.nbytes - self._bytes_before(first) if stop == len(self) else None)

    def split(self, index: int) -> tuple[Chunk, Chunk]:
        """Return the records before ``index`` and those from it on, neither of them none; like two slices, but the bytes are added up once."""
        head = self.slice(0, index)
        return head, self._part(index, len(self), self.nbytes - head.nbytes)

    def pick(self, indexes: Sequence[int], weight: int) -> Chunk:
        """Return only the records at ``indexes`` (ascending, at least one); the records between become gaps."""
        first = indexes[0]
        picked = (
            itemgetter(*indexes) if len(indexes) > 1 else itemgetter(slice(first, first + 1))
        )  # of one index it makes no sequence
        headers = None if self.headers is None else picked(self.headers)
        keys, values = picked(self.keys), picked(self.values)
        return Chunk(
            self.tp,
            self.epoch,
            _offsets_at(self.offsets, indexes),
            picked(self.timestamps),
            keys,
            values,
            headers,
            self.end,
            CHUNK_BYTES + accounted_bytes(keys, values, headers),
            self.polled_at,
            self.polled_wall_ms,
            weight,
            self.leader_epoch,
        )

    def _part(self, first: int, stop: int, nbytes: int | None) -> Chunk:
        """Return the records ``first`` .. ``stop - 1``, which account for ``nbytes`` (None: what they add up to)."""
        headers = None if self.headers is None else self.headers[first:stop]
        keys, values = self.keys[first:stop], self.values[first:stop]
        return Chunk(
            self.tp,
            self.epoch,
            self.offsets[first:stop],
            self.timestamps[first:stop],
            keys,
            values,
            headers,
            self.offsets[stop] if stop < len(self) else self.end,
            accounted_bytes(keys, values, headers) if nbytes is None else nbytes,
            self.polled_at,
            self.polled_wall_ms,
            self.weight,
            self.leader_epoch,
        )

    def _bytes_before(self, index: int) -> int:
        return accounted_bytes(self.keys[:index], self.values[:index], None if self.headers is None else self.headers[:index])


def _offsets_at(offsets: Sequence[int], indexes: Sequence[int]) -> Sequence[int]:
    """Pick offsets. A range is slow to tell what is at an index; one of offsets has no step but 1."""
    if isinstance(offsets, range):
        start = offsets.start
        return [start + index for index in indexes]
    return [offsets[index] for index in indexes]


UNREADABLE: Headers = ()
"""Stands for headers that the client could not decode (a header key that is not UTF-8); compare by identity."""


def accounted_bytes(
    keys: Sequence[bytes | None],
    values: Sequence[bytes | None],
    headers: Sequence[Headers | None] | None,
) -> int:
    """Return the memory that records with these columns take, in bytes: payload plus :data:`RECORD_BYTES` each."""
    payload = _key_bytes(keys) + _payload_bytes(values)
    if headers is not None:
        payload += sum(map(_headers_bytes, filter(None, headers)))
    return payload + RECORD_BYTES * len(values)


def record_bytes(chunk: Chunk) -> Iterator[int]:
    """Yield the accounted memory of each record of ``chunk``, in order; they add up to ``chunk.nbytes``, so the last one carries the rest."""
    headers = chunk.headers or itertools.repeat(None)
    rest = chunk.nbytes
    for key, value, head in zip(chunk.keys[:-1], chunk.values[:-1], headers, strict=False):
        size = RECORD_BYTES + len(key or b"") + len(value or b"") + (_headers_bytes(head) if head else 0)
        rest -= size
        yield size
    yield rest


def _key_bytes(keys: Sequence[bytes | None]) -> int:
    """Add up the lengths. Keys are mostly short, and then to join them takes a third of the time; long ones are not copied."""
    first = keys[0] if keys else None
    if first is None or len(first) > SHORT_KEY:
        return _payload_bytes(keys)
    try:
        return len(_join(keys))
    except TypeError:  # there is a None
        return _payload_bytes(keys)


def _payload_bytes(column: Sequence[bytes | None]) -> int:
    """Add up the lengths. Most columns have no null in them, and then looking for one costs a third of the whole."""
    try:
        return sum(map(_length, column))
    except TypeError:  # None has no length
        return sum(map(len, filter(None, column)))


def _headers_bytes(headers: Headers) -> int:
    return HEADERS_BYTES + sum(HEADER_BYTES + len(key) + len(value or b"") for key, value in headers)


@dataclass(slots=True, eq=False)
class Batch:
    """What one flush hands to the writer: chunks of one or more partitions, those of one partition in offset order.

    ``expected`` is for a writer that keeps offsets itself (``WriterKind.stored_offsets``; empty for others): by partition the offset that it should find there,
    None where there should be none. It was read when the partition was assigned, or written by the last flush of the same epoch; dropped and
    dead-lettered records may lie between it and the first record. A flush writes the records and ``chunk.end`` of the last chunk of each partition in one
    transaction, and only if it finds what is expected.
    """

    chunks: tuple[Chunk, ...]
    records: int
    nbytes: int
    expected: Mapping[TopicPartition, int | None] = field(default_factory=dict)

    @classmethod
    def of(cls, chunks: Sequence[Chunk], expected: Mapping[TopicPartition, int | None] | None = None) -> Batch:
        """Build a batch and its totals from ``chunks``."""
        return cls(tuple(chunks), sum([c.records for c in chunks]), sum([c.nbytes for c in chunks]), expected or {})


def batch_id(batch: Batch) -> str:
    """Return a name for exactly these records: the same on each retry, in each process, after each restart.

    It is a digest of (topic, partition, first offset, end, count) of each chunk, in order: 32 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for chunk in batch.chunks:
        digest.update(f"{chunk.tp.topic}\0{chunk.tp.partition}\0{chunk.start}\0{chunk.end}\0{len(chunk)}\0".encode())
    return digest.hexdigest()[:32]
