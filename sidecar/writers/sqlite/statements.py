"""The SQL of the writer: every name quoted, every value as a parameter. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from sidecar.writers.tables.columns import Column
from sidecar.writers.tables.declared import Declared

NOW = "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')"


class Statements:
    """The statements for one table."""

    def __init__(self, declared: Declared) -> None:
        self._declared = declared
        self._table = quoted(declared.table[-1])
        self._offsets = quoted(declared.offsets_table[-1])

    def insert(self, rows: int) -> str:
        """Return the statement that appends ``rows`` rows of the declared columns."""
        columns = self._declared.columns
        return f"INSERT INTO {self._table} ({_names(columns)}) VALUES {_places(columns, rows)}"  # noqa: S608 -- names, quoted

    def upsert(self, rows: int) -> str:
        """Return the statement that inserts or replaces ``rows`` rows of the declared columns."""
        others = [column for column in self._declared.columns if column not in self._declared.key]
        new = ", ".join(f"{quoted(column.name)} = excluded.{quoted(column.name)}" for column in others)
        return f"{self.insert(rows)} ON CONFLICT ({_names(self._declared.key)}) DO {f'UPDATE SET {new}' if new else 'NOTHING'}"

    def delete(self, rows: int) -> str:
        """Return the statement that deletes the rows of ``rows`` primary keys."""
        key = self._declared.key
        return f"DELETE FROM {self._table} WHERE ({_names(key)}) IN (VALUES {_places(key, rows)})"  # noqa: S608 -- names, quoted

    def advance(self) -> str:
        """Return the statement that moves an offset: (next, group, topic, partition, expected)."""
        return (
            f"UPDATE {self._offsets} SET next_offset = ?, updated_at = {NOW} "  # noqa: S608 -- a name, quoted
            "WHERE consumer_group = ? AND topic = ? AND partition = ? AND next_offset = ?"
        )

    def place(self) -> str:
        """Return the statement that makes an offset where there is none: (next, group, topic, partition)."""
        return (
            f"INSERT INTO {self._offsets} (next_offset, consumer_group, topic, partition) "  # noqa: S608 -- as above
            "VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
        )

    def read(self) -> str:
        """Return the question for the offsets of a group."""
        return f"SELECT topic, partition, next_offset FROM {self._offsets} WHERE consumer_group = ?"  # noqa: S608 -- as above


def quoted(name: str) -> str:
    """Return ``name`` as an identifier."""
    return '"{}"'.format(name.replace('"', '""'))


def _names(columns: Sequence[Column]) -> str:
    return ", ".join(quoted(column.name) for column in columns)


def _places(columns: Sequence[Column], rows: int) -> str:
    return ", ".join([f"({', '.join('?' * len(columns))})"] * rows)
