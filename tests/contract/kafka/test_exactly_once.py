"""Transactions on a real broker: records and offsets together, or neither; who is no owner any more writes nothing."""

from __future__ import annotations

import time

import pytest
from confluent_kafka import Producer
from confluent_kafka import TopicPartition as KafkaPartition

from sidecar.core.errors import WriterUnavailable
from sidecar.core.records import Batch
from sidecar.core.results import Delivered, Fenced, Retriable
from tests.contract.kafka.stage import Stage, soon, write
from tests.parts.topics import fresh_name


def test_records_and_offsets_are_written_together_also_past_offsets_without_a_record(stage: Stage) -> None:
    writer = stage.writer()
    part = stage.chunk([b"c", b"d"], 2)
    part.end = 9
    assert write(writer, stage.batch(stage.chunk([b"a", b"b"]), part, stage.chunk([b"e"], 5, partition=1))) == Delivered()
    assert (stage.values(), stage.values(1)) == ([b"a", b"b", b"c", b"d"], [b"e"])
    assert stage.committed() == {0: 9, 1: 6}
    assert write(writer, stage.batch(stage.chunk([b"f"], 9))) == Delivered()
    assert stage.committed() == {0: 10, 1: 6}


def test_a_batch_of_which_no_offsets_are_expected_leaves_the_group_alone(stage: Stage) -> None:
    assert write(stage.writer(), Batch.of([stage.chunk([b"redriven"])])) == Delivered()
    assert (stage.values(), stage.committed()) == ([b"redriven"], {})


def test_after_the_group_has_changed_nothing_is_written_until_the_place_is_known_anew(stage: Stage) -> None:
    writer = stage.writer()
    assert write(writer, stage.batch(stage.chunk([b"a"]))) == Delivered()
    stage.join()
    result = write(writer, stage.batch(stage.chunk([b"b"], 1)))
    assert isinstance(result, Retriable)
    assert "the group has changed meanwhile" in result.reason
    assert (stage.values(), stage.committed()) == ([b"a"], {0: 1})

    stage.take_place()
    assert write(writer, stage.batch(stage.chunk([b"b"], 1))) == Delivered()
    assert (stage.values(), stage.committed()) == ([b"a", b"b"], {0: 2})


@pytest.mark.parametrize("ours", [{}, {0: 2}], ids=["gone", "gone and back"])
def test_of_partitions_that_are_not_ours_any_more_nothing_is_written(stage: Stage, ours: dict[int, int]) -> None:
    stage.take_place({stage.other: 1, **{stage.tp._replace(partition=number): epoch for number, epoch in ours.items()}})
    batch = stage.batch(stage.chunk([b"a"]), stage.chunk([b"b"], partition=1))
    assert write(stage.writer(), batch) == Fenced((stage.tp,), "the group has given them to another member")
    assert (stage.values(1), stage.committed()) == ([], {})


def test_a_partition_that_began_anew_without_leaving_is_still_ours(stage: Stage) -> None:
    assert write(stage.writer(), stage.batch(stage.chunk([b"a"], epoch=4))) == Delivered()


def test_before_the_first_assignment_nothing_is_ours(stage: Stage) -> None:
    stage.membership = None
    assert isinstance(write(stage.writer(), stage.batch(stage.chunk([b"a"]))), Fenced)


def test_a_process_with_the_same_transactional_id_takes_it_over_and_both_say_so(stage: Stage) -> None:
    first, second = stage.writer(), stage.writer()
    assert write(first, stage.batch(stage.chunk([b"a"]))) == Delivered()
    assert write(second, stage.batch(stage.chunk([b"b"], 1))) == Delivered()
    result = write(first, stage.batch(stage.chunk([b"c"], 2)))
    assert isinstance(result, Retriable)
    assert "give each process its own SIDECAR_WRITER__TRANSACTIONAL_ID_PREFIX" in result.reason
    assert write(first, stage.batch(stage.chunk([b"c"], 2))) == Delivered()
    assert stage.values() == [b"a", b"b", b"c"]


def test_writers_of_one_process_have_ids_of_their_own(stage: Stage) -> None:
    kind = stage.kind()
    writers = [kind.create(), kind.create()]
    for offset in range(4):
        assert write(writers[offset % 2], stage.batch(stage.chunk([b"%d" % offset], offset))) == Delivered()
    for writer in writers:
        writer.close()
    assert stage.values() == [b"0", b"1", b"2", b"3"]


