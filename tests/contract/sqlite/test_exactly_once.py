from __future__ import annotations

import sqlite3
import threading
from contextlib import closing

import pytest

from sidecar.core.errors import WriterUnavailable
from sidecar.core.records import Batch, TopicPartition
from sidecar.core.results import Delivered, Fenced, Result, Retriable
from sidecar.writers.sqlite.database import Database
from sidecar.writers.tables.declared import OPTIONS, declared
from tests.contract.batches import chunk
from tests.contract.sqlite.stage import ORDERS, Stage, orders, soon, write

OTHER = TopicPartition("orders", 1)


def test_rows_and_offsets_are_written_together_from_the_first_batch_on(stage: Stage) -> None:
    writer = stage.writer()

    assert write(writer, orders(5, 8, None)) == Delivered()
    assert write(writer, orders(10, 12, 8)) == Delivered()

    assert stage.column("offset") == [5, 6, 7, 10, 11]
    assert stage.stored() == {ORDERS: 12}


def test_a_connection_syncs_each_commit_and_checks_foreign_keys(stage: Stage) -> None:
    defaults = {name: option.default for name, option in OPTIONS.items()}
    database = Database(stage.path, declared(defaults | {"table": "t", "create": True}))
    with closing(database.open(soon())) as connection:
        modes = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous", "foreign_keys")]
    assert modes == ["wal", 2, 1]


def test_the_offset_that_is_kept_covers_the_gap_after_the_last_record(stage: Stage) -> None:
    part = chunk([b"1", b"2", b"3"]).slice(0, 2)
    part.end = 100
    assert write(stage.writer(), Batch.of([part], {ORDERS: None})) == Delivered()
    assert stage.stored() == {ORDERS: 100}


@pytest.mark.parametrize("expected", [None, 0, 4, 6])
def test_an_owner_whose_offset_is_not_the_present_one_is_fenced_and_writes_nothing(stage: Stage, expected: int | None) -> None:
    assert write(stage.writer(), orders(0, 5, None)) == Delivered()

    result = write(stage.writer(), orders(3, 9, expected))

    assert isinstance(result, Fenced)
    assert result.tps == (ORDERS,)
    assert stage.column("offset") == [0, 1, 2, 3, 4]
    assert stage.stored() == {ORDERS: 5}


def test_only_the_partitions_of_another_owner_are_fenced_but_nothing_of_the_batch_is_written(stage: Stage) -> None:
    writer = stage.writer()
    assert write(writer, orders(0, 5, None)) == Delivered()
    parts = [chunk([b"x"] * 3, offset=7), chunk([b"y"] * 3, offset=7, partition=1)]

    result = write(writer, Batch.of(parts, {ORDERS: 5, OTHER: 7}))

    assert isinstance(result, Fenced)
    assert result.tps == (OTHER,)
    assert stage.stored() == {ORDERS: 5}
    assert write(writer, Batch.of(parts, {ORDERS: 5, OTHER: None})) == Delivered()
    assert stage.stored() == {ORDERS: 10, OTHER: 10}


def test_a_batch_that_was_written_already_is_delivered_and_not_written_again(stage: Stage) -> None:
    assert write(stage.writer(), orders(0, 5, None)) == Delivered()
    assert write(stage.writer(), orders(5, 9, 5)) == Delivered()

    assert write(stage.writer(), orders(5, 9, 5)) == Delivered()

    assert stage.column("offset") == list(range(9))


def test_groups_keep_their_own_offsets(stage: Stage) -> None:
    assert write(stage.writer("one"), orders(0, 5, None)) == Delivered()
    assert write(stage.writer("two"), orders(0, 5, None)) == Delivered()
    assert stage.column("offset") == [*range(5), *range(5)]


def test_a_batch_without_expectations_leaves_the_offsets_alone(stage: Stage) -> None:
    assert write(stage.writer(), Batch.of([chunk([b"redriven"])])) == Delivered()
    assert (stage.column("value"), stage.stored()) == ([b"redriven"], {})


