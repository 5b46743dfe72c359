"""The offsets that are kept beside the rows, read when a partition is assigned."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping

from sidecar.core.errors import WriterUnavailable
from sidecar.core.records import TopicPartition
from sidecar.writers.sqlite.database import Database, TimedConnection
from sidecar.writers.sqlite.errors import named
from sidecar.writers.sqlite.statements import Statements


class SqliteOffsets:
    """Reads the offsets of ``group``, on a connection of its own."""

    def __init__(self, database: Database, group: str) -> None:
        self._database = database
        self._question = Statements(database.declared).read()
        self._group = group
        self._connection: TimedConnection | None = None

    def read(self, tps: Collection[TopicPartition], deadline: float) -> Mapping[TopicPartition, int]:
        """Return the next offset of each of ``tps`` that has one; raises WriterUnavailable."""
        if self._connection is None or not self._database.holds(self._connection):
            self.close()
            self._connection = self._database.open(deadline)
        try:
            self._connection.limit(deadline)
            found = read(self._connection, self._question, self._group)
        except sqlite3.Error as error:
            self.close()
            raise WriterUnavailable(
                f"the offsets in {self._database.declared.offsets_table[-1]} cannot be read: {named(error)}"
                "; if it is missing, make it as `kafka-sidecar check --ddl` prints it, or set SIDECAR_WRITER__CREATE=true"
            ) from error
        return {tp: found[tp] for tp in tps if tp in found}

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def read(connection: TimedConnection, question: str, group: str) -> Mapping[TopicPartition, int]:
    """Return all offsets of ``group``; raises ``sqlite3.Error``."""
    return {TopicPartition(topic, partition): offset for topic, partition, offset in connection.execute(question, (group,))}
