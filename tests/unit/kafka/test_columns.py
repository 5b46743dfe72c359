from __future__ import annotations

import pytest
from confluent_kafka import Message

from sidecar.core.records import CHUNK_BYTES, RECORD_BYTES, Chunk, TopicPartition, accounted_bytes
from sidecar.kafka.columns import NOT_OURS, THINNED, Columns

NOW, WALL_MS = 12.5, 1_700_000_000_000
EPOCHS = {TopicPartition("orders", n): 10 + n for n in range(4)} | {TopicPartition("telemetry", 0): 7}


def message(partition: int, offset: int, **more: object) -> Message:
    given: dict[str, object] = {"topic": "orders", "value": f"{partition}:{offset}".encode(), "timestamp": (1, 1000 + offset)}
    return Message(partition=partition, offset=offset, **(given | more))  # type: ignore[arg-type] # of each its own type


def convert(
    *messages: Message, topic: str | None = "orders", with_headers: bool = False, with_timestamps: bool = True
) -> list[Chunk]:
    columns = Columns(topic, EPOCHS.get, with_headers=with_headers, with_timestamps=with_timestamps)
    return columns.convert(list(messages), NOW, WALL_MS)


def test_a_run_of_one_partition_becomes_one_chunk_with_all_that_is_known_of_it() -> None:
    (chunk,) = convert(message(1, 5, key=b"k", leader_epoch=3), message(1, 6, leader_epoch=4))

    assert (chunk.tp, chunk.epoch, chunk.leader_epoch, chunk.weight) == (TopicPartition("orders", 1), 11, 4, 1)
    assert (chunk.offsets, chunk.end) == (range(5, 7), 7)
    assert (chunk.timestamps, chunk.keys, chunk.values, chunk.headers) == ([1005, 1006], [b"k", None], [b"1:5", b"1:6"], None)
    assert (chunk.polled_at, chunk.polled_wall_ms) == (NOW, WALL_MS)
    assert chunk.nbytes == CHUNK_BYTES + 2 * RECORD_BYTES + len(b"k1:51:6")


def test_interleaved_partitions_become_one_chunk_each_in_offset_order() -> None:
    mixed = [message(n, offset) for offset in range(3) for n in (2, 0, 1)]

    chunks = convert(*mixed)

    assert [(chunk.tp.partition, chunk.epoch, list(chunk.offsets)) for chunk in chunks] == [
        (n, 10 + n, [0, 1, 2]) for n in range(3)
    ]
    assert [chunk.values for chunk in chunks] == [[f"{n}:{offset}".encode() for offset in range(3)] for n in range(3)]
    assert [chunk.timestamps for chunk in chunks] == [[1000, 1001, 1002]] * 3


def test_long_runs_of_several_partitions_become_one_chunk_each_also_where_one_comes_back() -> None:
    runs = [(2, range(30)), (1, range(40)), (2, range(30, 60)), (3, range(25))]

    chunks = convert(*(message(n, offset) for n, offsets in runs[:2] for offset in offsets))
    again = convert(*(message(n, offset) for n, offsets in runs for offset in offsets))

    assert [(chunk.tp.partition, chunk.offsets) for chunk in chunks] == [(2, range(30)), (1, range(40))]
    assert [(chunk.tp.partition, chunk.offsets) for chunk in again] == [(1, range(40)), (2, range(60)), (3, range(25))]
    assert [chunk.values[-1] for chunk in again] == [b"1:39", b"2:59", b"3:24"]


def test_partitions_whose_numbers_are_no_bytes_are_told_apart_too() -> None:
    chunks = convert(*(message(n, offset) for n in (300, 255, 256) for offset in range(30)))

    assert [(chunk.tp.partition, chunk.offsets) for chunk in chunks] == [(n, range(30)) for n in (255, 256, 300)]


@pytest.mark.parametrize("records", [1, 2, 15, 16, 17, 40])
def test_where_nobody_wants_each_timestamp_one_in_sixteen_is_read_and_the_last(records: int) -> None:
    (chunk,) = convert(*(message(0, offset) for offset in range(records)), with_timestamps=False)

    assert list(chunk.timestamps) == [1000 + offset - offset % THINNED for offset in range(records - 1)] + [1000 + records - 1]


def test_several_topics_are_kept_apart_even_where_their_partition_numbers_are_equal() -> None:
    chunks = convert(message(0, 1), message(0, 1, topic="telemetry"), message(0, 2), topic=None)

    assert [(chunk.tp, chunk.epoch, list(chunk.offsets)) for chunk in chunks] == [
        (TopicPartition("orders", 0), 10, [1, 2]),
        (TopicPartition("telemetry", 0), 7, [1]),
    ]


@pytest.mark.parametrize(
    ("offsets", "is_range"),
    [([7], True), ([7, 8, 9], True), ([7, 9], False), ([7, 8, 10, 11], False), ([2**62, 2**62 + 1], True)],
)
def test_offsets_are_what_kafka_gave_and_a_range_where_there_are_no_gaps(offsets: list[int], is_range: bool) -> None:  # noqa: FBT001 -- a column
    (chunk,) = convert(*(message(0, offset) for offset in offsets))

    assert list(chunk.offsets) == offsets
    assert isinstance(chunk.offsets, range) == is_range
    assert chunk.end == offsets[-1] + 1


@pytest.mark.parametrize("stamp", [-1, 0, 2**62, -(2**40)])
def test_a_timestamp_passes_as_it_is_however_odd(stamp: int) -> None:
    (chunk,) = convert(message(0, 0, timestamp=(0 if stamp < 0 else 1, stamp)))

    assert chunk.timestamps == [stamp]


@pytest.mark.parametrize(
    ("key", "value"),
    [(None, None), (b"", b""), (b"\xff\xfe", b"\xc3\x28 is no UTF-8"), (b"k", b"x" * 5_000_000)],
    ids=["null", "empty", "not UTF-8", "5 MB"],
)
def test_payloads_pass_byte_by_byte_and_are_accounted(key: bytes | None, value: bytes | None) -> None:
    (chunk,) = convert(message(0, 0, key=key, value=value))

    assert (chunk.keys, chunk.values) == ([key], [value])
    assert chunk.nbytes == CHUNK_BYTES + RECORD_BYTES + len(key or b"") + len(value or b"")


def test_headers_are_read_and_accounted_only_where_somebody_wants_them() -> None:
    with_and_without = [message(0, 0, value=b"", headers=[("a", b"12"), ("b", None)]), message(0, 1, value=b"")]

    (without,) = convert(*with_and_without)
    (wanted,) = convert(*with_and_without, with_headers=True)

    assert (without.headers, without.nbytes) == (None, CHUNK_BYTES + 2 * RECORD_BYTES)
    assert wanted.headers == [[("a", b"12"), ("b", None)], None]
    assert wanted.nbytes == CHUNK_BYTES + accounted_bytes(wanted.keys, wanted.values, wanted.headers) > without.nbytes


def test_headers_go_with_their_records_when_partitions_are_sorted() -> None:
    chunks = convert(*(message(n, 0, headers=[("of", b"%d" % n)]) for n in (3, 1, 2)), with_headers=True)

    assert [(chunk.tp.partition, chunk.headers) for chunk in chunks] == [(n, [[("of", b"%d" % n)]]) for n in (1, 2, 3)]


def test_records_of_a_partition_that_left_have_an_epoch_that_no_assignment_has() -> None:
    (chunk,) = convert(message(9, 0))

    assert chunk.epoch == NOT_OURS
    assert NOT_OURS not in EPOCHS.values()
