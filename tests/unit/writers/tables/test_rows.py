from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from sidecar.core.records import UNREADABLE, Batch, TopicPartition
from sidecar.core.results import FailureAction, Poison, RecordFailure
from sidecar.writers.options import Value
from sidecar.writers.tables.declared import OPTIONS, declared
from sidecar.writers.tables.rows import RowMaker, Rows
from sidecar.writers.tables.types import TYPES, Limits
from tests.contract.batches import chunk

STRICT = Limits(takes_nul=False, earliest=-(10**15), latest=10**17)
LENIENT = Limits(takes_nul=True, earliest=-(2**63), latest=2**63 - 1)


def maker(limits: Limits = STRICT, **options: Value) -> RowMaker:
    defaults = {name: option.default for name, option in OPTIONS.items()}
    return RowMaker(declared(defaults | {"table": "t"} | options), limits)


def rows_of(batch: Batch, limits: Limits = STRICT, **options: Value) -> Rows:
    rows = maker(limits, **options).rows(batch)
    assert isinstance(rows, Rows)
    return rows


def column_of(values: Sequence[bytes | None], source: str, limits: Limits = STRICT) -> list[Any]:
    """Return the only column of ``source`` (with its type) of records with ``values``."""
    return list(rows_of(Batch.of([chunk(values)]), limits, columns=f"c={source}").columns[0])


def refusals(values: Sequence[bytes | None], source: str, limits: Limits = STRICT) -> dict[int, str]:
    """Return why records were refused, by their offset."""
    result = maker(limits, columns=f"c={source}").rows(Batch.of([chunk(values)]))
    assert isinstance(result, Poison)
    assert result.reason == result.named[0].error
    return {failure.offset: failure.error for failure in result.named}


def test_an_appended_record_is_what_kafka_has() -> None:
    first = chunk([b"\xff", None], keys=[None, b"k"], headers=[None, [("h", b"x"), ("h", None)]], timestamps=[-1, 5], offset=7)
    batch = Batch.of([first, chunk([b"z"], partition=3, headers=[None])])

    rows = rows_of(batch)

    assert list(zip(*rows.columns, strict=True)) == [
        ("orders", 0, 7, None, None, b"\xff", None),
        ("orders", 0, 8, 5000, b"k", None, b'[{"key":"h","value":"x"},{"key":"h","value":null}]'),
        ("orders", 3, 0, 1_700_000_000_000_000, None, b"z", None),
    ]
    assert (rows.count, rows.tombstones) == (3, frozenset({1}))


@pytest.mark.parametrize(
    ("headers", "stored"),
    [
        ([("h", b"\xff")], [{"key": "h", "value_base64": "/w=="}]),
        ([("h", b"a\0")], [{"key": "h", "value_base64": "YQA="}]),
        (UNREADABLE, [{"unreadable": True}]),
    ],
)
def test_headers_that_text_cannot_be_are_kept_all_the_same(headers: Any, stored: Any) -> None:
    rows = rows_of(Batch.of([chunk([b"1", b"2"], headers=[None, headers])]), columns="c=@headers:jsonb")
    assert rows.columns[0][0] is None
    assert json.loads(rows.columns[0][1]) == stored


@pytest.mark.parametrize(
    ("type_", "json_value", "cell"),
    [
        ("smallint", b"-32768", -32768),
        ("bigint", b"9223372036854775807", 2**63 - 1),
        ("real", b"1", 1.0),
        ("double precision", b"-0.5e300", -0.5e300),
        ("numeric", b"12345678901234567890.5", Decimal("12345678901234567890.5")),
        ("numeric", b'"0.10"', Decimal("0.10")),
        ("boolean", b"true", True),
        ("text", b'"\xc3\xa4\\n"', "ä\n"),
        ("jsonb", b'{"b": [1 , 1e3],"b":2}', b'{"b": [1 , 1e3],"b":2}'),
        ("json", b'"x"', b'"x"'),
        ("timestamptz", b'"1970-01-01T01:00:00.000001+01:00"', 1),
        ("timestamptz", b'"1969-12-31T23:59:59Z"', -1_000_000),
        ("timestamp", b"5", 5000),
        ("date", b'"2026-01-31"', date(2026, 1, 31)),
        ("uuid", b'"12345678-1234-1234-1234-123456789012"', UUID("12345678-1234-1234-1234-123456789012")),
    ],
)
def test_a_field_becomes_a_cell_of_its_type(type_: str, json_value: bytes, cell: object) -> None:
    documents = [b'{"a":{"x":%b}, "other": [{}]}' % json_value, b'{"a":{"x":null}}', b'{"a":null}', b"{}", None]
    assert column_of(documents, f"$.a.x:{type_}") == [cell, None, None, None, None]


