"""What a batch does to the offsets that are kept beside the rows, and what it means where they are not those that were expected. Pure.

The offset of a partition is moved by a compare-and-set: only if it is what this owner last read or wrote, or is not there where there was none. A
write without that comparison, or with the greater of both, lets a paused old owner write its records a second time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from sidecar.core.records import Batch, TopicPartition
from sidecar.core.results import Delivered, Fenced, Result


class Move(NamedTuple):
    """What a batch does to the offset of one partition."""

    expected: int | None
    end: int


def moves(batch: Batch) -> Mapping[TopicPartition, Move]:
    """Return what ``batch`` does to the offsets: nothing where the engine expects none at all (see ``Batch.expected``)."""
    if not batch.expected:
        return {}
    return {chunk.tp: Move(batch.expected[chunk.tp], chunk.end) for chunk in batch.chunks}


def judged(moved: Mapping[TopicPartition, Move], found: Mapping[TopicPartition, int], database: str) -> Result:
    """Return what it means that not all offsets were as expected, but ``found``; nothing of the batch was written now.

    Where all are at its end, an earlier attempt has written it, and only the answer to that was lost.
    """
    if all(found.get(tp) == move.end for tp, move in moved.items()):
        return Delivered()
    others = tuple(tp for tp, move in moved.items() if found.get(tp) != move.expected)
    return Fenced(
        others or tuple(moved), f"the offsets in {database} are not those that were expected: another owner has written"
    )
