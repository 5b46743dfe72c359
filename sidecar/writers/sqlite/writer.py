"""The transaction of a batch: the offsets are moved, then the rows are written, then both are committed.

It begins by taking SQLite's one lock for writing (``BEGIN IMMEDIATE``), so nobody can come between the comparison and the commit. Rows go in
many to a statement: each statement gives the interpreter's lock away, and takes it back from a busy loop. Where a row is refused all is rolled back, and
done again row by row: then it is known which record it is of. Where a commit failed, and nobody knows what came of it, the batch is repeated, and finds
its own end in the offsets if it was written.
"""

from __future__ import annotations

import itertools
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from sidecar.core.errors import WriterUnavailable
from sidecar.core.records import Batch, TopicPartition
from sidecar.core.results import Delivered, Poison, Result, Retriable, Systemic
from sidecar.writers.sqlite import catalog
from sidecar.writers.sqlite.cells import LIMITS, all_stored
from sidecar.writers.sqlite.database import Database, TimedConnection
from sidecar.writers.sqlite.errors import meaning, named, result_of
from sidecar.writers.sqlite.offsets import read
from sidecar.writers.sqlite.statements import Statements
from sidecar.writers.tables.changes import changes
from sidecar.writers.tables.moves import Move, judged, moves
from sidecar.writers.tables.rows import RowMaker, Rows
from sidecar.writers.tables.types import Cells

_AT_ONCE = 50
"""Rows to a statement. Measured, 7 columns and 200 bytes: 2.8 µs of CPU a row beside a busy thread, 3.6 with one row; more gains nothing."""


@dataclass(frozen=True, slots=True)
class Step:
    """Rows for one kind of statement, by their number; the columns of its parameters, and of which record of the batch each row is."""

    statement: Callable[[int], str]
    columns: Sequence[Cells]
    records: Sequence[int]


class RowRefused(Exception):  # noqa: N818 -- what happened
    """SQLite did not take the row of the record ``record`` of the batch; the cause says why."""

    def __init__(self, error: sqlite3.Error, record: int) -> None:
        super().__init__(record)
        self.error = error
        self.record = record


