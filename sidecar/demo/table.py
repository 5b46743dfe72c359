"""A table of SQLite: the sidecar writes each record into it exactly once, and the demonstration counts its rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

TABLE = "records"


class SqliteTable:
    """The table ``records`` of a file in ``folder``, which the sidecar makes."""

    name = "table"

    def __init__(self, folder: Path) -> None:
        self._path = folder / "demo.db"

    @property
    def settings(self) -> Mapping[str, str]:
        """The sidecar's settings for it."""
        return {
            "SIDECAR_WRITER__URL": f"sqlite://{self._path}",
            "SIDECAR_WRITER__TABLE": TABLE,
            "SIDECAR_WRITER__COLUMNS": "id=$.id:bigint, partition=@partition:integer, offset=@offset:bigint",
            "SIDECAR_WRITER__CREATE": "true",
        }

    @property
    def taken(self) -> int:
        """Count the rows."""
        return self._count("count(*)")

    @property
    def unique(self) -> int:
        """Count the ids."""
        return self._count("count(DISTINCT id)")

    @property
    def duplicates(self) -> int:
        """Count the rows whose id another row has."""
        return self.taken - self.unique

    def start(self) -> None:
        """Do nothing: a file needs nobody."""

    def stop(self) -> None:
        """Do nothing."""

    def _count(self, what: str) -> int:
        """Count in the file; there is nothing to count before the sidecar has made the table."""
        if not self._path.exists():
            return 0
        with closing(sqlite3.connect(f"file:{self._path}?mode=ro", uri=True)) as connection:
            made = connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (TABLE,)).fetchone()
            return int(connection.execute(f"SELECT {what} FROM {TABLE}").fetchone()[0]) if made else 0  # noqa: S608 -- our own words
