from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from sidecar.core.records import UNREADABLE, Batch
from sidecar.core.results import Delivered
from tests.contract.batches import chunk
from tests.contract.postgresql.stage import ORDERS, Stage, orders, write


def test_a_table_of_records_has_what_kafka_has(stage: Stage) -> None:
    headers = [[("a", b"1"), ("a", None), ("b", b"\xff")], None, UNREADABLE]
    batch = Batch.of(
        [chunk([b"\xff\0", None, b""], keys=[None, b"k", b""], headers=headers, timestamps=[-1, 0, 1_700_000_000_123])]
    )

    assert write(stage.writer(), batch) == Delivered()

    assert stage.query("SELECT * FROM {t} ORDER BY ctid") == [
        ("orders", 0, 0, None, None, b"\xff\0", [{"key": "a", "value": "1"}, {"key": "a", "value": None}, {"key": "b", "value_base64": "/w=="}]),
        ("orders", 0, 1, datetime(1970, 1, 1, tzinfo=UTC), b"k", None, None),
        ("orders", 0, 2, datetime(2023, 11, 14, 22, 13, 20, 123_000, tzinfo=UTC), b"", b"", [{"unreadable": True}]),
    ]  # fmt: skip


@pytest.mark.parametrize(("type_", "stored"), [("text", '{"a": "ä"}'), ("jsonb", {"a": "ä"})])
def test_values_can_be_text_or_documents(stage: Stage, type_: str, stored: object) -> None:
    batch = Batch.of([chunk(['{"a": "ä"}'.encode(), None, b"7"])])
    assert write(stage.writer(value=type_), batch) == Delivered()
    assert stage.column("value") == [stored, None, 7 if type_ == "jsonb" else "7"]


