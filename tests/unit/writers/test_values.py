from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.records import Batch
from sidecar.core.results import Poison
from sidecar.writers import values
from tests.contract.batches import chunk


def encoded(*payloads: bytes | None) -> bytes | Poison:
    body = values.encode(Batch.of([chunk(payloads)]))
    return body if isinstance(body, Poison) else b"".join(body)


def test_payloads_are_joined_by_newlines_and_a_tombstone_is_an_empty_line() -> None:
    assert encoded(b'{"a":1}', None, b"\xff") == b'{"a":1}\n\n\xff'


def test_line_breaks_between_the_tokens_of_json_become_spaces() -> None:
    assert encoded(b'{\n"a":1}', b"x") == b'{ "a":1}\nx'


def test_a_text_with_a_newline_is_not_sent_rather_than_taken_for_two_records() -> None:
    answer = encoded(b"one\ntwo", b"x")

    assert isinstance(answer, Poison)
    assert "one" not in answer.reason


@given(st.lists(st.none() | st.binary() | st.sampled_from([b"[\n1]", b"\n", b""]), min_size=1))
def test_there_are_as_many_lines_as_records_or_nothing_is_sent(payloads: Sequence[bytes | None]) -> None:
    body = encoded(*payloads)

    assert isinstance(body, Poison) or len(body.split(b"\n")) == len(payloads)