def test_of_two_owners_at_once_one_writes_and_the_other_is_fenced(stage: Stage) -> None:
    writers = [stage.writer(), stage.writer()]
    for writer in writers:
        writer.connect(soon())  # else one of them finds the file while the other one makes it
    results: list[Result] = []
    for first in range(0, 100, 5):
        batch = orders(first, first + 5, first or None)
        zombie = orders(first, first + 4, first or None)
        both = [
            threading.Thread(target=lambda w=w, b=b: results.append(write(w, b)))
            for w, b in zip(writers, (batch, zombie), strict=True)
        ]
        for thread in both:
            thread.start()
        for thread in both:
            thread.join()
        if stage.stored()[ORDERS] != first + 5:  # the zombie was quicker: the owner begins again where it got to
            assert write(writers[0], orders(first + 4, first + 5, first + 4)) == Delivered()

    assert {type(result) for result in results} == {Delivered, Fenced}
    assert [type(result) for result in results].count(Delivered) == 20
    assert stage.column("offset") == list(range(100))


def test_a_lock_of_somebody_else_costs_the_deadline_and_no_record(stage: Stage) -> None:
    writer = stage.writer()
    assert write(writer, orders(0, 5, None)) == Delivered()
    with stage.locked():
        result = write(writer, orders(5, 9, 5), within=0.2)
        assert isinstance(result, Retriable)
        assert result.reason == "SQLite: another connection writes to it (SQLITE_BUSY)"
        assert stage.offsets().read([ORDERS], soon()) == {ORDERS: 5}
    assert write(writer, orders(5, 9, 5)) == Delivered()
    assert stage.column("offset") == list(range(9))


def test_a_statement_that_takes_too_long_is_ended_at_the_deadline_and_rolled_back(stage: Stage) -> None:
    writer = stage.writer()
    assert write(writer, orders(0, 1, None)) == Delivered()
    endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
    stage.query(f"CREATE TRIGGER slow AFTER INSERT ON t WHEN NEW.offset = 3 BEGIN SELECT ({endless}); END")

    result = write(writer, orders(1, 5, 1), within=0.1)

    assert isinstance(result, Retriable)
    assert result.reason == "SQLite: it took longer than the flush may (SQLITE_INTERRUPT)"
    assert stage.stored() == {ORDERS: 1}
    stage.query("DROP TRIGGER slow")
    assert write(writer, orders(1, 5, 1)) == Delivered()
    assert stage.column("offset") == list(range(5))


def test_a_file_that_was_deleted_or_replaced_takes_no_more_rows(stage: Stage) -> None:
    writer, reader = stage.writer(), stage.offsets()
    assert write(writer, orders(0, 5, None)) == Delivered()
    assert reader.read([ORDERS], soon()) == {ORDERS: 5}
    stage.path.rename(stage.path.with_name("moved.db"))

    assert isinstance(write(writer, orders(5, 9, 5)), Fenced)

    assert reader.read([ORDERS], soon()) == {}
    assert write(writer, orders(0, 2, None)) == Delivered()
    assert stage.column("offset") == [0, 1]


def test_the_stored_offsets_are_read_for_those_partitions_that_have_one(stage: Stage) -> None:
    assert write(stage.writer(), orders(0, 5, None)) == Delivered()
    assert write(stage.writer("another"), Batch.of([chunk([b"1"], partition=1)], {OTHER: None})) == Delivered()
    offsets = stage.offsets()

    assert offsets.read([ORDERS, OTHER, TopicPartition("it's", 0)], soon()) == {ORDERS: 5}
    assert offsets.read([], soon()) == {}
    offsets.close()
    assert offsets.read([ORDERS], soon()) == {ORDERS: 5}
    offsets.close()
    offsets.close()


def test_offsets_without_a_file_or_a_table_are_none_or_refused_with_the_mend(stage: Stage) -> None:
    with pytest.raises(
        WriterUnavailable, match=r"it cannot be opened \(SQLITE_CANTOPEN\); make it as `kafka-sidecar check --ddl`"
    ):
        stage.offsets(create=False).read([ORDERS], soon())
    assert not stage.path.exists()
    sqlite3.connect(stage.path).close()
    with pytest.raises(
        WriterUnavailable, match=r"the offsets in o cannot be read: .*no such table: o\); .*SIDECAR_WRITER__CREATE=true"
    ):
        stage.offsets(create=False).read([ORDERS], soon())
    assert stage.offsets().read([ORDERS], soon()) == {}
