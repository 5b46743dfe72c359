from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import parse_qsl, unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.records import UNREADABLE
from sidecar.writers import raw
from tests.contract.batches import chunk

NAMES = st.text(st.characters(exclude_categories=["Cs"]))


def test_the_usual_record() -> None:
    record = chunk([b'{"a": 1}'], keys=[b"c-17"], headers=[[("tenant", b"a b"), ("tenant", None)]], partition=3, offset=1041)

    assert raw.headers_of(record) == {
        "Kafka-Topic": "orders",
        "Kafka-Partition": "3",
        "Kafka-Offset": "1041",
        "Kafka-Timestamp": "1700000000000",
        "Kafka-Key": "c-17",
        "Kafka-Headers": "tenant=a%20b&tenant",
    }
    assert raw.body_of(record) == ("application/json", b'{"a": 1}')


def test_what_is_not_there_has_no_header_and_what_is_unusual_has_one() -> None:
    record = chunk([None], timestamps=[-1], headers=[UNREADABLE], weight=10)

    assert raw.headers_of(record) == {
        "Kafka-Topic": "orders",
        "Kafka-Partition": "0",
        "Kafka-Offset": "0",
        "Kafka-Headers-Unreadable": "true",
        "Kafka-Tombstone": "true",
        "Sidecar-Weight": "10",
    }
    assert raw.body_of(record) == ("application/octet-stream", b"")


@pytest.mark.parametrize("value", [b"", b"text", b"\xff", b'{"a"'])
def test_a_payload_that_is_not_json_is_not_called_so(value: bytes) -> None:
    assert raw.body_of(chunk([value])) == ("application/octet-stream", value)


@given(st.binary(), st.lists(st.tuples(NAMES, st.binary())))
def test_no_byte_of_a_record_ends_a_header_and_all_come_back(key: bytes, headers: Sequence[tuple[str, bytes]]) -> None:
    sent = raw.headers_of(chunk([b"1"], keys=[key], headers=[headers]))

    assert all(text.isascii() and text.isprintable() and " " not in text for text in sent.values())
    assert unquote_to_bytes(sent["Kafka-Key"]) == key
    back = parse_qsl(sent.get("Kafka-Headers", ""), keep_blank_values=True, encoding="latin-1")
    assert [(name.encode("latin-1").decode(), value.encode("latin-1")) for name, value in back] == list(headers)


def test_a_record_has_the_same_name_whatever_it_was_polled_with() -> None:
    pair = chunk([b"1", b"2"], offset=7)

    assert raw.name_of(pair.slice(0, 1)) == raw.name_of(chunk([b"1"], offset=7))
    assert len({raw.name_of(pair.slice(0, 1)), raw.name_of(pair.slice(1, 2)), raw.name_of(chunk([b"1"], partition=7))}) == 3