EVERY_TYPE = {
    "smallint": (b"-32768", -32768),
    "integer": (b"2147483647", 2**31 - 1),
    "bigint": (b"-9223372036854775808", -(2**63)),
    "real": (b"0.5", 0.5),
    "double precision": (b"1.7976931348623157e308", 1.7976931348623157e308),
    "numeric": (b"-12345678901234567890.000000000123", Decimal("-12345678901234567890.000000000123")),
    "boolean": (b"true", True),
    "text": (b'"\xc3\xa4\\t"', "ä\t"),
    "json": (b'{"b":1}', {"b": 1}),
    "jsonb": (b'[1, "x"]', [1, "x"]),
    "timestamptz": (b'"1999-12-31T23:59:59.999999Z"', datetime(1999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
    "timestamp": (b'"2026-01-01T01:00:00+01:00"', datetime(2026, 1, 1)),  # noqa: DTZ001 -- the type has no zone
    "date": (b'"1970-01-01"', date(1970, 1, 1)),
    "uuid": (b'"12345678-1234-1234-1234-123456789012"', UUID("12345678-1234-1234-1234-123456789012")),
}


@pytest.mark.parametrize("key", ["", "id"], ids=["by COPY", "by arrays"])
def test_fields_of_every_type_arrive(stage: Stage, key: str) -> None:
    columns = ", ".join(f"c{n}=$.f{n}:{type_}" for n, type_ in enumerate(EVERY_TYPE))
    whole = b"{%b}" % b",".join(b'"f%d":%b' % (n, given) for n, (given, _) in enumerate(EVERY_TYPE.values()))
    writer = stage.writer(columns=f"id=@offset:bigint, {columns}", key=key)

    assert write(writer, Batch.of([chunk([whole, b"{}", whole])])) == Delivered()

    filled = (*(stored for _, stored in EVERY_TYPE.values()),)
    empty = (None,) * len(EVERY_TYPE)
    assert stage.query("SELECT * FROM {t} ORDER BY id") == [(0, *filled), (1, *empty), (2, *filled)]


def test_times_reach_as_far_as_the_database(stage: Stage) -> None:
    from sidecar.writers.postgresql.binary import LIMITS  # noqa: PLC0415 -- the numbers under test

    first, last = -(-LIMITS.earliest // 1000), LIMITS.latest // 1000
    batch = Batch.of([chunk([b"{}", b"{}"], timestamps=[first, last])])
    assert write(stage.writer(columns="at=@timestamp:timestamp"), batch) == Delivered()
    assert stage.query("SELECT at::text FROM {t}") == [("4714-11-24 00:00:00 BC",), ("294276-12-31 23:59:59.999",)]


def test_a_record_replaces_the_row_of_its_key_and_a_tombstone_deletes_it(stage: Stage) -> None:
    writer = stage.writer(columns="id=@key:text, n=$.n:bigint", key="id")
    first = chunk([b'{"n":1}', b'{"n":2}', b'{"n":3}', b'{"n":4}'], keys=[b"a", b"b", b"c", b"a"])
    assert write(writer, Batch.of([first], {ORDERS: None})) == Delivered()
    assert stage.query("SELECT * FROM {t} ORDER BY id") == [("a", 4), ("b", 2), ("c", 3)]

    second = chunk([None, b'{"n":5}', None, b"{}", None], keys=[b"a", b"a", b"b", b"d", b"never"], offset=4)
    assert write(writer, Batch.of([second], {ORDERS: 4})) == Delivered()

    assert stage.query("SELECT * FROM {t} ORDER BY id") == [("a", 5), ("c", 3), ("d", None)]
    assert stage.stored() == {ORDERS: 9}


def test_rows_can_be_known_by_several_columns_and_by_nothing_else(stage: Stage) -> None:
    writer = stage.writer(columns="b=@key.b:text, a=@key.a:bigint", key="a, b")
    keys = [b'{"a":1,"b":"x"}', b'{"a":1,"b":"y"}', b'{"a":1,"b":"x"}', b'{"a":2,"b":"x"}']
    assert write(writer, Batch.of([chunk([b"1", b"1", b"1", b"1"], keys=keys)])) == Delivered()
    assert write(writer, Batch.of([chunk([None, b"1"], keys=keys[1:3], offset=4)])) == Delivered()
    assert stage.query("SELECT a, b FROM {t} ORDER BY a, b") == [(1, "x"), (2, "x")]


def test_without_columns_a_table_can_hold_the_last_record_of_each_key(stage: Stage) -> None:
    writer = stage.writer(key="key", value="text")
    assert write(writer, Batch.of([chunk([b"1", b"2", b"3"], keys=[b"a", b"b", b"a"])])) == Delivered()
    assert stage.query('SELECT key, value, "offset" FROM {t} ORDER BY key') == [(b"a", "3", 2), (b"b", "2", 1)]


def test_names_are_names_whatever_they_look_like(stage: Stage) -> None:
    stage.table = "Select-$_é"
    try:
        writer = stage.writer(columns="User=@offset:bigint, order=@topic:text, from-x=@key:text", table=f"public.{stage.table}")
        assert write(writer, orders(0, 2, None)) == Delivered()
        assert stage.query('SELECT * FROM "{t}"') == [(0, "orders", None), (1, "orders", None)]
    finally:
        stage.query('DROP TABLE "{t}"')
        stage.table = "none"


def test_the_ddl_for_people_makes_the_tables_that_are_written(stage: Stage) -> None:
    ddl = stage.kind(columns="id=@key:text, n=$.n:bigint", key="id").ddl
    assert ddl is not None
    stage.query(ddl().replace("{", "{{").replace("}", "}}"))

    writer = stage.made(columns="id=@key:text, n=$.n:bigint", key="id", create=False)

    assert write(writer, Batch.of([chunk([b'{"n":1}'], keys=[b"a"])], {ORDERS: None})) == Delivered()
    assert json.loads(json.dumps(stage.query("SELECT * FROM {t}"))) == [["a", 1]]
