from __future__ import annotations

import re

import pytest

from sidecar.core.records import UNREADABLE
from sidecar.writers import trace

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize("headers", [None, [], UNREADABLE, [("tracestate", b"a=b")], [("Traceparent", PARENT.encode())]])
def test_a_record_without_a_trace_carries_none(headers: list[tuple[str, bytes | None]] | None) -> None:
    assert trace.carried(headers) == {}


@pytest.mark.parametrize("parent", [PARENT, "cc" + PARENT[2:], PARENT[:-2] + "00"])
def test_a_trace_is_carried_as_it_is(parent: str) -> None:
    assert trace.carried([("traceparent", parent.encode()), ("tracestate", b"a=b, c=d")]) == {
        "traceparent": parent,
        "tracestate": "a=b, c=d",
    }


@pytest.mark.parametrize(
    "parent",
    [
        None,
        b"",
        b"\xff" * 55,
        PARENT.upper().encode(),
        PARENT.encode() + b"\r\nHost: evil",
        PARENT.encode() + b"\n",
        b"ff" + PARENT.encode()[2:],
        b"00-" + b"0" * 32 + b"-b7ad6b7169203331-01",
        b"00-0af7651916cd43dd8448eb211c80319c-" + b"0" * 16 + b"-01",
    ],
)
def test_what_is_no_trace_is_not_carried_nor_its_state(parent: bytes | None) -> None:
    assert trace.carried([("traceparent", parent), ("tracestate", b"a=b")]) == {}


@pytest.mark.parametrize("state", [None, b"", b" ", b"a=b\r\nHost: evil", b"a=\xff", b"x" * 513, b"a=b\n"])
def test_a_state_that_cannot_be_sent_is_left_out_alone(state: bytes | None) -> None:
    assert trace.carried([("traceparent", PARENT.encode()), ("tracestate", state)]) == {"traceparent": PARENT}


def test_the_last_of_repeated_headers_counts() -> None:
    assert trace.carried([("traceparent", b"old"), ("traceparent", PARENT.encode())]) == {"traceparent": PARENT}


def test_each_made_span_is_another_one_of_the_same_trace() -> None:
    spans = {trace.made("ab" * 16)["traceparent"] for _ in range(3)}

    assert len(spans) == 3
    assert all(re.fullmatch(r"00-(ab){16}-[0-9a-f]{16}-01", span) for span in spans)
