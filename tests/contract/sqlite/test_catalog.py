from __future__ import annotations

import re

import pytest

from sidecar.core.errors import WriterUnavailable
from tests.contract.sqlite.stage import Stage, soon

OFFSETS = "CREATE TABLE o (consumer_group TEXT, topic TEXT, partition INT, next_offset INT, updated_at TEXT, PRIMARY KEY (consumer_group, topic, partition))"
COLUMNS = "id=@key:text, n=$.n:bigint"


@pytest.mark.parametrize(
    "table",
    [
        "CREATE TABLE t (id TEXT PRIMARY KEY, n INT) STRICT",
        "CREATE TABLE T (ID ANY, N INTEGER, more TEXT NOT NULL DEFAULT 'x', PRIMARY KEY (ID)) STRICT, WITHOUT ROWID",
        "CREATE TABLE t (id, n, UNIQUE (id))",
        "CREATE TABLE t (id, n NUMERIC, twice AS (n * 2), own INTEGER PRIMARY KEY NOT NULL, UNIQUE (id))",
    ],
)
def test_tables_that_take_the_rows_have_nothing_to_be_complained_of(stage: Stage, table: str) -> None:
    stage.query(table)
    stage.query(OFFSETS)
    stage.writer(columns=COLUMNS, key="id", create=False).connect(soon())


def test_a_whole_number_that_is_the_primary_key_needs_no_index(stage: Stage) -> None:
    stage.query("CREATE TABLE t (id INTEGER PRIMARY KEY)")
    stage.query(OFFSETS)
    stage.writer(columns="id=@offset:bigint", key="id", create=False).connect(soon())


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ("CREATE TABLE x (a)", "there is no table t: make it as `kafka-sidecar check --ddl` prints it, or set SIDECAR_WRITER__CREATE=true"),
        ("CREATE TABLE t (id PRIMARY KEY)", "the table t has no column n: add it, as INTEGER"),
        ("CREATE TABLE t (id TEXT PRIMARY KEY, n TEXT) STRICT", "the column t.n is TEXT, and bigint is stored as INTEGER: change one of them"),
        ("CREATE TABLE t (id PRIMARY KEY, n AS (1))", "the column t.n is generated: leave it out of SIDECAR_WRITER__COLUMNS, or make it a plain one"),
        ("CREATE TABLE t (id PRIMARY KEY, n, own NOT NULL)", "the column t.own is NOT NULL and has no default, and no record brings it"),
        ("CREATE TABLE t (id, n)", "the table t has no primary key or unique index of just (id): make one"),
        ("CREATE TABLE t (id, n, PRIMARY KEY (id, n))", "the table t has no primary key or unique index of just (id): make one"),
        ("CREATE TABLE t (id, n); CREATE UNIQUE INDEX i ON t (id) WHERE n > 0", "the table t has no primary key or unique index of just (id): make one"),
    ],
)  # fmt: skip
def test_what_would_not_take_a_row_is_told_with_the_mend(stage: Stage, table: str, complaint: str) -> None:
    for statement in [*table.split("; "), OFFSETS]:
        stage.query(statement)
    with pytest.raises(WriterUnavailable, match=re.escape(f"sqlite://{stage.path}: {complaint}")):
        stage.writer(columns=COLUMNS, key="id", create=False).connect(soon())


def test_the_table_of_offsets_is_looked_at_too(stage: Stage) -> None:
    stage.query("CREATE TABLE t (id PRIMARY KEY, n)")
    stage.query("CREATE TABLE o (consumer_group, topic, partition, next_offset)")
    with pytest.raises(
        WriterUnavailable,
        match=r"no column updated_at: add it, as TEXT; the table o has no primary key .*\(consumer_group, topic",
    ):
        stage.writer(columns=COLUMNS, key="id", create=False).connect(soon())


def test_a_file_that_somebody_else_writes_to_all_the_time_is_told(stage: Stage) -> None:
    writer = stage.writer()
    writer.connect(soon())
    with stage.locked(), pytest.raises(WriterUnavailable, match=r"another connection writes to it \(SQLITE_BUSY\)"):
        writer.connect(0.0)
    writer.connect(soon())
