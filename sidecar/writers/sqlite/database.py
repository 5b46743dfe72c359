"""The file and the tables in it that were declared: opens connections, and makes the tables where that was asked for.

A connection keeps a deadline: it waits for the locks of others until then, and ends a statement that takes longer. What it cannot interrupt
is the disk itself. It knows which file it has open: one that was deleted or replaced takes rows like any other, and nobody would see them again.
"""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass
from math import inf
from pathlib import Path
from urllib.parse import quote

from sidecar.core.errors import WriterUnavailable
from sidecar.writers.sqlite import definitions
from sidecar.writers.sqlite.errors import named
from sidecar.writers.tables.declared import Declared

_STEPS_BETWEEN_LOOKS = 100_000
"""After how many of its own instructions SQLite lets us look at the clock: some milliseconds."""

_LONGEST_WAIT_MS = 2**31 - 1
"""SQLite keeps the wait for a lock as an ``int``."""


class TimedConnection(sqlite3.Connection):
    """A connection whose statements end at :attr:`deadline`, a ``time.monotonic()`` value."""

    deadline = inf
    file: tuple[int, int] | None = None

    def limit(self, deadline: float) -> None:
        """End each statement from now on at ``deadline``; raises ``sqlite3.Error``."""
        self.deadline = deadline
        wait = min(_LONGEST_WAIT_MS, int(1000 * max(0.0, deadline - time.monotonic())))
        self.execute(f"PRAGMA busy_timeout = {wait}")
        self.set_progress_handler(self._is_late, _STEPS_BETWEEN_LOOKS)

    def _is_late(self) -> bool:
        return time.monotonic() >= self.deadline


@dataclass(frozen=True, slots=True)
class Database:
    """Where, and which tables."""

    path: Path
    declared: Declared

    @property
    def name(self) -> str:
        """How people call it."""
        return f"sqlite://{self.path}"

    def open(self, deadline: float) -> TimedConnection:
        """Return a new connection to a file that has the tables, if they were to be made; raises WriterUnavailable."""
        try:
            return self._opened(deadline)
        except sqlite3.Error as error:
            raise WriterUnavailable(f"{self.name}: {named(error)}{self._mend()}") from error

    def holds(self, connection: TimedConnection) -> bool:
        """Tell whether ``connection`` has the file open that is at the path now."""
        return connection.file is not None and connection.file == self._file()

    def _file(self) -> tuple[int, int] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _opened(self, deadline: float) -> TimedConnection:
        mode = "rwc" if self.declared.create else "rw"  # a file that is made by a wrong letter in a path helps nobody
        connection = sqlite3.connect(
            f"file:{quote(str(self.path))}?mode={mode}",
            uri=True,
            isolation_level=None,  # transactions are ours
            check_same_thread=False,  # one thread at a time, but not the same that closes it in the end
            factory=TimedConnection,
        )
        try:
            connection.limit(deadline)
            _prepare(connection, self.name)
            if self.declared.create:
                self._make_missing(connection)
            connection.file = self._file()
        except BaseException:
            connection.close()
            raise
        return connection

    def _make_missing(self, connection: TimedConnection) -> None:
        """Make the tables that are not there. Only then, since it takes the lock of those who write."""
        names = (self.declared.table, self.declared.offsets_table)
        if not all(exists(connection, name[-1]) for name in names):
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(definitions.table(self.declared))
            connection.execute(definitions.offsets(self.declared))
            connection.execute("COMMIT")

    def _mend(self) -> str:
        if self.declared.create:
            return "" if self.path.parent.is_dir() else f"; make the folder {self.path.parent}"
        return (
            "" if self.path.exists() else "; make it as `kafka-sidecar check --ddl` prints it, or set SIDECAR_WRITER__CREATE=true"
        )


def exists(connection: TimedConnection, name: str) -> bool:
    """Tell whether there is a table of that name, in any case, as SQLite has it."""
    return connection.execute("SELECT 1 FROM pragma_table_xinfo(?)", (name,)).fetchone() is not None


def _prepare(connection: TimedConnection, name: str) -> None:
    """Set what is durable and what is checked; raises WriterUnavailable where the file system cannot do it."""
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise WriterUnavailable(f"{name}: its file system takes no write-ahead log (a network's?); put it on a disk of this host")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
