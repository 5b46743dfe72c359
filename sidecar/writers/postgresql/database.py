"""A database and the tables in it that were declared: opens connections, and makes the tables where that was asked for."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from psycopg.sql import SQL, Composed, Identifier, Literal

from sidecar.core.errors import WriterUnavailable
from sidecar.writers.postgresql import definitions
from sidecar.writers.postgresql.connection import Address, TimedConnection, close
from sidecar.writers.postgresql.errors import named
from sidecar.writers.postgresql.statements import limits
from sidecar.writers.tables.declared import Declared

_ONE_AT_A_TIME = 5_301_768_402_117
"""The advisory lock under which tables are made: two sessions that make the same one at once would fail."""

_LONGEST = 10.0
"""How long making the tables may take, in seconds."""


@dataclass(frozen=True, slots=True)
class Database:
    """Where, and which tables."""

    address: Address
    declared: Declared

    def open(self, deadline: float) -> TimedConnection:
        """Return a new connection to a database that has the tables, if they were to be made; raises WriterUnavailable."""
        connection = self.address.open(deadline)
        if self.declared.create:
            try:
                self._make_missing(connection)
            except psycopg.Error as error:
                close(connection)
                raise WriterUnavailable(
                    f"the tables could not be made (SIDECAR_WRITER__CREATE): {named(error, timed_out=False)}; "
                    "make them as `kafka-sidecar check --ddl` prints them"
                ) from error
        return connection

    def _make_missing(self, connection: TimedConnection) -> None:
        """Make the tables that are not there. Only those: to say IF NOT EXISTS takes the right to make them even where they are."""
        wanted = ((self.declared.table, definitions.table), (self.declared.offsets_table, definitions.offsets))
        missing = [make(self.declared) for name, make in wanted if not exists(connection, name)]
        if missing:
            lock = SQL("SELECT pg_advisory_xact_lock({})").format(_ONE_AT_A_TIME)
            connection.execute(SQL("; ").join([SQL("BEGIN"), *limits(_LONGEST), lock, *missing, SQL("COMMIT")]))


def exists(connection: TimedConnection, name: tuple[str, ...]) -> bool:
    """Tell whether there is a table of that name."""
    found = connection.execute(SQL("SELECT {} IS NOT NULL").format(oid_of(connection, name))).fetchone()
    return found is not None and bool(found[0])


def oid_of(connection: TimedConnection, name: tuple[str, ...]) -> Composed:
    """Return the expression for the table of that name; it is NULL where there is none."""
    return SQL("to_regclass({})").format(Literal(Identifier(*name).as_string(connection)))