class SqliteWriter:
    """Writes batches on one connection, which it opens when it is first needed, and again after trouble with the file."""

    def __init__(self, database: Database, group: str) -> None:
        self._database = database
        self._group = group
        self._statements = Statements(database.declared)
        self._maker = RowMaker(database.declared, LIMITS)
        self._types = [column.type for column in database.declared.columns]
        self._key = [database.declared.columns.index(column) for column in database.declared.key]
        self._connection: TimedConnection | None = None

    def connect(self, deadline: float) -> None:
        """Check the file, the tables, their columns, and that we may write."""
        connection = self._opened(deadline)
        try:
            connection.limit(deadline)
            complaints = catalog.complaints(connection, self._database.declared)
        except sqlite3.Error as error:
            self.close()
            raise WriterUnavailable(f"{self._database.name}: {named(error)}") from error
        if complaints:
            raise WriterUnavailable(f"{self._database.name}: {'; '.join(complaints)}")

    def write(self, batch: Batch, attempt: int, deadline: float) -> Result:  # noqa: ARG002 -- the Protocol's; the offsets tell a repeat
        """Write the rows of ``batch`` and move its offsets, both or neither."""
        rows = self._maker.rows(batch)
        if isinstance(rows, Poison):
            return rows
        steps = self._steps(rows)
        if time.monotonic() >= deadline:
            return Retriable("no time is left to write to SQLite")
        try:
            return self._written(self._opened(deadline), steps, moves(batch), deadline)
        except WriterUnavailable as error:
            return _unopened(error)
        except RowRefused as refused:
            return self._failed(refused.error, batch, refused.record)
        except sqlite3.Error as error:
            return self._failed(error, batch, None)

    def close(self) -> None:
        """Close the connection; what it had begun is rolled back."""
        if self._connection is not None:
            with suppress(sqlite3.Error):  # what was answered for is on the disk already
                self._connection.close()
            self._connection = None

    def _written(
        self, connection: TimedConnection, steps: Sequence[Step], moved: Mapping[TopicPartition, Move], deadline: float
    ) -> Result:
        connection.limit(deadline)
        try:
            return self._transact(connection, steps, moved, run_many)
        except sqlite3.Error as error:
            if meaning(error) is not Poison:
                raise
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        return self._transact(connection, steps, moved, _run_each)

    def _transact(
        self,
        connection: TimedConnection,
        steps: Sequence[Step],
        moved: Mapping[TopicPartition, Move],
        run: Callable[[TimedConnection, Step], None],
    ) -> Result:
        connection.execute("BEGIN IMMEDIATE")
        if self._move(connection, moved) != len(moved):
            connection.execute("ROLLBACK")  # before the question: else it would see what we have just moved
            return judged(moved, read(connection, self._statements.read(), self._group), "SQLite")
        for step in steps:
            run(connection, step)
        connection.execute("COMMIT")
        return Delivered()

    def _move(self, connection: TimedConnection, moved: Mapping[TopicPartition, Move]) -> int:
        """Move the offsets, each if it is the expected one; return how many were."""
        changed = 0
        for tp, (expected, end) in moved.items():
            if expected is None:
                changed += connection.execute(self._statements.place(), (end, self._group, *tp)).rowcount
            else:
                changed += connection.execute(self._statements.advance(), (end, self._group, *tp, expected)).rowcount
        return changed

    def _steps(self, rows: Rows) -> Sequence[Step]:
        if not self._key:
            return [Step(self._statements.insert, all_stored(self._types, rows.columns), range(rows.count))]
        found = changes(rows, self._key)
        key_types = [self._types[column] for column in self._key]
        return [
            Step(self._statements.upsert, all_stored(self._types, found.upserts), found.upserted),
            Step(self._statements.delete, all_stored(key_types, found.deletes), found.deleted),
        ]

    def _opened(self, deadline: float) -> TimedConnection:
        if self._connection is None or not self._database.holds(self._connection):
            self.close()
            self._connection = self._database.open(deadline)
        return self._connection

    def _failed(self, error: sqlite3.Error, batch: Batch, record: int | None) -> Result:
        """Leave the transaction, and return what ``error`` means; the connection is kept unless the file is in trouble."""
        if meaning(error) is Systemic:
            self.close()
        elif self._connection is not None and self._connection.in_transaction:
            self._roll_back(self._connection)
        return result_of(error, batch, record)

    def _roll_back(self, connection: TimedConnection) -> None:
        try:
            connection.set_progress_handler(None, 0)  # however late it is
            connection.execute("ROLLBACK")
        except sqlite3.Error:
            self.close()


def _unopened(unavailable: WriterUnavailable) -> Result:
    """Return what it means that the file could not be opened. Who makes it write-ahead gets no lock while another one reads, and SQLite does not wait for that."""
    error = unavailable.__cause__
    passes = isinstance(error, sqlite3.Error) and meaning(error) is Retriable
    return (Retriable if passes else Systemic)(str(unavailable))


def run_many(connection: TimedConnection, step: Step) -> None:
    """Run ``step``, many rows to a statement; raises ``sqlite3.Error``."""
    width = len(step.columns)
    at_once = max(1, min(_AT_ONCE, connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER) // width))
    cells = list(itertools.chain.from_iterable(zip(*step.columns, strict=True)))
    whole = len(step.records) // at_once * at_once * width
    connection.executemany(step.statement(at_once), _pieces(cells[:whole], at_once * width))
    connection.executemany(step.statement(1), _pieces(cells[whole:], width))


def _run_each(connection: TimedConnection, step: Step) -> None:
    """Run ``step``, row by row; raises RowRefused, or ``sqlite3.Error`` where it is not about a row."""
    rows = zip(*step.columns, strict=True)
    try:
        connection.executemany(step.statement(1), rows)
    except sqlite3.Error as error:
        waiting = sum(1 for _ in rows)
        if waiting == len(step.records):  # the statement itself cannot be run
            raise
        raise RowRefused(error, step.records[-1 - waiting]) from error


def _pieces(cells: Sequence[object], size: int) -> Iterator[Sequence[object]]:
    return (cells[at : at + size] for at in range(0, len(cells), size))
