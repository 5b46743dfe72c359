from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.records import UNREADABLE, Batch, Chunk
from sidecar.writers import cloudevents
from tests.contract.batches import chunk

PARENT = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def events(*chunks: Chunk, kind: str = "kafka.record") -> list[dict[str, Any]]:
    decoded: list[dict[str, Any]] = json.loads(b"".join(cloudevents.encoder("/kafka", kind)(Batch.of(chunks))))
    return decoded


def event(record: Chunk) -> dict[str, Any]:
    (only,) = events(record)
    return only


def test_the_usual_record() -> None:
    headers = [[("traceparent", PARENT), ("tracestate", b"a=b"), ("other", b"x")]]

    assert event(chunk([b'{"total": 12.5}'], keys=[b"c-17"], headers=headers, partition=3, offset=1041)) == {
        "specversion": "1.0",
        "source": "/kafka",
        "type": "kafka.record",
        "id": "orders/3/1041",
        "time": "2023-11-14T22:13:20.000Z",
        "subject": "c-17",
        "traceparent": PARENT.decode(),
        "tracestate": "a=b",
        "datacontenttype": "application/json",
        "data": {"total": 12.5},
    }


def test_what_is_not_there_has_no_attribute() -> None:
    assert event(chunk([None], timestamps=[-1], headers=[UNREADABLE])) == {
        "specversion": "1.0",
        "source": "/kafka",
        "type": "kafka.record",
        "id": "orders/0/0",
    }


def test_each_record_is_an_event_in_order_and_its_type_may_name_the_topic() -> None:
    found = events(chunk([b"1", b"2"], offset=5), chunk([b"3"], partition=1, weight=10), kind="com.example.{topic}")

    assert [(one["id"], one["data"], one.get("sampledrate")) for one in found] == [
        ("orders/0/5", 1, None),
        ("orders/0/6", 2, None),
        ("orders/1/0", 3, 10),
    ]
    assert {one["type"] for one in found} == {"com.example.orders"}


@pytest.mark.parametrize(
    ("value", "data"),
    [
        (b"", {"datacontenttype": "text/plain", "data": ""}),
        (b" null ", {"datacontenttype": "text/plain", "data": " null "}),
        (b'"null"', {"datacontenttype": "application/json", "data": "null"}),
        (b'{"a"', {"datacontenttype": "text/plain", "data": '{"a"'}),
        (b"NaN", {"datacontenttype": "text/plain", "data": "NaN"}),
        (b"\x00%d", {"datacontenttype": "text/plain", "data": "\x00%d"}),
        (b"\xff\x00", {"datacontenttype": "application/octet-stream", "data_base64": "/wA="}),
        (b"[" * 100_000 + b"]" * 100_000, {"datacontenttype": "text/plain", "data": "[" * 100_000 + "]" * 100_000}),
        (b'{"a": 1, "a": 2}', {"datacontenttype": "application/json", "data": {"a": 2}}),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_a_payload_is_json_or_text_or_bytes(value: bytes, data: dict[str, object]) -> None:
    found = event(chunk([value]))

    assert {name: found[name] for name in found if name.startswith("data")} == data


@pytest.mark.parametrize("key", [b"", b"\xff", b"a\nb", b"\x7f", "\u0085".encode(), "\ufffe".encode(), "\U0010ffff".encode()])
def test_a_key_that_cannot_be_a_subject_comes_as_bytes(key: bytes) -> None:
    found = event(chunk([b"1"], keys=[key]))

    assert "subject" not in found
    assert base64.b64decode(found["keybase64"]) == key


@pytest.mark.parametrize(
    ("timestamp", "time"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (-1001, "1969-12-31T23:59:58.999Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        (253_402_300_800_000, None),
        (2**63 - 1, None),
        (-(2**63), None),
    ],
)
def test_a_time_is_exact_to_the_millisecond_or_not_there(timestamp: int, time: str | None) -> None:
    assert event(chunk([b"1"], timestamps=[timestamp])).get("time") == time


@given(st.lists(st.tuples(st.none() | st.binary(), st.none() | st.binary(), st.integers(-(2**63), 2**63 - 1)), min_size=1))
def test_whatever_the_records_hold_the_batch_is_json_with_an_event_each(
    records: list[tuple[bytes | None, bytes | None, int]],
) -> None:
    keys, values, timestamps = zip(*records, strict=True)
    found = events(chunk(values, keys=keys, timestamps=timestamps))

    assert [one["id"] for one in found] == [f"orders/0/{n}" for n in range(len(records))]


@pytest.mark.parametrize(
    ("value", "data"),
    [
        (b'{"a":"%b"}' % bytes(b"x" * 400_000), {"datacontenttype": "application/json", "data": {"a": "x" * 400_000}}),
        ('"\x01€%'.encode() * 100_000, {"datacontenttype": "text/plain", "data": '"\x01€%' * 100_000}),
        (
            b"\xff" * 400_000,
            {"datacontenttype": "application/octet-stream", "data_base64": base64.b64encode(b"\xff" * 400_000).decode()},
        ),
    ],
    ids=["json", "text", "binary"],
)
def test_a_value_too_large_to_be_written_as_a_whole_is_an_event_like_any_other(value: bytes, data: dict[str, Any]) -> None:
    small, large = events(chunk([b"1"], keys=[b"k"], weight=3), chunk([value], keys=[b"k"], weight=3))

    assert large == {name: small[name] for name in small if name != "data"} | data
