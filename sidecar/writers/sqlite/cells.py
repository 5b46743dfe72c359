"""What SQLite stores of each declared type: it knows five kinds of values, and these are what become of the others. Pure.

========================================= ============ =================================================================
declared                                  stored as    what is there
========================================= ============ =================================================================
``smallint``, ``integer``, ``bigint``     ``INTEGER``  the number
``real``, ``double precision``            ``REAL``     the number
``numeric``                               ``TEXT``     all its digits; as a number it would lose those beyond 15
``boolean``                               ``INTEGER``  1 or 0
``text``                                  ``TEXT``     the text, NUL included
``json``, ``jsonb``                       ``TEXT``     the document as it was, for SQLite's JSON functions
``timestamptz``, ``timestamp``            ``INTEGER``  µs since 1970 in UTC: ``datetime(at / 1000000, 'unixepoch')``
``date``                                  ``TEXT``     ``2026-01-31``
``uuid``                                  ``TEXT``     ``12345678-1234-1234-1234-123456789012``
``bytea``                                 ``BLOB``     the bytes
========================================= ============ =================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

from sidecar.writers.tables.types import Cells, Limits

LIMITS = Limits(takes_nul=True, earliest=-(2**63), latest=2**63 - 1)
"""Times are integers of 64 bits."""

STORED: Mapping[str, str] = {
    "smallint": "INTEGER",
    "integer": "INTEGER",
    "bigint": "INTEGER",
    "real": "REAL",
    "double precision": "REAL",
    "numeric": "TEXT",
    "boolean": "INTEGER",
    "text": "TEXT",
    "json": "TEXT",
    "jsonb": "TEXT",
    "timestamptz": "INTEGER",
    "timestamp": "INTEGER",
    "date": "TEXT",
    "uuid": "TEXT",
    "bytea": "BLOB",
}
"""SQLite's type of a column, by the declared one."""

_CONVERT: Mapping[str, Callable[[Any], str]] = {
    "numeric": str,
    "json": bytes.decode,
    "jsonb": bytes.decode,
    "date": date.isoformat,
    "uuid": str,
}
"""How a cell becomes what is stored, where it is not that already."""


def stored(type_: str, cells: Cells) -> Cells:
    """Return ``cells`` of a declared type as what is stored."""
    convert = _CONVERT.get(type_)
    if convert is None or cells.count(None) == len(cells):
        return cells
    return [None if cell is None else convert(cell) for cell in cells] if None in cells else list(map(convert, cells))


def all_stored(types: Sequence[str], columns: Sequence[Cells]) -> Sequence[Cells]:
    """Return ``columns`` of declared ``types`` as what is stored."""
    return [stored(type_, cells) for type_, cells in zip(types, columns, strict=True)]
