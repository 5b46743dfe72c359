"""What ``kafka-sidecar check`` looks at before a record is written: tables, columns, types, rights. Each complaint has its mend."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from psycopg.sql import SQL

from sidecar.writers.postgresql.connection import TimedConnection
from sidecar.writers.postgresql.database import oid_of
from sidecar.writers.postgresql.definitions import OFFSETS, OFFSETS_KEY
from sidecar.writers.tables.columns import Column
from sidecar.writers.tables.declared import Declared

_FULL_NAMES: Mapping[str, frozenset[str]] = {
    "timestamptz": frozenset({"timestamp with time zone"}),
    "timestamp": frozenset({"timestamp without time zone"}),
    "text": frozenset({"text", "character varying", "character", "citext"}),
}
"""How the catalog calls the types that it calls otherwise, or that are the same on the wire."""

_COLUMNS = """
SELECT a.attname, format_type(CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END, NULL),
       a.attgenerated <> '' OR a.attidentity = 'a',
       a.attnotnull AND NOT a.atthasdef AND a.attidentity = '',
       has_column_privilege(a.attrelid, a.attnum, 'SELECT'),
       has_column_privilege(a.attrelid, a.attnum, 'INSERT'),
       has_column_privilege(a.attrelid, a.attnum, 'UPDATE')
FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
WHERE a.attrelid = {} AND a.attnum > 0 AND NOT a.attisdropped
"""

_UNIQUE = """
SELECT array_agg(a.attname::text ORDER BY a.attname COLLATE "C")
FROM pg_index AS i
JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY ((i.indkey::int2[])[0 : i.indnkeyatts - 1])
WHERE i.indrelid = {} AND i.indisunique AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL
GROUP BY i.indexrelid
"""

_WRITABLE = "SELECT pg_is_in_recovery(), current_setting('transaction_read_only') = 'on'"


@dataclass(frozen=True, slots=True)
class _Known:
    """A column as the catalog has it; ``required`` tells that a row must bring it."""

    type: str
    generated: bool
    required: bool
    rights: frozenset[str]


def complaints(connection: TimedConnection, declared: Declared) -> Sequence[str]:
    """Return what is wrong with the server and the tables, nothing when a batch would be taken; raises ``psycopg.Error``."""
    return [
        *_about_server(connection),
        *_Table(connection, declared.table, declared.columns, declared.key).complaints(deletes=bool(declared.key)),
        *_Table(connection, declared.offsets_table, OFFSETS, OFFSETS_KEY).complaints(deletes=False),
    ]


def _about_server(connection: TimedConnection) -> Iterator[str]:
    in_recovery, read_only = connection.execute(_WRITABLE).fetchone() or (False, False)
    if in_recovery:
        yield (
            "the server is a standby, which takes no writes: name the primary in SIDECAR_WRITER__URL, "
            "or several hosts with ?target_session_attrs=read-write"
        )
    elif read_only:
        yield "sessions are read-only (default_transaction_read_only): switch that off for this user or database"


class _Table:
    """One table in the catalog, beside the columns and the key that it should have."""

    def __init__(
        self, connection: TimedConnection, name: tuple[str, ...], columns: Sequence[Column], key: Sequence[Column]
    ) -> None:
        self._connection = connection
        self._oid = oid_of(connection, name)
        self._name = ".".join(name)
        self._columns = columns
        self._key = key

    def complaints(self, *, deletes: bool) -> Iterator[str]:
        known = self._known()
        if not known:
            yield (
                f"there is no table {self._name}: make it as `kafka-sidecar check --ddl` prints it, "
                "or set SIDECAR_WRITER__CREATE=true"
            )
            return
        for column in self._columns:
            yield from self._about(column, known.get(column.name))
        yield from self._about_others(known)
        yield from self._about_key()
        if deletes and not self._may_delete():
            yield f"this user may not delete rows of {self._name}, as tombstones do: GRANT DELETE ON {self._name} to it"

    def _known(self) -> Mapping[str, _Known]:
        rows = self._connection.execute(SQL(_COLUMNS).format(self._oid)).fetchall()
        rights = ("SELECT", "INSERT", "UPDATE")
        return {
            name: _Known(type_, generated, required, frozenset(right for right, given in zip(rights, has, strict=True) if given))
            for name, type_, generated, required, *has in rows
        }

    def _about(self, column: Column, known: _Known | None) -> Iterator[str]:
        place = f"{self._name}.{column.name}"
        if known is None:
            yield f"there is no column {place}: ALTER TABLE {self._name} ADD COLUMN {column.name} {column.type}"
            return
        if known.type not in _FULL_NAMES.get(column.type, {column.type}):
            yield f"the column {place} is {known.type}, and declared as {column.type}: make them the same"
        if known.generated:
            yield f"the column {place} is generated by the database, so nothing can be written to it: leave it out"
        if lacking := sorted(self._needed(column) - known.rights):
            yield f"this user may not {' and '.join(lacking)} the column {place}: GRANT {', '.join(lacking)} ON {self._name} to it"

    def _needed(self, column: Column) -> frozenset[str]:
        """Return the rights that it takes: to append INSERT alone, to replace rows all three."""
        if not self._key:
            return frozenset({"INSERT"})
        return frozenset({"SELECT", "INSERT"} if column in self._key else {"SELECT", "INSERT", "UPDATE"})

    def _about_others(self, known: Mapping[str, _Known]) -> Iterator[str]:
        declared = {column.name for column in self._columns}
        for name, column in known.items():
            if column.required and name not in declared:
                yield f"the column {self._name}.{name} must not be NULL, and nothing is declared for it: declare it, or give it a default"

    def _about_key(self) -> Iterator[str]:
        wanted = sorted(column.name for column in self._key)
        if wanted and wanted not in [names for (names,) in self._connection.execute(SQL(_UNIQUE).format(self._oid))]:
            columns = ", ".join(column.name for column in self._key)
            yield (
                f"{self._name} has no primary key or unique index of just ({columns}): "
                f"ALTER TABLE {self._name} ADD PRIMARY KEY ({columns})"
            )

    def _may_delete(self) -> bool:
        found = self._connection.execute(SQL("SELECT has_table_privilege({}, 'DELETE')").format(self._oid)).fetchone()
        return found is not None and bool(found[0])
