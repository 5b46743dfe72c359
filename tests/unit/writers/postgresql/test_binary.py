from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.writers.postgresql import binary

INTEGERS = st.none() | st.integers(-(2**31), 2**31 - 1)
TEXTS = st.none() | st.text(max_size=3)
PAYLOADS = st.none() | st.binary(max_size=3)


def read_fields(content: io.BytesIO, count: int) -> list[bytes | None]:
    lengths_and_fields = []
    for _ in range(count):
        (length,) = struct.unpack(">i", content.read(4))
        lengths_and_fields.append(None if length == -1 else content.read(length))
    return lengths_and_fields


def expected(cell: Any) -> bytes | None:
    if cell is None or isinstance(cell, bytes):
        return cell
    return struct.pack(">i", cell) if isinstance(cell, int) else str(cell).encode()


@given(st.lists(st.tuples(TEXTS, INTEGERS, INTEGERS, PAYLOADS, TEXTS), min_size=1))
def test_rows_hold_each_cell_whatever_is_null_or_the_same(rows: list[tuple[Any, ...]]) -> None:
    columns = [list(column) for column in zip(*rows, strict=True)]

    content = io.BytesIO(b"".join(binary.copy_pieces(["text", "integer", "integer", "bytea", "text"], columns)))

    assert content.read(19) == b"PGCOPY\n\xff\r\n\0" + bytes(8)
    for row in rows:
        assert content.read(2) == struct.pack(">h", 5)
        assert read_fields(content, 5) == [expected(cell) for cell in row]
    assert content.read() == struct.pack(">h", -1)


def test_many_rows_come_in_pieces_and_none_is_lost() -> None:
    header, *pieces, trailer = binary.copy_pieces(["integer"], [list(range(2500))])
    content = io.BytesIO(b"".join(pieces))
    assert len(pieces) == 3
    assert (len(header), len(trailer)) == (19, 2)
    assert [(content.read(2), *read_fields(content, 1))[1] for _ in range(2500)] == [expected(n) for n in range(2500)]


@pytest.mark.parametrize(
    ("type_", "cells", "oid"),
    [("text", ["same", "same"], 25), ("integer", [1, None, 3], 23), ("bytea", [None, None], 17), ("text", ["a", "b"], 25)],
)
def test_an_array_holds_each_cell(type_: str, cells: Sequence[Any], oid: int) -> None:
    content = io.BytesIO(binary.array(type_, cells))
    assert struct.unpack(">iiIii", content.read(20)) == (1, None in cells, oid, len(cells), 1)
    assert read_fields(content, len(cells)) == [expected(cell) for cell in cells]
    assert content.read() == b""
