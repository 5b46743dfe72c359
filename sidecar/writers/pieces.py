r"""A batch in pieces: what it becomes is made part by part, so that the work on it takes little memory beside the result. Pure.

A record whose payload is larger than a piece is itself written in several, since as text a byte can become six (``\u0000``).
"""

from __future__ import annotations

import base64
import codecs
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import msgspec

from sidecar.core.records import Batch, Chunk, record_bytes

Pieces = Sequence[bytes]

GZIP = 16 + zlib.MAX_WBITS
"""Tells zlib that a gzip header and trailer are around the data."""

PIECE = 256 * 1024
"""Bytes of records that are made into text at once; and how much text is at least sent at once, where there is more to come."""

_SLICE = 48 * 1024
"""Bytes of a large payload that are made into text at once; base64 wants a multiple of three."""

_to_json = msgspec.json.Encoder().encode


def small_chunks(batch: Batch) -> Iterator[Chunk]:
    """Yield the records of ``batch`` in chunks of at most :data:`PIECE` bytes, or of one record."""
    for chunk in batch.chunks:
        if chunk.nbytes <= PIECE:
            yield chunk
        else:
            yield from _cut(chunk)


def is_large(chunk: Chunk) -> bool:
    """Tell whether ``chunk`` is one record whose payload is larger than a piece."""
    return chunk.nbytes > PIECE and len(chunk) == 1 and len(chunk.values[0] or b"") > PIECE


class Compressor(Protocol):
    """One member, or frame, of a format for compression."""

    def compress(self, data: bytes, /) -> bytes:
        """Take more in; return what is ready."""

    def flush(self) -> bytes:
        """End; return the rest."""


def compressed(pieces: Pieces, compressor: Compressor) -> Pieces:
    """Return ``pieces`` as one member of what ``compressor`` makes."""
    return [*map(compressor.compress, pieces), compressor.flush()]


def gathered(pieces: Iterable[bytes]) -> Pieces:
    """Return the same bytes in pieces that are not too small to be sent one by one."""
    whole, some, size = list[bytes](), list[bytes](), 0
    for piece in pieces:
        some.append(piece)
        size += len(piece)
        if size >= PIECE:
            whole.append(b"".join(some))
            some, size = [], 0
    return [*whole, b"".join(some)] if some or not whole else whole


def json_string(payload: bytes) -> Iterator[bytes]:
    """Yield UTF-8 as what stands between the quotes of a JSON string."""
    for text in codecs.iterdecode(_slices(payload), "utf-8"):
        yield _to_json(text)[1:-1]


def base64_of(payload: bytes) -> Iterator[bytes]:
    """Yield base64."""
    return map(base64.b64encode, _slices(payload))


def is_utf8(payload: bytes) -> bool:
    """Tell whether ``payload`` is UTF-8; the text of a large one, which takes up to four times its size, is not made as a whole."""
    try:
        for _ in codecs.iterdecode(_slices(payload), "utf-8"):
            pass
    except UnicodeDecodeError:
        return False
    return True


def _slices(payload: bytes) -> Iterator[bytes]:
    return (payload[at : at + _SLICE] for at in range(0, len(payload), _SLICE))


def _cut(chunk: Chunk) -> Iterator[Chunk]:
    first = size = 0
    for index, nbytes in enumerate(record_bytes(chunk)):
        if size and size + nbytes > PIECE:
            yield chunk.slice(first, index)
            first, size = index, 0
        size += nbytes
    yield chunk.slice(first, len(chunk))
