from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest

from sidecar.core.records import UNREADABLE, Batch
from sidecar.core.results import Delivered
from sidecar.writers.sqlite.database import TimedConnection
from sidecar.writers.sqlite.statements import Statements
from sidecar.writers.sqlite.writer import Step, run_many
from sidecar.writers.tables.declared import OPTIONS, declared
from tests.contract.batches import chunk
from tests.contract.sqlite.stage import ORDERS, Stage, orders, soon, write


def test_a_table_of_records_has_what_kafka_has(stage: Stage) -> None:
    headers = [[("a", b"1"), ("a", None), ("b", b"\xff")], None, UNREADABLE]
    batch = Batch.of(
        [chunk([b"\xff\0", None, b""], keys=[None, b"k", b""], headers=headers, timestamps=[-1, 0, 1_700_000_000_123])]
    )

    assert write(stage.writer(), batch) == Delivered()

    assert stage.query("SELECT * FROM t") == [
        ("orders", 0, 0, None, None, b"\xff\0", '[{"key":"a","value":"1"},{"key":"a","value":null},{"key":"b","value_base64":"/w=="}]'),
        ("orders", 0, 1, 0, b"k", None, None),
        ("orders", 0, 2, 1_700_000_000_123_000, b"", b"", '[{"unreadable":true}]'),
    ]  # fmt: skip
    assert stage.query("SELECT datetime(timestamp / 1000000, 'unixepoch') FROM t WHERE offset = 2") == [("2023-11-14 22:13:20",)]


@pytest.mark.parametrize("type_", ["text", "jsonb"])
def test_values_can_be_text_or_documents(stage: Stage, type_: str) -> None:
    document = '{"a": "ä", "b": "\\u0000"}'
    assert write(stage.writer(value=type_), Batch.of([chunk([document.encode(), None, b"7"])])) == Delivered()
    assert stage.column("value") == [document, None, "7"]
    assert stage.query("SELECT value ->> '$.a' FROM t LIMIT 1") == [("ä",)]


EVERY_TYPE = {
    "smallint": (b"-32768", -32768),
    "integer": (b"2147483647", 2**31 - 1),
    "bigint": (b"-9223372036854775808", -(2**63)),
    "real": (b"0.5", 0.5),
    "double precision": (b"1.7976931348623157e308", 1.7976931348623157e308),
    "numeric": (b"-12345678901234567890.000000000123", "-12345678901234567890.000000000123"),
    "boolean": (b"true", 1),
    "text": (b'"\xc3\xa4\\t\\u0000."', "ä\t\0."),
    "json": (b'{"b":1}', '{"b":1}'),
    "jsonb": (b'[1, "x"]', '[1, "x"]'),
    "timestamptz": (b'"1999-12-31T23:59:59.999999Z"', 946_684_799_999_999),
    "timestamp": (b'"2026-01-01T01:00:00+01:00"', 1_767_225_600_000_000),
    "date": (b'"1970-01-01"', "1970-01-01"),
    "uuid": (b'"12345678-1234-1234-1234-123456789012"', "12345678-1234-1234-1234-123456789012"),
}


@pytest.mark.parametrize("key", ["", "id"], ids=["appended", "replaced"])
def test_fields_of_every_type_arrive(stage: Stage, key: str) -> None:
    columns = ", ".join(f"c{n}=$.f{n}:{type_}" for n, type_ in enumerate(EVERY_TYPE))
    whole = b"{%b}" % b",".join(b'"f%d":%b' % (n, given) for n, (given, _) in enumerate(EVERY_TYPE.values()))
    writer = stage.writer(columns=f"id=@offset:bigint, {columns}", key=key)

    assert write(writer, Batch.of([chunk([whole, b"{}", whole])])) == Delivered()

    filled = (*(stored for _, stored in EVERY_TYPE.values()),)
    empty = (None,) * len(EVERY_TYPE)
    assert stage.query("SELECT * FROM t ORDER BY id") == [(0, *filled), (1, *empty), (2, *filled)]


def test_times_reach_as_far_as_64_bits_of_microseconds(stage: Stage) -> None:
    far = 2**63 // 1000
    assert (
        write(stage.writer(columns="at=@timestamp:timestamptz"), Batch.of([chunk([b"", b""], timestamps=[-far, far])]))
        == Delivered()
    )
    assert stage.column("at") == [-far * 1000, far * 1000]


