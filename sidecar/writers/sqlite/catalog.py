"""What ``kafka-sidecar check`` looks at before a record is written: tables, columns, keys, the right to write. Each complaint has its mend."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sidecar.writers.sqlite.cells import STORED
from sidecar.writers.sqlite.database import TimedConnection
from sidecar.writers.sqlite.definitions import OFFSETS, OFFSETS_KEY
from sidecar.writers.tables.columns import Column
from sidecar.writers.tables.declared import Declared

_COLUMNS = 'SELECT name, type, "notnull" AND dflt_value IS NULL AND pk = 0, pk, hidden FROM pragma_table_xinfo(?)'
_STRICT = "SELECT 1 FROM pragma_table_list(?) WHERE strict"
_UNIQUE = 'SELECT name FROM pragma_index_list(?) WHERE "unique" AND NOT partial'
_INDEXED = "SELECT name FROM pragma_index_info(?)"

_SAME = {"INT": "INTEGER"}
"""The two names that ``STRICT`` has for one type."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A column as the file has it; ``required`` tells that a row must bring it, ``key`` its place in the primary key, from 1."""

    type: str
    required: bool
    key: int
    hidden: int


def complaints(connection: TimedConnection, declared: Declared) -> Sequence[str]:
    """Return what is wrong with the tables, nothing when a batch would be taken; raises ``sqlite3.Error``, also where nobody may write."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        return [
            *_about(connection, declared.table[-1], declared.columns, declared.key),
            *_about(connection, declared.offsets_table[-1], OFFSETS, OFFSETS_KEY),
        ]
    finally:
        connection.execute("ROLLBACK")


def _about(connection: TimedConnection, table: str, columns: Sequence[Column], key: Sequence[Column]) -> Iterator[str]:
    known = {name.lower(): _Known(*about) for name, *about in connection.execute(_COLUMNS, (table,))}
    if not known:
        yield f"there is no table {table}: make it as `kafka-sidecar check --ddl` prints it, or set SIDECAR_WRITER__CREATE=true"
        return
    strict = connection.execute(_STRICT, (table,)).fetchone() is not None
    for column in columns:
        yield from _about_column(table, column, known.get(column.name.lower()), strict=strict)
    declared = {column.name.lower() for column in columns}
    for name in (name for name, column in known.items() if column.required and name not in declared):
        yield f"the column {table}.{name} is NOT NULL and has no default, and no record brings it: declare it, or give it a default"
    if key and not _is_unique(connection, table, known, {column.name.lower() for column in key}):
        names = ", ".join(column.name for column in key)
        yield f"the table {table} has no primary key or unique index of just ({names}): make one"


def _about_column(table: str, column: Column, known: _Known | None, *, strict: bool) -> Iterator[str]:
    stored = STORED[column.type]
    if known is None:
        yield f"the table {table} has no column {column.name}: add it, as {stored}"
    elif known.hidden:
        yield f"the column {table}.{column.name} is generated: leave it out of SIDECAR_WRITER__COLUMNS, or make it a plain one"
    elif strict and _SAME.get(known.type, known.type) not in {stored, "ANY"}:
        yield f"the column {table}.{column.name} is {known.type}, and {column.type} is stored as {stored}: change one of them"


def _is_unique(connection: TimedConnection, table: str, known: dict[str, _Known], key: set[str]) -> bool:
    """Tell whether a primary key or a unique index has just the columns ``key``; a key of a single INTEGER has no index."""
    indexes = [name for (name,) in connection.execute(_UNIQUE, (table,))]
    unique = [{str(name).lower() for (name,) in connection.execute(_INDEXED, (index,))} for index in indexes]
    return key in [{name for name, column in known.items() if column.key}, *unique]
