"""Cells as PostgreSQL's binary formats: rows for ``COPY ... (FORMAT BINARY)``, and arrays for parameters. Pure.

Both are the same fields, a length and that many bytes, -1 for NULL; they differ in what is around them. A field says how it is
packed: of fixed-size columns that lie side by side each row takes one :class:`struct.Struct`, packed by one ``map`` in C.
Formats: PostgreSQL's documentation of COPY, "Binary Format", and ``src/backend/utils/adt`` (``array_recv``, ``timestamptz_recv``, ...).
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from psycopg.adapt import PyFormat, Transformer

from sidecar.writers.tables.types import Cells, Limits

LIMITS = Limits(takes_nul=False, earliest=-210_866_803_200_000_000, latest=9_224_318_015_999_999_999)
"""No text holds NUL; timestamps reach from 4714-11-24 BC to the end of 294276."""

_COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
_COPY_TRAILER = struct.pack(">h", -1)
_NULL = struct.pack(">i", -1)

_EPOCH_MICROS = 946_684_800_000_000
"""2000-01-01, from which PostgreSQL counts, in µs since 1970."""

_PIECE = 1000
"""Rows that are made at once."""

OIDS: Mapping[str, int] = {
    "boolean": 16,
    "bytea": 17,
    "bigint": 20,
    "smallint": 21,
    "integer": 23,
    "text": 25,
    "json": 114,
    "real": 700,
    "double precision": 701,
    "date": 1082,
    "timestamp": 1114,
    "timestamptz": 1184,
    "numeric": 1700,
    "uuid": 2950,
    "jsonb": 3802,
}
"""The types by the numbers that PostgreSQL gives them (``src/include/catalog/pg_type.dat``)."""

_FIXED: Mapping[str, str] = {
    "boolean": "?",
    "bigint": "q",
    "smallint": "h",
    "integer": "i",
    "real": "f",
    "double precision": "d",
    "timestamp": "q",
    "timestamptz": "q",
}
"""Those of a fixed size, by how :mod:`struct` packs them."""


class Field(NamedTuple):
    """What one column adds to each row: a format of :mod:`struct` with its arguments, and what follows that, if anything does."""

    format: str
    arguments: Sequence[Iterable[object]]
    payloads: Cells | None


def copy_pieces(types: Sequence[str], columns: Sequence[Cells]) -> Iterator[bytes]:
    """Yield the rows of ``columns`` as what COPY reads, piece by piece, so that the server works on one while the next is made."""
    yield _COPY_HEADER
    for first in range(0, len(columns[0]), _PIECE):
        piece = [cells[first : first + _PIECE] for cells in columns]
        count = Field("h", [itertools.repeat(len(columns))], None)
        yield _packed([count, *map(field, types, piece)])
    yield _COPY_TRAILER


def array(type_: str, cells: Cells) -> bytes:
    """Return ``cells`` as an array of ``type_`` with one dimension."""
    header = struct.pack(">iiIii", 1, None in cells, OIDS[type_], len(cells), 1)
    return header + _packed([field(type_, cells)])


def field(type_: str, cells: Cells) -> Field:
    """Return how a column of ``type_`` is packed."""
    nulls = cells.count(None)
    if nulls == len(cells):
        return Field("i", [itertools.repeat(-1, len(cells))], None)
    if type_ in _FIXED:
        return _fixed(_FIXED[type_], _shifted(type_, cells), nulls)
    if _all_the_same(cells):  # a topic's name, for one
        return _constant(_contents(type_, cells[:1])[0], len(cells))
    return _variable(_contents(type_, cells), nulls)


def _packed(fields: Sequence[Field]) -> bytes:
    pieces: list[Iterable[bytes]] = []
    head, arguments = "", list[Iterable[object]]()
    for format_, own, payloads in fields:
        head, arguments = head + format_, [*arguments, *own]
        if payloads is not None:
            pieces += [_structs(head, arguments), payloads]
            head, arguments = "", []
    if head:
        pieces.append(_structs(head, arguments))
    return b"".join(itertools.chain.from_iterable(zip(*pieces, strict=False)))  # the number of columns is repeated without an end


def _structs(format_: str, arguments: Sequence[Iterable[object]]) -> Iterable[bytes]:
    if not format_:
        return itertools.repeat(b"")
    return map(struct.Struct(f">{format_}").pack, *arguments)


def _fixed(format_: str, cells: Cells, nulls: int) -> Field:
    size = struct.calcsize(f">{format_}")
    if not nulls:
        return Field("i" + format_, [itertools.repeat(size), cells], None)
    pack = struct.Struct(f">i{format_}").pack
    return Field("", [], [_NULL if cell is None else pack(size, cell) for cell in cells])


def _all_the_same(cells: Cells) -> bool:
    return bool(cells[0] == cells[-1]) and cells.count(cells[0]) == len(cells)


def _constant(content: bytes, count: int) -> Field:
    """Return how a column is packed that has the same ``content`` in each of ``count`` rows."""
    return Field(f"i{len(content)}s", [itertools.repeat(len(content), count), itertools.repeat(content, count)], None)


def _variable(contents: Cells, nulls: int) -> Field:
    if not nulls:
        return Field("i", [map(len, contents)], contents)
    pack = struct.Struct(">i").pack
    return Field("", [], [_NULL if content is None else pack(len(content)) + content for content in contents])


def _shifted(type_: str, cells: Cells) -> Cells:
    """Return timestamps as PostgreSQL counts them, everything else as it is."""
    if type_ not in {"timestamp", "timestamptz"}:
        return cells
    return [None if cell is None else cell - _EPOCH_MICROS for cell in cells]


def _contents(type_: str, cells: Cells) -> Cells:
    match type_:
        case "bytea" | "json":
            return cells
        case "text":
            return _each(str.encode, cells)
        case "jsonb":
            return _each(b"\1".__add__, cells)
        case _:
            return _each(_dumped, cells)


def _each(convert: Callable[[Any], bytes], cells: Cells) -> Cells:
    if None in cells:
        return [None if cell is None else convert(cell) for cell in cells]
    return list(map(convert, cells))


def _dumped(cell: object) -> bytes:
    """Return a ``date``, ``Decimal`` or ``UUID`` as psycopg would send it."""
    content = _transformer.get_dumper(cell, PyFormat.BINARY).dump(cell)
    return b"" if content is None else bytes(content)


_transformer = Transformer()
