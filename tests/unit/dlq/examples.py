"""Example letters."""

from __future__ import annotations

from collections.abc import Sequence

from sidecar.core.records import Header, TopicPartition
from sidecar.dlq.letters import Letter, read

DEAD = TopicPartition("orders.dead", 0)
ORDERS = TopicPartition("orders", 2)


def letter(  # noqa: PLR0913 -- what there is to say of one
    offset: int = 0,
    *,
    reason: str = "poison",
    origin: TopicPartition | None = ORDERS,
    timestamp: int = 1_000,
    own: Sequence[Header] = (),
    tp: TopicPartition = DEAD,
) -> Letter:
    """Return the letter at ``offset``; it came from offset 100 more."""
    headers = list(own)
    if origin is not None:
        headers += [
            ("__connect.errors.topic", origin.topic.encode()),
            ("__connect.errors.partition", b"%d" % origin.partition),
            ("__connect.errors.offset", b"%d" % (offset + 100)),
            ("sidecar.dead_letter.reason", reason.encode()),
            ("sidecar.dead_letter.timestamp", b"500"),
        ]
    return read(tp, offset, timestamp, b"key", b"value %d" % offset, headers)
