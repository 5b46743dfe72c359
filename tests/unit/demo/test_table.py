from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from sidecar.demo.table import TABLE, SqliteTable
from sidecar.settings import load_settings


def test_before_the_sidecar_has_made_the_table_there_is_nothing(tmp_path: Path) -> None:
    table = SqliteTable(tmp_path)
    assert (table.taken, table.unique, table.duplicates) == (0, 0, 0)
    (tmp_path / "demo.db").touch()
    assert (table.taken, table.unique, table.duplicates) == (0, 0, 0)


def test_it_counts_rows_and_the_ids_that_are_there_twice(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "demo.db")) as connection, connection:
        connection.execute(f"CREATE TABLE {TABLE} (id)")
        connection.executemany(f"INSERT INTO {TABLE} VALUES (?)", [(1,), (2,), (2,)])  # noqa: S608 -- our own word
    table = SqliteTable(tmp_path)
    assert (table.taken, table.unique, table.duplicates) == (3, 2, 1)


def test_its_settings_are_those_of_a_sidecar(tmp_path: Path) -> None:
    kafka = {"SIDECAR_TOPICS": "events", "SIDECAR_KAFKA__BOOTSTRAP_SERVERS": "broker", "SIDECAR_KAFKA__GROUP_ID": "demo"}
    assert load_settings(kafka | dict(SqliteTable(tmp_path).settings)).writer.url == f"sqlite://{tmp_path}/demo.db"