@pytest.mark.parametrize(
    ("type_", "json_value", "reason"),
    [
        ("smallint", b"32768", "Expected `int` <= 32767"),
        ("bigint", b"9223372036854775808", "Expected `int` <= 9223372036854775807"),
        ("bigint", b"1.5", "got `float`"),
        ("bigint", b'"1"', "got `str`"),
        ("bigint", b"true", "got `bool`"),
        ("real", b"3.5e38", "Expected `float` <= 3.4028234663852886e+38"),
        ("double precision", b"1e400", "Number out of range"),
        ("double precision", b"NaN", "malformed"),
        ("numeric", b'"NaN"', "column c: its number is not finite"),
        ("numeric", b'"-Infinity"', "column c: its number is not finite"),
        ("numeric", b"1e131072", "more digits than numeric can hold"),
        ("numeric", b"1e-16384", "more digits than numeric can hold"),
        ("boolean", b"1", "got `int`"),
        ("text", b"1", "got `int`"),
        ("text", b'"a\\u0000b"', r"column c: its text holds NUL (U+0000)"),
        ("text", b'"\\ud800"', "truncated"),
        ("text", b'"\\ud800 and more text"', "surrogate"),
        ("text", b'"\xff"', "the value: it is not UTF-8"),
        ("jsonb", b'"\xff"', "column c: it is not UTF-8"),
        ("jsonb", b'{"\\u0000":1}', "column c: its JSON holds \\u0000"),
        ("jsonb", b"[" * 10_000 + b"]" * 10_000, "the value: its JSON is nested too deeply"),
        ("timestamptz", b'"2026-01-31T00:00:00"', "timezone"),
        ("timestamptz", b"100000000000001", "farther away than the database can hold"),
        ("timestamptz", b"9223372036854775807", "farther away than the database can hold"),
        ("date", b'"2026-02-30"', "Invalid RFC3339 encoded date"),
        ("uuid", b'"x"', "Invalid UUID"),
    ],
)
def test_what_a_column_cannot_take_costs_just_its_record(type_: str, json_value: bytes, reason: str) -> None:
    good = b'{"a":null}'
    found = refusals([good, b'{"a":%b}' % json_value, good], f"$.a:{type_}")
    assert list(found) == [1]
    assert reason in found[1]


@pytest.mark.parametrize("type_", [type_ for type_ in TYPES if type_ not in {"text", "json", "jsonb", "bytea"}])
def test_what_is_refused_is_not_quoted(type_: str) -> None:
    assert "hunter2" not in refusals([b'{"a":"hunter2"}'], f"$.a:{type_}")[0]


@pytest.mark.parametrize("document", [b"[]", b"1", b"null", b"", b"{", b'{"a":1}x', b"\xef\xbb\xbf{}", b'{"x":{"y":"z"'])
def test_a_value_that_is_no_json_object_is_refused_where_fields_are_mapped(document: bytes) -> None:
    assert list(refusals([document, b"{}"], "$.a:text")) == [0]


def test_a_field_that_nobody_named_may_hold_anything_that_is_json() -> None:
    assert column_of([b'{"b":"\\u0000", "a":"x", "b":1}'], "$.a:text") == ["x"]


def test_whole_values_are_bytes_text_or_documents() -> None:
    assert column_of([b"\xff\0", None], "$:bytea") == [b"\xff\0", None]
    assert column_of([b"\xc3\xa4", None, b""], "$:text") == ["ä", None, ""]
    assert column_of([b'{"a":"\\\\u0000"}', None, b" null "], "$:jsonb") == [b'{"a":"\\\\u0000"}', None, b" null "]
    assert column_of([b'"\\u0000"'], "$:json") == [b'"\\u0000"']


def test_each_bad_record_of_a_batch_is_named_at_once() -> None:
    values = [b"good", b"\xff", b"a\0", None, b"\xed\xa0\x80"]
    assert refusals(values, "$:text") == {
        1: "column c: it is not UTF-8",
        2: "column c: its text holds NUL (U+0000)",
        4: "column c: it is not UTF-8",
    }
    assert list(refusals([b"{", b"1", b"", b'"\\u0000"', b'"\xff"'], "$:jsonb")) == [0, 2, 3, 4]


def test_a_bad_record_is_named_by_its_place_in_kafka() -> None:
    batch = Batch.of([chunk([b"1", b"2"], offset=10), chunk([b"3", b"\xff"], partition=4, offset=20)])

    result = maker(columns="c=$:text").rows(batch)

    assert result == Poison(
        "column c: it is not UTF-8",
        (RecordFailure(TopicPartition("orders", 4), 21, FailureAction.REJECT, "column c: it is not UTF-8"),),
    )


def test_a_database_that_takes_nul_gets_it() -> None:
    assert column_of([b"a\0"], "$:text", LENIENT) == ["a\0"]
    assert column_of([b'"\\u0000"'], "$:jsonb", LENIENT) == [b'"\\u0000"']
    assert column_of([b'{"a":"\\u0000"}'], "$.a:text", LENIENT) == ["\0"]


@pytest.mark.parametrize("ms", [2**62, -(2**62), 10**14 + 1])
def test_a_time_beyond_the_database_is_refused(ms: int) -> None:
    result = maker(columns="c=@timestamp:timestamptz").rows(Batch.of([chunk([b"1", b"2"], timestamps=[5, ms])]))
    assert isinstance(result, Poison)
    assert [failure.offset for failure in result.named] == [1]
    rows = rows_of(Batch.of([chunk([b"1"], timestamps=[ms])]), columns="c=@timestamp:bigint")
    assert rows.columns == ([ms],)


def test_keys_can_be_documents_too() -> None:
    batch = Batch.of([chunk([None, b"2"], keys=[b'{"id":7}', None])])
    assert rows_of(batch, columns="c=@key.id:bigint, k=@key:text").columns == ([7, None], ['{"id":7}', None])


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ("id=@key:text", "column id of the primary key is NULL"),
        ("id=$.id:text", "a tombstone has no value to take column id of the primary key from; take it from @key"),
    ],
)
def test_a_record_without_its_primary_key_is_refused(columns: str, reason: str) -> None:
    batch = Batch.of([chunk([b'{"id":"x"}', None], keys=[b"k", None])])
    result = maker(columns=columns, key="id").rows(batch)
    assert isinstance(result, Poison)
    assert [(failure.offset, failure.error) for failure in result.named] == [(1, reason)]
