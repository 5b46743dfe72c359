from __future__ import annotations

import base64
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.records import UNREADABLE, Batch, Headers
from tests.contract.batches import chunk, lines_of
from tests.contract.decoded import bytes_of

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
PAYLOADS = (
    st.none()
    | st.binary()
    | st.text().map(str.encode)
    | JSON_VALUES.map(lambda value: json.dumps(value, indent=1).encode())
    | st.sampled_from(
        [b"", b"null", b" null\n", b"1,2", b"1],[2", b'"\xff"', b"NaN", b"1 2", b"\xef\xbb\xbf1", b'"\\ud800"', b"[" * 9999]
    )
)
HEADERS = st.none() | st.just(UNREADABLE) | st.lists(st.tuples(st.text(), st.none() | st.binary()), min_size=1)
RECORDS = st.lists(st.tuples(PAYLOADS, PAYLOADS, HEADERS, st.integers(-1, 2**62)), min_size=1)


def decoded(batch: Batch) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines_of(batch).split(b"\n")[:-1]]


def line_of(value: bytes | None, key: bytes | None = None, headers: Headers | None = None) -> dict[str, Any]:
    (line,) = decoded(Batch.of([chunk([value], keys=[key], headers=[headers])]))
    return line


@given(RECORDS)
def test_each_record_is_one_line_that_gives_the_same_bytes_back(records: list[tuple[Any, Any, Headers | None, int]]) -> None:
    keys, values, headers, timestamps = (list(column) for column in zip(*records, strict=True))

    lines = decoded(Batch.of([chunk(values, keys=keys, headers=headers, timestamps=timestamps, offset=7)]))

    assert [line["offset"] for line in lines] == [7 + n for n in range(len(records))]
    assert [line["timestamp"] for line in lines] == [None if ms == -1 else ms for ms in timestamps]
    for line, key, value, head in zip(lines, keys, values, headers, strict=True):
        assert bytes_of(line, "key", "key") == key
        assert len({"value", "value_text", "value_base64"} & set(line)) == 1
        if line.get("value") is not None:
            assert line["value"] == msgspec.json.decode(value)
        else:
            assert bytes_of(line, "value", "value_text" if "value_text" in line else "value") == value
        assert line.get("headers_unreadable", False) == (head is UNREADABLE)
        assert [(h["key"], bytes_of(h, "value", "value")) for h in line.get("headers", [])] == list(head or ())


def test_the_usual_record_is_written_like_the_documentation_says() -> None:
    batch = Batch.of([chunk([b'{"id": 1}'], keys=[b"k"], headers=[[("trace", b"abc")]], offset=5, partition=3, weight=10)])

    assert lines_of(batch) == (
        b'{"topic":"orders","partition":3,"offset":5,"timestamp":1700000000000,"key":"k","value":{"id": 1}'
        b',"headers":[{"key":"trace","value":"abc"}],"weight":10}\n'
    )


def test_a_tombstone_and_the_payload_null_can_be_told_apart() -> None:
    assert line_of(None)["value"] is None
    assert line_of(b"null")["value_text"] == "null"
    assert line_of(b'{"a":null}')["value"] == {"a": None}


@pytest.mark.parametrize("payload", [b"1,2", b"1],[2", b"1 2", b"NaN", b"", b"\xef\xbb\xbf1", b"[" * 100_000])
def test_what_only_looks_like_json_is_text(payload: bytes) -> None:
    assert line_of(payload)["value_text"].encode() == payload


@pytest.mark.parametrize("payload", [b"\xff", b'"\xff"', b'{"\xff":1}'])
def test_what_is_not_utf8_is_base64(payload: bytes) -> None:
    assert base64.b64decode(line_of(payload)["value_base64"]) == payload


def test_line_breaks_inside_json_do_not_break_the_line() -> None:
    batch = Batch.of([chunk([b'{\n"a":\r\n1}', b'"x"'])])

    assert len(lines_of(batch).splitlines()) == 2
    assert [line["value"] for line in decoded(batch)] == [{"a": 1}, "x"]


def test_repeated_headers_are_kept_in_order() -> None:
    headers = line_of(b"1", headers=[("a", b"1"), ("a", None), ("b", b"\xff")])["headers"]

    assert headers == [{"key": "a", "value": "1"}, {"key": "a", "value": None}, {"key": "b", "value_base64": "/w=="}]


def test_a_percent_sign_in_a_record_is_only_a_percent_sign() -> None:
    assert line_of(b'"100%d"', key=b"%s")["key"] == "%s"


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (b'{\n"a": "%b"}' % bytes(b"x" * 400_000), ("value", {"a": "x" * 400_000})),
        (
            b'[%b"\xff"]' % bytes(b" " * 400_000),
            ("value_base64", base64.b64encode(b'[%b"\xff"]' % bytes(b" " * 400_000)).decode()),
        ),
        ('"\x01€%'.encode() * 100_000, ("value_text", '"\x01€%' * 100_000)),
        (b"\xff" * 400_000, ("value_base64", base64.b64encode(b"\xff" * 400_000).decode())),
        (b" " * 400_000 + b"null", ("value_text", " " * 400_000 + "null")),
    ],
    ids=["json", "not quite json", "text", "binary", "the word null"],
)
def test_a_value_too_large_to_be_written_as_a_whole_is_written_like_any_other(value: bytes, field: tuple[str, object]) -> None:
    neighbours = [b'"value":null', value, b"%"]
    first, large, last = decoded(Batch.of([chunk(neighbours, keys=[b'"value":null'] * 3, headers=[[("value", None)]] * 3)]))

    assert large.pop(field[0]) == field[1]
    assert large == {name: first[name] for name in first if name != "value_text"} | {"offset": 1}
    assert last["value_text"] == "%"
