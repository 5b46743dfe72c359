"""The offsets that are kept beside the rows, read when a partition is assigned."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping

import psycopg

from sidecar.core.errors import WriterUnavailable
from sidecar.core.records import TopicPartition
from sidecar.writers.postgresql.connection import TimedConnection, close, is_usable
from sidecar.writers.postgresql.database import Database
from sidecar.writers.postgresql.errors import named
from sidecar.writers.postgresql.statements import Statements


class PostgresqlOffsets:
    """Reads the offsets of ``group``, on a connection of its own."""

    def __init__(self, database: Database, group: str) -> None:
        self._database = database
        self._statements = Statements(database.declared, group)
        self._connection: TimedConnection | None = None

    def read(self, tps: Collection[TopicPartition], deadline: float) -> Mapping[TopicPartition, int]:
        """Return the next offset of each of ``tps`` that has one; raises WriterUnavailable."""
        if not tps:
            return {}
        connection = self._opened(deadline)
        try:
            return read(connection, self._statements, tps)
        except psycopg.Error as error:
            self.close()
            raise WriterUnavailable(
                f"the offsets in {'.'.join(self._database.declared.offsets_table)} cannot be read: "
                f"{named(error, timed_out=time.monotonic() >= deadline)}{_mend(error)}"
            ) from error

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            close(self._connection)
            self._connection = None

    def _opened(self, deadline: float) -> TimedConnection:
        if self._connection is None or not is_usable(self._connection):
            self.close()
            self._connection = self._database.open(deadline)
        self._connection.deadline = deadline
        return self._connection


def read(connection: TimedConnection, statements: Statements, tps: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
    """Return the offsets of ``tps`` that there are; raises ``psycopg.Error``."""
    rows = connection.execute(statements.read(tps)).fetchall()
    return {TopicPartition(topic, partition): offset for topic, partition, offset in rows}


def _mend(error: psycopg.Error) -> str:
    if isinstance(error, psycopg.errors.UndefinedTable):
        return "; make it as `kafka-sidecar check --ddl` prints it, or set SIDECAR_WRITER__CREATE=true"
    return ""
