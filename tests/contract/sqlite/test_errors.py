from __future__ import annotations

import resource
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from sidecar.core.records import Batch
from sidecar.core.results import Delivered, Poison, Retriable, Said, Systemic
from sidecar.writers.sqlite.errors import meaning, named
from tests.contract.batches import chunk
from tests.contract.sqlite.stage import ORDERS, Stage, orders, soon, write


def failure(code: int, text: str = "hunter2") -> sqlite3.Error:
    error = sqlite3.OperationalError(text)
    error.sqlite_errorcode = code
    error.sqlite_errorname = "unknown"
    return error


@contextmanager
def little_space(number: int) -> Iterator[None]:
    """Let no file of this process grow above ``number`` bytes."""
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (number, limit[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)


def test_an_extended_code_means_what_its_primary_one_does() -> None:
    assert meaning(failure(sqlite3.SQLITE_IOERR | 10 << 8)) is Systemic
    assert meaning(failure(sqlite3.SQLITE_BUSY | 2 << 8)) is Retriable


def test_a_new_file_that_another_one_reads_is_waited_for(stage: Stage) -> None:
    """It is made write-ahead with the first write, as by two owners that start together; that takes the whole file."""
    with closing(sqlite3.connect(stage.path, isolation_level=None)) as other:
        other.execute("CREATE TABLE theirs (id)")
        other.execute("BEGIN")
        other.execute("SELECT * FROM theirs").fetchall()
        result = write(stage.writer(), orders(0, 5, None), within=1.0)
    assert isinstance(result, Retriable)
    assert "another connection writes to it (SQLITE_BUSY)" in result.reason
    assert write(stage.writer(), orders(0, 5, None)) == Delivered()


@pytest.mark.parametrize("error", [failure(999), sqlite3.InterfaceError("hunter2")])
def test_what_nobody_knows_is_tried_again_and_told_without_its_words(error: sqlite3.Error) -> None:
    assert meaning(error) is Retriable
    assert named(error) == "SQLite: unknown error (SQLITE_UNKNOWN)"


def test_a_code_that_python_does_not_know_is_told_by_its_primary_name() -> None:
    assert named(failure(sqlite3.SQLITE_CONSTRAINT | 99 << 8)) == "SQLite: a row violates a constraint (SQLITE_CONSTRAINT)"


@pytest.mark.parametrize(
    ("condition", "code", "about"),
    [
        ("CREATE UNIQUE INDEX u ON t (key)", "SQLITE_CONSTRAINT_UNIQUE", ": UNIQUE constraint failed: t.key"),
        ("CREATE TRIGGER r BEFORE INSERT ON t WHEN NEW.key = x'62' BEGIN SELECT RAISE(ABORT, 'hunter2'); END", "SQLITE_CONSTRAINT_TRIGGER", ""),
        ("CREATE TRIGGER r BEFORE INSERT ON t WHEN NEW.key = x'62' BEGIN SELECT RAISE(ROLLBACK, 'hunter2'); END", "SQLITE_CONSTRAINT_TRIGGER", ""),
        ("CREATE TRIGGER r BEFORE INSERT ON t WHEN NEW.key = x'62' BEGIN SELECT RAISE(FAIL, 'hunter2'); END", "SQLITE_CONSTRAINT_TRIGGER", ""),
    ],
)  # fmt: skip
def test_a_row_that_is_refused_is_named_and_nothing_of_its_batch_is_written(
    stage: Stage, condition: str, code: str, about: str
) -> None:
    writer = stage.writer()
    assert write(writer, Batch.of([chunk([b"0"], keys=[b"b"])], {ORDERS: None})) == Delivered()
    stage.query(condition)
    batch = Batch.of([chunk([b"1", b"2", b"3"], keys=[b"a", b"b", b"c"], offset=1)], {ORDERS: 1})

    result = write(writer, batch)

    assert isinstance(result, Poison)
    assert result.reason == f"SQLite: a row violates a constraint ({code}{about})"
    assert [(failure.tp, failure.offset) for failure in result.named] == [(ORDERS, 2)]
    assert result.said.status == code
    assert stage.stored() == {ORDERS: 1}
    good = Batch.of([chunk([b"1", b"3"], keys=[b"a", b"c"], offset=1)], {ORDERS: 1})
    assert write(writer, good) == Delivered()


def test_a_row_that_is_refused_is_named_where_rows_replace_each_other(stage: Stage) -> None:
    writer = stage.writer(columns="id=@key:text, n=$.n:bigint", key="id")
    writer.connect(soon())
    stage.query("CREATE TRIGGER p BEFORE INSERT ON t WHEN NEW.n < 0 BEGIN SELECT RAISE(ABORT, 'negative'); END")
    stage.query("CREATE TRIGGER d BEFORE DELETE ON t BEGIN SELECT RAISE(ABORT, 'kept'); END")
    keys = [b"a", b"b", b"a", b"b", b"c"]

    negative = write(writer, Batch.of([chunk([b'{"n":1}', b'{"n":-1}', b'{"n":2}', b'{"n":-2}', b'{"n":3}'], keys=keys)]))
    assert isinstance(negative, Poison)
    assert [failure.offset for failure in negative.named] == [3]
    assert negative.said == Said("SQLITE_CONSTRAINT_TRIGGER", "negative")

    assert write(writer, Batch.of([chunk([b'{"n":1}'] * 2, keys=[b"a", b"b"])])) == Delivered()
    kept = write(writer, Batch.of([chunk([b'{"n":1}', None, b'{"n":2}'], keys=[b"a", b"b", b"c"])]))
    assert isinstance(kept, Poison)
    assert [failure.offset for failure in kept.named] == [1]
    assert stage.query("SELECT id, n FROM t ORDER BY id") == [("a", 1), ("b", 1)]


@pytest.mark.parametrize("bad", [0, 49, 50, 99, 100, 119])
@pytest.mark.parametrize("key", ["", "offset"], ids=["appended", "replaced"])
def test_a_row_that_is_refused_is_named_wherever_it_is_among_many(stage: Stage, bad: int, key: str) -> None:
    writer = stage.writer(value="text", key=key)
    writer.connect(soon())
    stage.query(f"CREATE TRIGGER r BEFORE INSERT ON t WHEN NEW.value = '{bad}' BEGIN SELECT RAISE(ABORT, 'no'); END")

    result = write(writer, orders(0, 120, None))

    assert isinstance(result, Poison)
    assert [failure.offset for failure in result.named] == [bad]
    assert (stage.column("offset"), stage.stored()) == ([], {})
    stage.query("DROP TRIGGER r")
    assert write(writer, orders(0, 120, None)) == Delivered()
    assert stage.column("offset") == list(range(120))


def test_a_constraint_that_is_looked_at_in_the_end_refuses_the_batch_without_a_name(stage: Stage) -> None:
    stage.query("CREATE TABLE p (id INTEGER PRIMARY KEY)")
    stage.query("CREATE TABLE t (id INTEGER REFERENCES p (id) DEFERRABLE INITIALLY DEFERRED)")
    writer = stage.writer(columns="id=@offset:bigint")
    stage.query("INSERT INTO p VALUES (0), (2)")

    result = write(writer, orders(0, 3, None))

    assert isinstance(result, Poison)
    assert result.reason == "SQLite: a row violates a constraint (SQLITE_CONSTRAINT_FOREIGNKEY)"
    assert result.named == ()
    assert stage.stored() == {}
    assert write(writer, orders(0, 1, None)) == Delivered()


def test_a_value_that_does_not_fit_a_strict_column_is_poison_by_name(stage: Stage) -> None:
    stage.query("CREATE TABLE t (value INTEGER) STRICT")
    result = write(stage.writer(columns="value=$:text"), Batch.of([chunk([b"1", b"hunter2"])]))
    assert isinstance(result, Poison)
    assert result.reason == "SQLite: a row violates a constraint (SQLITE_CONSTRAINT)"
    assert [failure.offset for failure in result.named] == [1]


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        ("CREATE TABLE x (a)", "a statement cannot be run (SQLITE_ERROR: no such table: t)"),
        ("CREATE TABLE t (topic)", "a statement cannot be run (SQLITE_ERROR: table t has no column named partition)"),
    ],
)
def test_a_table_that_is_not_there_or_another_one_holds_everything(stage: Stage, made: str, reason: str) -> None:
    stage.query(made)
    stage.query("CREATE TABLE o (consumer_group, topic, partition, next_offset, updated_at)")
    assert write(stage.writer(create=False), orders(0, 1, None)) == Systemic(f"SQLite: {reason}")


