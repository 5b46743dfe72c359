from __future__ import annotations

from collections.abc import Iterator

import pytest

from sidecar.core.buffer import BoundedBuffer
from sidecar.core.errors import AccountingError
from sidecar.core.records import RECORD_BYTES, TopicPartition
from tests.unit.core.examples import T0, T1, T2, chunk, offsets_of, sized

LARGE = 10**9


def buffer_of(*chunks: tuple[TopicPartition, range], records: int = 100, nbytes: int = LARGE) -> BoundedBuffer:
    buffer = BoundedBuffer(records, nbytes)
    for tp, offsets in chunks:
        assert buffer.push(chunk(tp, offsets)) == len(offsets)
    return buffer


@pytest.mark.parametrize(
    ("sizes", "fit"),
    [
        pytest.param([200] * 4, 4, id="exactly the record limit"),
        pytest.param([200] * 5, 4, id="one record more than the limit"),
        pytest.param([250] * 4, 4, id="exactly the byte limit"),
        pytest.param([300] * 4, 3, id="the fourth is too many bytes"),
        pytest.param([200, 801, 192], 1, id="a large one in the middle ends it: order is kept"),
        pytest.param([5000], 1, id="one record larger than the limit passes alone"),
        pytest.param([5000, 192], 1, id="and takes nobody along"),
    ],
)
def test_a_push_is_accepted_as_far_as_it_fits(sizes: list[int], fit: int) -> None:
    buffer = BoundedBuffer(4, 1000)
    assert buffer.push(sized(T0, 0, sizes)) == fit
    assert (buffer.size, buffer.nbytes) == (fit, sum(sizes[:fit]))
    assert offsets_of(buffer.take(T0, 100, LARGE)) == list(range(fit))


def test_an_oversize_record_passes_only_when_nothing_else_is_here_not_even_in_flight() -> None:
    buffer = BoundedBuffer(4, 1000)
    buffer.push(sized(T0, 0, [200]))
    assert buffer.push(sized(T1, 0, [5000])) == 0
    [small] = buffer.take(T0, 1, LARGE)
    assert buffer.push(sized(T1, 0, [5000])) == 0
    buffer.settle(small)
    assert buffer.push(sized(T1, 0, [5000])) == 1
    assert buffer.utilization == 5.0
    assert (buffer.room_records, buffer.room_bytes) == (3, 0)
    assert buffer.push(sized(T0, 1, [192])) == 0


@pytest.mark.parametrize(
    ("sizes", "utilization", "full_and_empty"),
    [
        ([], 0.0, (False, True)),
        ([200], 0.25, (False, False)),
        ([500, 200], 0.7, (False, False)),
        ([192] * 4, 1.0, (True, False)),
        ([500, 500], 1.0, (True, False)),
    ],
)
@pytest.mark.parametrize("in_flight", [0, 1, 4])
def test_the_fuller_limit_counts_and_what_is_in_flight_counts_as_held(
    sizes: list[int], utilization: float, full_and_empty: tuple[bool, bool], in_flight: int
) -> None:
    buffer = BoundedBuffer(4, 1000)
    if sizes:
        buffer.push(sized(T0, 0, sizes))
    buffer.take(T0, in_flight, LARGE)
    assert buffer.capacity == 4
    assert buffer.size == len(sizes)
    assert buffer.utilization == utilization
    assert (buffer.is_full, buffer.is_empty) == full_and_empty
    assert (buffer.room_records, buffer.room_bytes) == (4 - len(sizes), 1000 - sum(sizes))


@pytest.mark.parametrize(
    ("records", "nbytes", "taken"),
    [
        (5, LARGE, range(5)),
        (10, LARGE, range(10)),
        (13, LARGE, range(13)),
        (99, LARGE, range(20)),
        (99, 7.9 * RECORD_BYTES, range(7)),
        (99, 12 * RECORD_BYTES, range(12)),
        (99, 11 * RECORD_BYTES, range(10)),  # nine tenths and more: a chunk is not divided for the last one
        (99, RECORD_BYTES - 1, range(0)),
        (0, LARGE, range(0)),
    ],
)
def test_take_moves_the_oldest_records_of_one_partition_to_in_flight(records: int, nbytes: float, taken: range) -> None:
    buffer = buffer_of((T0, range(10)), (T1, range(5)), (T0, range(10, 20)))
    assert offsets_of(buffer.take(T0, records, nbytes)) == list(taken)
    assert buffer.in_flight_records == len(taken)
    assert buffer.in_flight_bytes == len(taken) * RECORD_BYTES
    assert (buffer.queued(T0), buffer.queued(T1)) == (20 - len(taken), 5)
    assert (buffer.size, buffer.nbytes) == (25, 25 * RECORD_BYTES)
    assert offsets_of(buffer.take(T0, 99, LARGE)) == list(range(len(taken), 20))


def test_take_from_a_partition_that_was_never_seen_is_empty() -> None:
    assert buffer_of().take(T0, 1, LARGE) == []


def test_settling_frees_what_was_taken_and_refuses_more_than_that() -> None:
    buffer = buffer_of((T0, range(10)))
    [taken] = buffer.take(T0, 4, LARGE)
    with pytest.raises(AccountingError, match=r"orders\[0\]: 10 records settled, 4 in flight"):
        buffer.settle(chunk(T0, range(10)))
    with pytest.raises(AccountingError):
        buffer.settle(sized(T0, 0, [5 * RECORD_BYTES]))
    assert (buffer.size, buffer.in_flight_records) == (10, 4)
    buffer.settle(taken)
    assert (buffer.size, buffer.nbytes, buffer.in_flight_records) == (6, 6 * RECORD_BYTES, 0)
    with pytest.raises(AccountingError):
        buffer.settle(taken)


