from __future__ import annotations

import time

import pytest

from sidecar.core.records import Batch
from sidecar.core.results import Delivered, Poison
from tests.contract.batches import chunk
from tests.contract.hostile import DOCUMENT, RECORDS, document, writers
from tests.parts.kafka import RealKafka
from tests.parts.postgresql import PostgreSQL


def test_the_table_of_hostile_records_is_what_the_writers_do(postgresql: PostgreSQL, kafka: RealKafka) -> None:
    assert DOCUMENT.read_text("utf-8") == document(postgresql, kafka), "write it again: python -m tests.contract.hostile"


@pytest.mark.parametrize("name", RECORDS)
def test_a_hostile_record_costs_its_neighbours_nothing(postgresql: PostgreSQL, kafka: RealKafka, name: str) -> None:
    """What is poison alone is named, or refused as a whole batch that is then bisected; the rest passes without it."""
    good = chunk([b'{"id":1,"text":"x"}'], partition=1)
    with writers(postgresql, kafka) as kinds:
        for create in kinds.values():
            writer = create()
            result = writer.write(Batch.of([good, RECORDS[name]]), 1, time.monotonic() + 30)
            assert isinstance(result, Delivered | Poison)
            if isinstance(result, Poison):
                assert {failure.tp.partition for failure in result.named} <= {0}
            assert writer.write(Batch.of([good]), 1, time.monotonic() + 30) == Delivered()
            writer.close()