def test_a_file_that_is_no_database_holds_everything(stage: Stage) -> None:
    stage.path.write_bytes(b"hunter2" * 1000)
    assert write(stage.writer(), orders(0, 1, None)) == Systemic(
        f"sqlite://{stage.path}: SQLite: it is no SQLite database (SQLITE_NOTADB)"
    )


def test_a_missing_folder_is_told_with_its_mend(stage: Stage) -> None:
    stage.path = stage.path.parent / "missing" / "x.db"
    assert write(stage.writer(), orders(0, 1, None)) == Systemic(
        f"sqlite://{stage.path}: SQLite: it cannot be opened (SQLITE_CANTOPEN); make the folder {stage.path.parent}"
    )


def test_a_full_disk_holds_everything_and_leaves_nothing_behind(stage: Stage) -> None:
    writer = stage.writer()
    assert write(writer, orders(0, 5, None)) == Delivered()
    batch = Batch.of([chunk([b"x" * 1000] * 500, offset=5)], {ORDERS: 5})
    with little_space(100_000):
        result = write(writer, batch)
    assert isinstance(result, Systemic)
    assert result.reason.startswith(("SQLite: the disk fails (SQLITE_IOERR", "SQLite: the disk is full (SQLITE_FULL"))
    assert stage.stored() == {ORDERS: 5}

    assert write(writer, batch) == Delivered()
    assert stage.column("offset") == list(range(505))


def test_a_damaged_page_holds_everything(stage: Stage) -> None:
    writer = stage.writer()
    assert write(writer, Batch.of([chunk([b"x" * 1000] * 500)], {ORDERS: None})) == Delivered()
    writer.close()
    with stage.path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xee" * 4096 * 50)

    result = write(writer, orders(500, 900, 500))

    assert isinstance(result, Systemic)
    assert "(SQLITE_CORRUPT" in result.reason