def test_what_another_partition_has_in_flight_is_not_settled_for_this_one() -> None:
    buffer = buffer_of((T0, range(4)), (T1, range(4)))
    buffer.take(T1, 4, LARGE)
    with pytest.raises(AccountingError, match=r"orders\[0\]: 4 records settled, 0 in flight"):
        buffer.settle(chunk(T0, range(4)))
    with pytest.raises(AccountingError, match=r"orders\[0\]: 4 records settled, 0 in flight"):
        buffer.put_back([chunk(T0, range(4))])


def test_what_is_put_back_is_taken_first_and_in_order() -> None:
    buffer = buffer_of((T0, range(10)), (T0, range(10, 20)))
    taken = buffer.take(T0, 15, LARGE)
    buffer.put_back(taken)
    assert (buffer.queued(T0), buffer.in_flight_records, buffer.nbytes) == (20, 0, 20 * RECORD_BYTES)
    head = buffer.head(T0)
    assert head is not None
    assert head.start == 0
    assert offsets_of(buffer.take(T0, 99, LARGE)) == list(range(20))


def test_what_is_put_back_after_the_partition_was_dropped_is_queued_again() -> None:
    buffer = buffer_of((T0, range(10)))
    taken = buffer.take(T0, 5, LARGE)
    buffer.drop_partition(T0)
    buffer.put_back(taken)
    assert offsets_of(buffer.clear()) == [0, 1, 2, 3, 4]
    assert buffer.is_empty


def test_a_dropped_partition_gives_back_what_is_queued_of_it_and_keeps_what_is_in_flight() -> None:
    buffer = buffer_of((T0, range(10)), (T1, range(5)), (T0, range(10, 20)))
    taken = buffer.take(T0, 3, LARGE)
    assert offsets_of(buffer.drop_partition(T0)) == list(range(3, 20))
    assert (buffer.queued(T0), buffer.queued(T1), buffer.queued_bytes, buffer.size) == (0, 5, 5 * RECORD_BYTES, 8)
    assert buffer.head(T0) is None
    buffer.settle(taken[0])
    assert buffer.size == 5
    assert buffer.drop_partition(T2) == []


def test_clear_gives_back_everything_queued_and_keeps_what_is_in_flight() -> None:
    buffer = buffer_of((T0, range(10)), (T1, range(5)))
    buffer.take(T1, 2, LARGE)
    assert sorted((each.tp, len(each)) for each in buffer.clear()) == [(T0, 10), (T1, 3)]
    assert (buffer.queued_records, buffer.queued_bytes, buffer.size) == (0, 0, 2)


def in_turn(buffer: BoundedBuffer, victims: list[TopicPartition]) -> Iterator[TopicPartition]:
    """Yield each victim as long as it has something queued."""
    while queued := [tp for tp in victims if buffer.queued(tp)]:
        yield queued[0]


def test_a_push_with_eviction_takes_the_room_from_the_first_victim_then_the_next_oldest_records_first() -> None:
    buffer = buffer_of((T0, range(3)), (T1, range(4)), records=7)
    pushed, evicted = buffer.push_evicting(chunk(T2, range(5)), in_turn(buffer, [T1, T0]))
    assert pushed == 5
    assert [(each.tp, list(each.offsets)) for each in evicted] == [(T1, [0, 1, 2, 3]), (T0, [0])]
    assert [buffer.queued(tp) for tp in (T0, T1, T2)] == [2, 0, 5]
    assert (buffer.size, buffer.is_full) == (7, True)


def test_a_push_with_eviction_evicts_no_more_than_it_lacks() -> None:
    buffer = BoundedBuffer(100, 1000)
    buffer.push(sized(T0, 0, [200] * 5))
    pushed, evicted = buffer.push_evicting(sized(T1, 0, [250]), in_turn(buffer, [T0]))
    assert pushed == 1
    assert offsets_of(evicted) == [0, 1]
    assert buffer.nbytes == 3 * 200 + 250


def test_a_push_with_eviction_leaves_alone_what_is_in_flight_and_who_is_no_victim() -> None:
    buffer = buffer_of((T0, range(4)), (T1, range(4)), records=8)
    buffer.take(T0, 3, LARGE)
    pushed, evicted = buffer.push_evicting(chunk(T2, range(5)), in_turn(buffer, [T0]))
    assert (pushed, offsets_of(evicted)) == (1, [3])
    assert [buffer.queued(tp) for tp in (T0, T1, T2)] == [0, 4, 1]


def test_a_push_with_eviction_that_fits_evicts_nothing() -> None:
    buffer = buffer_of((T0, range(4)), records=8)
    assert buffer.push_evicting(chunk(T1, range(4)), in_turn(buffer, [T0])) == (4, [])


def test_a_chunk_larger_than_the_buffer_evicts_its_own_head() -> None:
    buffer = BoundedBuffer(4, LARGE)
    pushed, evicted = buffer.push_evicting(chunk(T0, range(10)), in_turn(buffer, [T0]))
    assert pushed == 10
    assert offsets_of(evicted) == [0, 1, 2, 3, 4, 5]
    assert offsets_of(buffer.take(T0, 99, LARGE)) == [6, 7, 8, 9]
