from __future__ import annotations

import pytest

from sidecar.core.records import TopicPartition
from sidecar.writers.postgresql.statements import Statements
from sidecar.writers.tables.declared import OPTIONS, declared
from sidecar.writers.tables.moves import Move

ORDERS, CLICKS = TopicPartition("orders", 0), TopicPartition("clicks", 0)


@pytest.mark.parametrize(
    ("moves", "durable"),
    [({ORDERS: Move(None, 5)}, True), ({ORDERS: Move(0, 5)}, False), ({ORDERS: Move(0, 5), CLICKS: Move(None, 5)}, True)],
)
def test_the_first_offset_of_a_partition_is_never_forgotten_by_a_crash(
    moves: dict[TopicPartition, Move], *, durable: bool
) -> None:
    options = {name: option.default for name, option in OPTIONS.items()} | {"table": "orders"}
    text = Statements(declared(options), "billing").begin(30.0, moves).as_string(None)
    assert ("SET LOCAL synchronous_commit = on" in text) is durable
