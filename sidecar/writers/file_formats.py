"""How lines lie in a file, and where the last whole piece of it ends: as they are, or a frame a batch, compressed.

A frame is a gzip member or a zstd frame. Both formats say that frames which follow each other are one stream (RFC 1952 §2.2, RFC 8878
§3), so any tool reads the file, and a frame that a crash has torn can be cut off without touching those before it.
"""

from __future__ import annotations

import os
import sys
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from sidecar.writers.options import Value
from sidecar.writers.pieces import GZIP, Compressor, Pieces, compressed

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_BLOCK = 64 * 1024
"""How much is read at once: bytes."""

_MAGIC = 4
"""The bytes with which each of our frames begins: zstd's magic number; gzip's, its method, and no flags."""


class Damaged(Exception):  # noqa: N818 -- the state of the file
    """What is in the file is not only cut short: it is not what was written. Nobody can say where the next frame begins."""


@dataclass(frozen=True, slots=True)
class Format:
    """``suffix`` ends the names of the files, ``pack`` makes what is written of a batch's lines, both in pieces.

    ``whole`` takes a file descriptor and its length, and returns the offset after the last whole line or frame; it raises Damaged.
    """

    suffix: str
    pack: Callable[[Pieces], Pieces]
    whole: Callable[[int, int], int]


class _Decompressor(Protocol):
    """One frame; ``eof`` tells that its end was reached, ``unused_data`` is what follows it."""

    def decompress(self, data: bytes, /) -> bytes: ...
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...


def _end_of_last_line(file: int, length: int) -> int:
    """Return the offset after the last newline, 0 where there is none; reads from the end."""
    stop = length
    while stop > 0:
        start = max(0, stop - _BLOCK)
        newline = os.pread(file, stop - start, start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        stop = start
    return 0


def _end_of_last_frame(begin: Callable[[], _Decompressor], magic: bytes, file: int, length: int) -> int:
    """Return the offset after the last whole frame; reads all of the file, and looks at each checksum.

    A length that was damaged can make a frame look cut short which is not the last one; then another begins behind it, with ``magic``.
    """
    whole = at = 0
    frame = begin()
    while piece := os.pread(file, min(_BLOCK, length - at), at):
        at += len(piece)
        while piece:
            _decompress(frame, piece)
            piece = frame.unused_data
            if frame.eof:
                whole, frame = at - len(piece), begin()
    if _holds(magic, file, whole + 1, length):
        raise Damaged("a frame is cut short, and another follows it")
    return whole


def _holds(magic: bytes, file: int, start: int, stop: int) -> bool:
    """Tell whether ``magic`` is in the file from ``start`` to ``stop``; blocks overlap, so that it is found across their edges."""
    return any(magic in os.pread(file, min(_BLOCK + len(magic) - 1, stop - begin), begin) for begin in range(start, stop, _BLOCK))


def _decompress(frame: _Decompressor, piece: bytes) -> None:
    try:
        frame.decompress(piece)
    except (zlib.error, zstd.ZstdError) as error:
        raise Damaged(str(error)) from error


def _zstd() -> Compressor:
    return zstd.ZstdCompressor(options={zstd.CompressionParameter.checksum_flag: 1})


def _framed(suffix: str, begin: Callable[[], Compressor], read: Callable[[], _Decompressor]) -> Format:
    def pack(lines: Pieces) -> Pieces:
        return compressed(lines, begin())

    magic = b"".join(pack([]))[:_MAGIC]
    return Format(suffix, pack, partial(_end_of_last_frame, read, magic))


FORMATS: Mapping[Value, Format] = {
    "none": Format("", list, _end_of_last_line),
    "gzip": _framed(".gz", partial(zlib.compressobj, 6, wbits=GZIP), partial(zlib.decompressobj, GZIP)),
    "zstd": _framed(".zst", _zstd, zstd.ZstdDecompressor),
}
"""By what ``SIDECAR_WRITER__COMPRESSION`` says. The levels are those that gzip's and zstd's own commands take."""
