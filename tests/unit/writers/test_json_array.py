from __future__ import annotations

import json

from sidecar.core.records import Batch
from sidecar.writers import json_array
from tests.contract.batches import chunk, lines_of


def test_the_array_holds_the_objects_of_ndjson_in_order() -> None:
    batch = Batch.of([chunk([b'{\n"a": ",\\n"}', None, b"\xff"], weight=3), chunk([b"x"], partition=1)])

    assert json.loads(b"".join(json_array.encode(batch))) == [json.loads(line) for line in lines_of(batch).splitlines()]


def test_a_batch_of_one_is_an_array_of_one() -> None:
    assert [record["value"] for record in json.loads(b"".join(json_array.encode(Batch.of([chunk([b"7"])]))))] == [7]


def test_an_array_with_a_value_that_is_written_in_pieces_holds_the_same_objects() -> None:
    batch = Batch.of([chunk([b"7", b"\1" * 400_000], weight=3), chunk([b"\xff" * 400_000], partition=1)])

    assert json.loads(b"".join(json_array.encode(batch))) == [json.loads(line) for line in lines_of(batch).splitlines()]