def test_a_record_replaces_the_row_of_its_key_and_a_tombstone_deletes_it(stage: Stage) -> None:
    writer = stage.writer(columns="id=@key:text, n=$.n:bigint", key="id")
    first = chunk([b'{"n":1}', b'{"n":2}', b'{"n":3}', b'{"n":4}'], keys=[b"a", b"b", b"c", b"a"])
    assert write(writer, Batch.of([first], {ORDERS: None})) == Delivered()
    assert stage.query("SELECT * FROM t ORDER BY id") == [("a", 4), ("b", 2), ("c", 3)]

    second = chunk([None, b'{"n":5}', None, b"{}", None], keys=[b"a", b"a", b"b", b"d", b"never"], offset=4)
    assert write(writer, Batch.of([second], {ORDERS: 4})) == Delivered()

    assert stage.query("SELECT * FROM t ORDER BY id") == [("a", 5), ("c", 3), ("d", None)]
    assert stage.stored() == {ORDERS: 9}


@pytest.mark.parametrize("count", [1, 49, 50, 51, 120])
def test_any_number_of_rows_is_written_replaced_and_deleted(stage: Stage, count: int) -> None:
    writer = stage.writer(columns="id=@key.id:bigint, part=@key.part:text, n=$:text", key="id, part")
    keys = [b'{"id":%d,"part":"x"}' % n for n in range(count)]
    for n, values in enumerate(([b"1"] * count, [b"2"] * count)):
        assert write(writer, Batch.of([chunk(values, keys=keys, offset=n * count)])) == Delivered()
        assert stage.query("SELECT count(*), min(n), max(n) FROM t") == [(count, f"{n + 1}", f"{n + 1}")]

    left = Batch.of([chunk([b"3", *[None] * (count - 1)], keys=keys, offset=2 * count)])
    assert write(writer, left) == Delivered()
    assert stage.query("SELECT id, n FROM t") == [(0, "3")]


@pytest.mark.parametrize("parameters", [3, 20, 32_766])
def test_a_statement_has_no_more_parameters_than_this_sqlite_takes(stage: Stage, parameters: int) -> None:
    statements = Statements(
        declared(
            {name: option.default for name, option in OPTIONS.items()}
            | {"table": "t", "columns": "a=@offset:bigint, b=@partition:bigint, c=@topic:text"}
        )
    )
    with closing(sqlite3.connect(stage.path, factory=TimedConnection, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE t (a, b, c)")
        connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, parameters)
        run_many(connection, Step(statements.insert, [range(130), [0] * 130, ["x"] * 130], range(130)))
    assert stage.column("a") == list(range(130))


def test_rows_can_be_known_by_several_columns_and_by_nothing_else(stage: Stage) -> None:
    writer = stage.writer(columns="b=@key.b:text, a=@key.a:bigint", key="a, b")
    keys = [b'{"a":1,"b":"x"}', b'{"a":1,"b":"y"}', b'{"a":1,"b":"x"}', b'{"a":2,"b":"x"}']
    assert write(writer, Batch.of([chunk([b"1", b"1", b"1", b"1"], keys=keys)])) == Delivered()
    assert write(writer, Batch.of([chunk([None, b"1"], keys=keys[1:3], offset=4)])) == Delivered()
    assert stage.query("SELECT a, b FROM t ORDER BY a, b") == [(1, "x"), (2, "x")]


@pytest.mark.parametrize(("type_", "key"), [("uuid", b"12345678-1234-1234-1234-1234567890AB"), ("date", b"2026-01-31")])
def test_keys_of_types_that_are_stored_as_text_are_found_again(stage: Stage, type_: str, key: bytes) -> None:
    writer = stage.writer(columns=f"id=@key.id:{type_}", key="id")
    upsert, delete = (chunk([value], keys=[b'{"id":"%b"}' % key], offset=at) for at, value in enumerate([b"1", None]))
    assert write(writer, Batch.of([upsert])) == Delivered()
    assert stage.column("id") == [key.decode().lower()]
    assert write(writer, Batch.of([delete])) == Delivered()
    assert stage.column("id") == []


def test_names_are_names_whatever_they_look_like(stage: Stage) -> None:
    writer = stage.writer(columns="User=@offset:bigint, order=@topic:text, from-x=@key:text", table="Select-$_é")
    writer.connect(soon())
    assert write(writer, orders(0, 2, None)) == Delivered()
    assert stage.query('SELECT * FROM "Select-$_é"') == [(0, "orders", None), (1, "orders", None)]


def test_the_ddl_for_people_makes_the_tables_that_are_written(stage: Stage) -> None:
    ddl = stage.kind("group", columns="id=@key:text, n=$.n:bigint", key="id").ddl
    assert ddl is not None
    for statement in ddl().split(";\n"):
        stage.query(statement)

    writer = stage.writer(columns="id=@key:text, n=$.n:bigint", key="id", create=False)
    writer.connect(soon())

    assert write(writer, Batch.of([chunk([b'{"n":1}'], keys=[b"a"])], {ORDERS: None})) == Delivered()
    assert json.loads(json.dumps(stage.query("SELECT * FROM t"))) == [["a", 1]]
