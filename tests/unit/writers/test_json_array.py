from __future__ import annotations

import json

from sidecar.core.records import Batch
from sidecar.writers import json_array, ndjson
from tests.contract.batches import chunk


def test_the_array_holds_the_objects_of_ndjson_in_order() -> None:
    batch = Batch.of([chunk([b'{\n"a": ",\\n"}', None, b"\xff"], weight=3), chunk([b"x"], partition=1)])

    assert json.loads(json_array.encode(batch)) == [json.loads(line) for line in ndjson.encode(batch).splitlines()]


def test_a_batch_of_one_is_an_array_of_one() -> None:
    assert [record["value"] for record in json.loads(json_array.encode(Batch.of([chunk([b"7"])])))] == [7]
