"""The transaction of a batch: the offsets are moved, then the rows are written, then both are committed.

The offsets come first, since they tell whether this is still the owner: a stale one costs no COPY. When the answer to COMMIT is lost,
nobody can know what came of it, so the batch is to be repeated; the repeat then finds the offsets at the end of the batch, and they
were moved with its rows, so it is delivered. Where they are neither there nor where they were expected, another owner has written.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Protocol

import psycopg
from psycopg import pq
from psycopg.adapt import Dumper

from sidecar.core.errors import WriterUnavailable
from sidecar.core.records import Batch, TopicPartition
from sidecar.core.results import Delivered, Poison, Result, Retriable, Systemic
from sidecar.writers.postgresql import binary, catalog
from sidecar.writers.postgresql.connection import TimedConnection, close, is_usable
from sidecar.writers.postgresql.database import Database
from sidecar.writers.postgresql.errors import READ_ONLY, named, result_of
from sidecar.writers.postgresql.offsets import read
from sidecar.writers.postgresql.statements import Statements
from sidecar.writers.tables.changes import changes
from sidecar.writers.tables.declared import Declared
from sidecar.writers.tables.moves import Move, judged, moves
from sidecar.writers.tables.rows import RowMaker, Rows


class Put(Protocol):
    """Writes rows within a transaction."""

    def __call__(self, connection: TimedConnection) -> None:
        """Write them; raises ``psycopg.Error``."""


class PostgresqlWriter:
    """Writes batches on one connection, which it opens when it is first needed, and again after it was lost."""

    def __init__(self, database: Database, group: str) -> None:
        self._database = database
        self._statements = Statements(database.declared, group)
        self._maker = RowMaker(database.declared, binary.LIMITS)
        self._encode = (_Upsert if database.declared.key else _Copy)(database.declared, self._statements)
        self._connection: TimedConnection | None = None

    def connect(self, deadline: float) -> None:
        """Check the server, the tables, their columns, and our rights."""
        connection = self._opened(deadline)
        try:
            complaints = catalog.complaints(connection, self._database.declared)
        except psycopg.Error as error:
            self.close()
            raise WriterUnavailable(
                f"{self._database.address.name}: {named(error, timed_out=time.monotonic() >= deadline)}"
            ) from error
        if complaints:
            raise WriterUnavailable(f"{self._database.address.name}: {'; '.join(complaints)}")

    def write(self, batch: Batch, attempt: int, deadline: float) -> Result:  # noqa: ARG002 -- the Protocol's; the offsets tell a repeat
        """Write the rows of ``batch`` and move its offsets, both or neither."""
        rows = self._maker.rows(batch)
        if isinstance(rows, Poison):
            return rows
        put = self._encode(rows)
        if time.monotonic() >= deadline:
            return Retriable("no time is left to write to PostgreSQL")
        try:
            return self._transact(self._opened(deadline), put, moves(batch), deadline)
        except WriterUnavailable as error:
            return Systemic(str(error))
        except psycopg.Error as error:
            self._roll_back(error)
            return result_of(error, batch, self._database.declared.table[-1], timed_out=time.monotonic() >= deadline)

    def close(self) -> None:
        """Close the connection; what it had begun is rolled back."""
        if self._connection is not None:
            close(self._connection)
            self._connection = None

    def _transact(self, connection: TimedConnection, put: Put, moved: Mapping[TopicPartition, Move], deadline: float) -> Result:
        begun = connection.execute(self._statements.begin(deadline - time.monotonic(), moved))
        if _changed(begun) != len(moved):
            connection.execute("ROLLBACK")  # before the question: else it would see what we have just moved
            return judged(moved, read(connection, self._statements, moved), "PostgreSQL")
        put(connection)
        connection.execute("COMMIT")
        return Delivered()

    def _opened(self, deadline: float) -> TimedConnection:
        if self._connection is None or not is_usable(self._connection):
            self.close()
            self._connection = self._database.open(deadline)
        self._connection.deadline = deadline
        return self._connection

    def _roll_back(self, error: psycopg.Error) -> None:
        """Leave the transaction; keep the connection if that works, unless it leads to a server that does not take writes."""
        if self._connection is None or error.sqlstate in (None, READ_ONLY):
            self.close()
            return
        try:
            self._connection.execute("ROLLBACK")
        except psycopg.Error:
            self.close()


class _Copy:
    """Appends rows by COPY."""

    def __init__(self, declared: Declared, statements: Statements) -> None:
        self._types = [column.type for column in declared.columns]
        self._statement = statements.copy()

    def __call__(self, rows: Rows) -> Put:
        def put(connection: TimedConnection) -> None:
            with connection.cursor().copy(self._statement) as copy:
                for piece in binary.copy_pieces(self._types, rows.columns):
                    copy.write(piece)

        return put


class _Upsert:
    """Inserts, replaces and deletes rows by their primary key: one statement with arrays for each."""

    def __init__(self, declared: Declared, statements: Statements) -> None:
        self._types = [column.type for column in declared.columns]
        self._key = [declared.columns.index(column) for column in declared.key]
        self._upsert = statements.upsert()
        self._delete = statements.delete()

    def __call__(self, rows: Rows) -> Put:
        found = changes(rows, self._key)
        upserts = [_Array(binary.array(type_, cells)) for type_, cells in zip(self._types, found.upserts, strict=True)]
        key_types = [self._types[column] for column in self._key]
        deletes = [_Array(binary.array(type_, cells)) for type_, cells in zip(key_types, found.deletes, strict=True)]

        def put(connection: TimedConnection) -> None:
            connection.adapters.register_dumper(_Array, _ArrayDumper)
            if found.upserts[0]:
                connection.execute(self._upsert, upserts)
            if found.deletes[0]:
                connection.execute(self._delete, deletes)

        return put


class _Array(bytes):
    """An array in binary form; the statement casts the parameter, and so tells its type."""

    __slots__ = ()


class _ArrayDumper(Dumper):
    format = pq.Format.BINARY

    def dump(self, obj: _Array) -> bytes:
        return obj


def _changed(cursor: psycopg.Cursor[Any]) -> int:
    """Return how many rows the statements of one round trip have changed."""
    changed = 0
    for result in cursor.results():
        if (result.statusmessage or "").startswith(("UPDATE", "INSERT")):
            changed += result.rowcount
    return changed