def test_the_offsets_are_not_told_while_a_transaction_may_change_them(stage: Stage) -> None:
    assert write(stage.writer(), stage.batch(stage.chunk([b"a"], 4))) == Delivered()
    assert stage.membership is not None
    producer = Producer({"bootstrap.servers": stage.bootstrap, "transactional.id": fresh_name("id")})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.send_offsets_to_transaction([KafkaPartition(stage.source, 0, 77)], stage.membership.metadata, 30)
    offsets = stage.offsets()

    with pytest.raises(WriterUnavailable, match="the group's offsets are not known yet"):
        offsets.read([stage.tp, stage.other], time.monotonic() + 1)
    producer.commit_transaction(30)

    assert offsets.read([stage.tp, stage.other], soon()) == {stage.tp: 77}
    assert offsets.read([], soon()) == {}
    offsets.close()
    offsets.close()


def test_a_transaction_that_was_left_open_is_given_up_after_its_time_and_then_the_offsets_are_told(stage: Stage) -> None:
    """What a process leaves that was killed between its offsets and its commit."""
    assert write(stage.writer(), stage.batch(stage.chunk([b"a"]))) == Delivered()
    assert stage.membership is not None
    producer = Producer(
        {"bootstrap.servers": stage.bootstrap, "transactional.id": f"{stage.group}-0", "transaction.timeout.ms": 60_000}
    )
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(stage.copy, b"never", partition=0)
    producer.send_offsets_to_transaction([KafkaPartition(stage.source, 0, 77)], stage.membership.metadata, 30)
    producer.flush(30)

    assert write(stage.writer(), stage.batch(stage.chunk([b"b"], 1))) == Delivered()

    assert (stage.values(), stage.committed()) == ([b"a", b"b"], {0: 2})


def left_open(stage: Stage, transactional_id: str) -> Producer:
    """Return a producer that has sent offsets in a transaction, and does not go on."""
    assert stage.membership is not None
    settings = {"bootstrap.servers": stage.bootstrap, "transactional.id": transactional_id, "transaction.timeout.ms": 300_000}
    producer = Producer(settings)
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.send_offsets_to_transaction([KafkaPartition(stage.source, 0, 77)], stage.membership.metadata, 30)
    return producer


def test_what_the_process_before_left_open_is_ended_before_the_first_offset_is_told(stage: Stage) -> None:
    """Nobody waits for its time-out: of five minutes, here."""
    assert write(stage.writer(), stage.batch(stage.chunk([b"a"]))) == Delivered()
    left_open(stage, f"{stage.group}-1")
    kind = stage.kind()
    writers = [kind.create(), kind.create()]
    assert kind.stored_offsets is not None
    offsets = kind.stored_offsets()

    assert offsets.read([stage.tp, stage.other], soon()) == {stage.tp: 1}

    for n, writer in enumerate(writers):
        assert write(writer, stage.batch(stage.chunk([b"b"], 1 + n))) == Delivered()
        writer.close()
    offsets.close()


def test_once_an_offset_was_told_no_transaction_is_ended_any_more(stage: Stage) -> None:
    """It could be one of our own writers'."""
    kind = stage.kind()
    writer = kind.create()
    assert kind.stored_offsets is not None
    offsets = kind.stored_offsets()
    assert offsets.read([stage.tp], soon()) == {}
    assert write(writer, stage.batch(stage.chunk([b"a"]))) == Delivered()
    other = left_open(stage, f"{stage.group}-9")

    with pytest.raises(WriterUnavailable, match="the group's offsets are not known yet"):
        offsets.read([stage.tp], time.monotonic() + 2)

    assert write(writer, stage.batch(stage.chunk([b"b"], 1))) == Delivered()
    other.abort_transaction(30)
    assert offsets.read([stage.tp], soon()) == {stage.tp: 2}
    writer.close()
    offsets.close()


def test_a_commit_of_the_consumer_beside_an_open_transaction_would_win_which_is_why_the_engine_makes_none(stage: Stage) -> None:
    """A fact of Kafka's that the engine rests on: of two commits that overlap, the one that began later stays."""
    assert stage.membership is not None
    producer = Producer({"bootstrap.servers": stage.bootstrap, "transactional.id": fresh_name("id")})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.send_offsets_to_transaction([KafkaPartition(stage.source, 0, 100)], stage.membership.metadata, 30)
    stage.commit(50)
    producer.commit_transaction(30)
    assert stage.committed() == {0: 50}
