"""What becomes of records in another topic, and which of them, and which topics, are refused."""

from __future__ import annotations

import time

import pytest
from confluent_kafka import Message

from sidecar.core.errors import WriterUnavailable
from sidecar.core.records import UNREADABLE, Batch
from sidecar.core.results import Delivered, Poison, Systemic, TooLarge
from sidecar.kafka.destination import LARGEST
from tests.contract.batches import chunk
from tests.contract.kafka.stage import Stage, soon, write
from tests.parts.topics import COMPACTED, create_topic, fresh_name
from tests.parts.waiting import free_port


def parts(message: Message) -> tuple[object, ...]:
    return message.key(), message.value(), message.headers(), message.timestamp()[1]


@pytest.mark.parametrize("exactly_once", ["auto", "never"])
def test_key_value_headers_and_timestamp_are_kept(stage: Stage, exactly_once: str) -> None:
    headers = [None, [("h", b"\xff"), ("h", None), ("", b"")], [(f"h{n}", b"x") for n in range(100)], UNREADABLE]
    batch = Batch.of(
        [chunk([b"", None, b"\0", b"x"], keys=[None, b"", b"\xff", b"k"], headers=headers, timestamps=[1, -1, 2**40, 3])]
    )
    assert write(stage.writer(exactly_once=exactly_once), batch) == Delivered()
    assert [parts(message) for message in stage.copied()] == [
        (None, b"", None, 1),
        (b"", None, headers[1], -1),
        (b"\xff", b"\0", headers[2], 2**40),
        (b"k", b"x", [("sidecar.headers", b"unreadable")], 3),
    ]


def test_the_place_in_the_source_is_added_to_the_headers_where_it_is_wanted(stage: Stage) -> None:
    batch = Batch.of([chunk([b"a"], headers=[[("h", b"1")]], offset=7, partition=1)])
    assert write(stage.writer(source_headers=True), batch) == Delivered()
    place = [("sidecar.source.topic", b"orders"), ("sidecar.source.partition", b"1"), ("sidecar.source.offset", b"7")]
    assert stage.copied(1)[0].headers() == [("h", b"1"), *place]


def test_by_key_the_partition_is_the_one_that_javas_producer_would_choose(stage: Stage) -> None:
    """In the tests of Kafka's own ``Utils.murmur2``, ``21`` is -973932308 and ``abc`` 479470107: even, and odd."""
    assert write(stage.writer(partition="key"), Batch.of([chunk([b"1", b"2", b"3"], keys=[b"21", b"abc", b"21"])])) == Delivered()
    assert (stage.values(0), stage.values(1)) == ([b"1", b"3"], [b"2"])


def test_the_topic_is_named_by_the_source(stage: Stage) -> None:
    topic = fresh_name("by-source")
    create_topic(stage.bootstrap, f"{topic}.orders", 2)
    assert write(stage.writer(topic + ".{topic}"), Batch.of([chunk([b"a"])])) == Delivered()
    assert [message.value() for message in stage.copied(topic=f"{topic}.orders")] == [b"a"]


@pytest.mark.parametrize("exactly_once", ["auto", "never"])
def test_a_topic_that_is_not_there_is_systemic_and_later_it_is_written(stage: Stage, exactly_once: str) -> None:
    topic = fresh_name("late")
    writer = stage.writer(topic, exactly_once=exactly_once)
    result = write(writer, Batch.of([chunk([b"a"])]))
    assert isinstance(result, Systemic)
    assert "(create it; it is tried again)" in result.reason
    with pytest.raises(WriterUnavailable, match=f"topic {topic} does not exist"):
        writer.connect(soon())
    create_topic(stage.bootstrap, topic, 1)
    assert write(writer, Batch.of([chunk([b"a"])])) == Delivered()
    writer.connect(soon())
    assert [message.value() for message in stage.copied(topic=topic)] == [b"a"]


@pytest.mark.parametrize("exactly_once", ["auto", "never"])
def test_a_topic_with_too_few_partitions_is_systemic(stage: Stage, exactly_once: str) -> None:
    result = write(stage.writer(exactly_once=exactly_once), Batch.of([chunk([b"a"], partition=7)]))
    assert isinstance(result, Systemic)
    assert "needs as many partitions as the source" in result.reason


@pytest.mark.parametrize("exactly_once", ["auto", "never"])
def test_what_the_topic_refuses_is_poison_and_what_comes_after_it_is_written(stage: Stage, exactly_once: str) -> None:
    topic = fresh_name("compacted")
    create_topic(stage.bootstrap, topic, 1, COMPACTED)
    writer = stage.writer(topic, exactly_once=exactly_once)
    for bad in (
        chunk([b"a", b"b", b"c"], keys=[b"k", None, b"k"], offset=5),
        chunk([b"a", b"b"], keys=[b"k", b"k"], timestamps=[0, 2**62], offset=5),
    ):
        result = write(writer, Batch.of([bad]))
        assert isinstance(result, Poison)
        assert result.named == ()
    assert write(writer, Batch.of([chunk([b"a"], keys=[b"k"])])) == Delivered()
    assert [message.value() for message in stage.copied(topic=topic)] == [b"a"]


def test_a_record_larger_than_the_topic_takes_is_found_by_the_size_of_the_batch(stage: Stage) -> None:
    topic = fresh_name("small")
    create_topic(stage.bootstrap, topic, 1, {"max.message.bytes": "2000"})
    writer = stage.writer(topic, compression="none")
    assert isinstance(write(writer, Batch.of([chunk([b"a", b"x" * 5000])])), TooLarge)
    assert isinstance(write(writer, Batch.of([chunk([b"x" * 5000])])), TooLarge)
    assert write(writer, Batch.of([chunk([b"a"])])) == Delivered()


def test_a_record_that_is_not_even_tried_is_named(stage: Stage) -> None:
    writer = stage.writer()
    result = write(writer, Batch.of([chunk([b"a", bytes(LARGEST + 1)], offset=5)]))
    assert isinstance(result, Poison)
    assert [failure.offset for failure in result.named] == [6]
    assert write(writer, Batch.of([chunk([b"a"])])) == Delivered()
    assert stage.values() == [b"a"]


def test_records_never_go_to_a_topic_that_a_pattern_consumes(stage: Stage) -> None:
    writer = stage.consuming("^.*\\.copy$").create()
    result = write(writer, Batch.of([chunk([b"a"])]))
    assert result == Systemic(
        "orders.copy is consumed itself, so each record would come back: name another topic in SIDECAR_WRITER__URL"
    )
    writer.close()


def test_brokers_that_do_not_answer_are_told_by_name(stage: Stage) -> None:
    writer = stage.writer()
    lost = stage.elsewhere(free_port())
    with pytest.raises(WriterUnavailable, match=r"no answer from kafka://127.0.0.1:\d+/copy: _TRANSPORT"):
        lost.connect(time.monotonic() + 5)
    writer.connect(soon())
