"""What is done of a partition's letters, with the holes between, as the group remembers it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.dlq.done import LONGEST, Done


def test_what_is_done_in_order_moves_the_offset_and_needs_no_metadata() -> None:
    done = Done(5)
    done.add(5, 6)
    done.add(6, 9)
    assert (done.offset, done.metadata) == (9, "")


def test_holes_are_remembered_in_the_metadata_until_they_are_filled() -> None:
    done = Done(5)
    done.add(7, 8)
    done.add(12, 15)
    assert (done.offset, done.metadata) == (5, "2+1,4+3")
    again = Done(done.offset, done.metadata)
    assert [offset for offset in range(4, 17) if offset in again] == [4, 7, 12, 13, 14]
    again.add(5, 7)
    assert (again.offset, again.metadata) == (8, "4+3")


@pytest.mark.parametrize("metadata", ["by somebody else", "1+", "1+2,", "-1+2"])
def test_metadata_of_others_mean_nothing(metadata: str) -> None:
    assert Done(5, metadata).beyond == []


@given(st.lists(st.integers(0, 60), max_size=60))
def test_it_knows_exactly_what_was_added_also_after_it_was_written_and_read(offsets: list[int]) -> None:
    done = Done(10)
    for offset in offsets:
        done.add(offset, offset + 1)
        done = Done(done.offset, done.metadata)
    assert {offset for offset in range(10, 70) if offset in done} == {offset for offset in offsets if offset >= 10}


def test_it_is_full_before_kafka_would_refuse_the_metadata() -> None:
    done = Done(0)
    offset = 1
    while not done.is_full:
        done.add(offset, offset + 1)
        offset += 2
    assert LONGEST < len(done.metadata) < 4096 / 2
