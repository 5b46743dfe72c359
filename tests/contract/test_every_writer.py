from __future__ import annotations

import json
import sys
import time

import pytest

from sidecar.core.errors import WriterUnavailable
from sidecar.core.records import UNREADABLE, Batch
from sidecar.core.results import Delivered, Result, Retriable, Systemic
from sidecar.writers.protocol import Writer
from tests.contract.batches import chunk, numbers
from tests.contract.decoded import bytes_of
from tests.contract.downstreams import Downstream, Lines
from tests.parts.watched import Watched

SECRET = b'{"id":"hunter2"}'


def soon() -> float:
    """Return a deadline that a downstream which is well keeps easily, also a broker that has just come back: clients knock every 10 s."""
    return time.monotonic() + 60


def very_soon() -> float:
    """Return a deadline for what will not be answered."""
    return time.monotonic() + 0.2


def write(writer: Writer, batch: Batch, attempt: int = 1) -> Result:
    return writer.write(batch, attempt, soon())


def first_times(lines: Lines, partition: int) -> list[int]:
    """Return the offsets in the order in which each came for the first time."""
    return list(dict.fromkeys(line["offset"] for line in lines[partition]))


def test_records_are_delivered_and_a_closed_writer_opens_again(anywhere: Downstream) -> None:
    writer = anywhere.writer()
    writer.connect(soon())
    assert write(writer, numbers(0, 5)) == Delivered()
    writer.close()
    writer.close()

    assert write(writer, numbers(5, 10)) == Delivered()
    writer.close()


def test_a_writer_holds_nothing_of_a_batch_that_it_has_answered_for(anywhere: Downstream) -> None:
    writer = anywhere.writer()
    key, value = b"key-%d" % id(writer), b'{"id":%d}' % id(writer)
    values = Watched([value])
    watched, before = values.watch(), (sys.getrefcount(key), sys.getrefcount(value))
    assert write(writer, Batch.of([chunk(values, keys=[key])])) == Delivered()
    del values

    assert watched() is None
    assert (sys.getrefcount(key), sys.getrefcount(value)) == (before[0], before[1] - 1)
    writer.close()


def test_a_writer_holds_nothing_of_a_batch_that_failed_either(place: Downstream) -> None:
    writer, values = place.writer(), Watched([b"1"] * 300)
    watched = values.watch()
    place.go_down()
    result = writer.write(Batch.of([chunk(values)]), 1, very_soon())
    place.come_back()
    del values

    assert isinstance(result, Retriable | Systemic)
    assert watched() is None
    writer.close()


def test_each_partition_arrives_whole_and_in_order(place: Downstream) -> None:
    writer = place.writer()
    for first in range(0, 200, 20):
        parts = [chunk([b"%d" % n for n in range(first, first + 20)], offset=first, partition=p) for p in (0, 1)]
        assert write(writer, Batch.of([parts[0].slice(0, 7), parts[1], parts[0].slice(7, 20)])) == Delivered()
    writer.close()

    lines = place.lines()

    for partition in (0, 1):
        assert [(line["offset"], line["value"]) for line in lines[partition]] == [(n, n) for n in range(200)]


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"null",
        b"\xff\x00",
        b'{"\xff": 1}',
        b"a\r\nb",
        b"\xe2\x80\xa8",
        b'{"a"',
        b"%d",
        b"x" * 5_000_000,
        bytes(5_000_000),
        None,
    ],
    ids=lambda value: repr(value[:12]) if value else repr(value),
)
def test_a_hostile_value_arrives_as_it_was_between_its_neighbours(place: Downstream, value: bytes | None) -> None:
    writer = place.writer()
    assert write(writer, Batch.of([chunk([b"1", value, b"3"])])) == Delivered()
    writer.close()

    before, line, after = place.lines()[0]

    assert (before["value"], after["value"]) == (1, 3)
    assert bytes_of(line, "value", "value_text") == value
    assert ("value" in line) == (value is None)


def test_large_json_odd_times_keys_and_headers_arrive_as_they_were(whole: Downstream) -> None:
    large = json.dumps({"text": "ö\n" * 1_000_000}).encode()
    headers = [None, UNREADABLE, [("h", b"\xff"), ("h", None), ("", b"")]]
    writer = whole.writer()
    batch = Batch.of([chunk([large, b"2", b"3"], keys=[None, b"\xff", b'"'], headers=headers, timestamps=[-1, 2**62, 0])])
    assert write(writer, batch) == Delivered()
    writer.close()

    lines = whole.lines()[0]

    assert lines[0]["value"] == json.loads(large)
    assert [line["timestamp"] for line in lines] == [None, 2**62, 0]
    assert [bytes_of(line, "key", "key") for line in lines] == [None, b"\xff", b'"']
    assert [line.get("headers_unreadable") for line in lines] == [None, True, None]
    assert [(h["key"], bytes_of(h, "value", "value")) for h in lines[2]["headers"]] == headers[2]


def test_an_outage_loses_and_reorders_nothing_and_is_told_without_a_payload(place: Downstream) -> None:
    writer = place.writer()
    assert write(writer, numbers(0, 100)) == Delivered()
    batch = Batch.of([chunk([SECRET] * 300, offset=100)])

    place.go_down()
    for attempt in (1, 2):
        result = writer.write(batch, attempt, very_soon())
        assert isinstance(result, Retriable | Systemic)
        assert result.reason
        assert "hunter2" not in result.reason
    place.come_back()

    assert write(writer, batch, 3) == Delivered()
    assert write(writer, numbers(400, 410)) == Delivered()
    writer.close()
    assert first_times(place.lines(), 0) == list(range(410))


def test_a_deadline_that_has_passed_costs_no_record(place: Downstream) -> None:
    writer = place.writer()
    result = writer.write(numbers(0, 5), 1, time.monotonic() - 1)
    assert isinstance(result, Delivered | Retriable)

    assert write(writer, numbers(0, 5), 2) == Delivered()
    writer.close()
    assert first_times(place.lines(), 0) == list(range(5))


def test_a_writer_that_is_closed_after_half_a_write_goes_on_with_whole_lines(place: Downstream) -> None:
    writer = place.writer()
    batch = Batch.of([chunk([b"%d" % n for n in range(300)])])
    place.go_down()
    assert isinstance(writer.write(batch, 1, very_soon()), Retriable | Systemic)
    writer.close()
    place.come_back()

    assert write(writer, batch, 2) == Delivered()
    writer.close()
    assert first_times(place.lines(), 0) == list(range(300))


def test_what_cannot_be_reached_says_so_by_name_before_a_record_is_written(app: Downstream) -> None:
    writer = app.writer()
    app.go_down()

    with pytest.raises(WriterUnavailable, match=r"no connection to http.*: (Connection refused|No such file or directory)"):
        writer.connect(soon())
