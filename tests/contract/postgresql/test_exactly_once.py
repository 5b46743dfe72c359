from __future__ import annotations

import os
import random
import resource
import threading
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from sidecar.core.errors import WriterUnavailable
from sidecar.core.records import Batch, TopicPartition
from sidecar.core.results import Delivered, Fenced, Result, Retriable, Systemic
from tests.contract.batches import chunk
from tests.contract.postgresql.stage import ORDERS, Stage, beside, cut, orders, soon, swallow, write
from tests.parts.waiting import wait_for

OTHER = TopicPartition("orders", 1)

HARMLESS = Delivered | Retriable | Systemic
"""What may come of a batch while the server comes and goes."""

TERMINATE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'kafka-sidecar'"

COMMIT = b"COMMIT\0"
"""The whole statement; BEGIN has the word in it, too."""


def test_rows_and_offsets_are_written_together_from_the_first_batch_on(stage: Stage) -> None:
    writer = stage.writer()

    assert write(writer, orders(5, 8, None)) == Delivered()
    assert write(writer, orders(10, 12, 8)) == Delivered()

    assert stage.column("offset") == [5, 6, 7, 10, 11]
    assert stage.stored() == {ORDERS: 12}


def test_the_offset_that_is_kept_covers_the_gap_after_the_last_record(stage: Stage) -> None:
    part = chunk([b"1", b"2", b"3"]).slice(0, 2)
    part.end = 100
    assert write(stage.writer(), Batch.of([part], {ORDERS: None})) == Delivered()
    assert stage.stored() == {ORDERS: 100}


@pytest.mark.parametrize("expected", [None, 0, 4, 6])
def test_an_owner_whose_offset_is_not_the_present_one_is_fenced_and_writes_nothing(stage: Stage, expected: int | None) -> None:
    assert write(stage.writer(), orders(0, 5, None)) == Delivered()

    result = write(stage.writer(), orders(3, 9, expected))

    assert isinstance(result, Fenced)
    assert result.tps == (ORDERS,)
    assert stage.column("offset") == [0, 1, 2, 3, 4]
    assert stage.stored() == {ORDERS: 5}


def test_an_owner_that_expects_an_offset_where_there_is_none_is_fenced(stage: Stage) -> None:
    writer = stage.writer()
    assert isinstance(write(writer, orders(0, 5, 0)), Fenced)
    assert stage.column("offset") == []
    assert write(writer, orders(0, 5, None)) == Delivered()


def test_one_stale_partition_of_several_fences_that_one_and_nothing_is_written(stage: Stage) -> None:
    writer = stage.writer()
    assert write(writer, orders(0, 5, None)) == Delivered()
    parts = [chunk([b"x"] * 3, offset=7), chunk([b"y"] * 3, offset=7, partition=1), chunk([b"z"], partition=2)]
    third = TopicPartition("orders", 2)

    result = write(writer, Batch.of(parts, {ORDERS: 5, OTHER: 7, third: None}))

    assert isinstance(result, Fenced)
    assert result.tps == (OTHER,)
    assert stage.stored() == {ORDERS: 5}
    assert write(writer, Batch.of(parts, {ORDERS: 5, OTHER: None, third: None})) == Delivered()
    assert stage.stored() == {ORDERS: 10, OTHER: 10, third: 1}


def test_a_partition_that_another_owner_has_brought_to_our_end_does_not_make_the_rest_delivered(stage: Stage) -> None:
    writer = stage.writer()
    parts = [chunk([b"x"] * 3), chunk([b"y"] * 3, partition=1)]
    assert write(writer, Batch.of(parts[:1], {ORDERS: None})) == Delivered()

    result = write(writer, Batch.of(parts, {ORDERS: None, OTHER: None}))

    assert isinstance(result, Fenced)
    assert result.tps == (ORDERS,)
    assert stage.stored() == {ORDERS: 3}
    assert stage.column("value") == [b"x"] * 3


def test_groups_keep_their_own_offsets(stage: Stage) -> None:
    assert write(stage.writer(), orders(0, 5, None)) == Delivered()
    stage.query("UPDATE {o} SET consumer_group = 'another'")
    assert write(stage.writer(), orders(0, 5, None)) == Delivered()


def test_a_batch_without_expectations_leaves_the_offsets_alone(stage: Stage) -> None:
    assert write(stage.writer(), Batch.of([chunk([b"redriven"])])) == Delivered()
    assert (stage.column("value"), stage.stored()) == ([b"redriven"], {})


def test_of_two_owners_at_once_one_writes_and_the_other_is_fenced(stage: Stage) -> None:
    writers = [stage.made(), stage.made()]
    results: list[Result] = []
    for first in range(0, 100, 5):
        batch = orders(first, first + 5, first or None)
        zombie = orders(first, first + 4, first or None)
        both = [
            threading.Thread(target=lambda w=w, b=b: results.append(write(w, b)))
            for w, b in zip(writers, (batch, zombie), strict=True)
        ]
        for thread in both:
            thread.start()
        for thread in both:
            thread.join()
        if stage.stored()[ORDERS] != first + 5:  # the zombie was quicker: the owner begins again where it got to
            assert write(writers[0], orders(first + 4, first + 5, first + 4)) == Delivered()

    assert {type(result) for result in results} == {Delivered, Fenced}
    assert [type(result) for result in results].count(Delivered) == 20
    assert stage.column("offset") == list(range(100))


def test_what_became_of_a_commit_whose_answer_was_lost_is_read_back(stage: Stage) -> None:
    stage.made()
    with stage.through(partial(cut, at=COMMIT, before_the_server=False)) as url:
        writer = stage.writer(url)
        lost = write(writer, orders(0, 5, None))
        assert lost == Retriable("the connection to PostgreSQL was lost")
        assert stage.stored() == {ORDERS: 5}

        assert write(writer, orders(0, 5, None)) == Delivered()
        assert write(writer, orders(5, 6, 5)) == Delivered()

    assert stage.column("offset") == list(range(6))


def test_another_writer_can_read_back_the_lost_answer_too(stage: Stage) -> None:
    stage.made()
    with stage.through(partial(cut, at=COMMIT, before_the_server=False)) as url:
        assert isinstance(write(stage.writer(url), orders(0, 5, None)), Retriable)
    assert write(stage.writer(), orders(0, 5, None)) == Delivered()
    assert stage.column("offset") == list(range(5))


def test_after_a_lost_answer_a_part_of_the_batch_is_fenced_and_not_written_twice(stage: Stage) -> None:
    stage.made()
    with stage.through(partial(cut, at=COMMIT, before_the_server=False)) as url:
        assert isinstance(write(stage.writer(url), orders(0, 5, None)), Retriable)
    assert isinstance(write(stage.writer(), orders(0, 2, None)), Fenced)
    assert stage.column("offset") == list(range(5))


@pytest.mark.parametrize("at", [b"BEGIN", b"COPY", b"PGCOPY", COMMIT])
def test_a_connection_that_is_lost_before_the_commit_leaves_nothing_and_the_repeat_writes_once(stage: Stage, at: bytes) -> None:
    stage.made()
    with stage.through(partial(cut, at=at, before_the_server=True)) as url:
        writer = stage.writer(url)
        assert isinstance(write(writer, orders(0, 5, None)), Retriable | Systemic)
        assert stage.column("offset") == []
        assert write(writer, orders(0, 5, None)) == Delivered()
    assert stage.column("offset") == list(range(5))


@pytest.mark.parametrize("at", [b"BEGIN", b"COPY", b"PGCOPY", COMMIT])
def test_a_server_that_answers_no_more_costs_the_deadline_and_no_record(stage: Stage, at: bytes) -> None:
    stage.made()
    with stage.through(partial(swallow, at=at)) as url:
        writer = stage.writer(url)
        writer.connect(soon())  # so that the time is spent on the answer, and not on the login
        assert write(writer, orders(0, 5, None), within=0.5) == Retriable("PostgreSQL did not answer in time")
    assert write(stage.writer(), orders(0, 5, None)) == Delivered()
    assert stage.column("offset") == list(range(5))


def test_a_connection_that_was_closed_while_it_was_idle_costs_no_attempt(stage: Stage) -> None:
    writer = stage.made()
    stage.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
    )
    wait_for(lambda: not stage.query("SELECT 1 FROM pg_stat_activity WHERE application_name = 'kafka-sidecar'"), "no session")
    assert write(writer, orders(0, 5, None)) == Delivered()


def test_a_process_with_thousands_of_files_open_writes_as_any_other(stage: Stage) -> None:
    limit, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(3000, most), most))
    with ExitStack() as opened:
        opened.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (limit, most))
        for _ in range(1100):
            opened.enter_context(Path(os.devnull).open("rb"))
        writer = stage.made()
        assert [write(writer, orders(0, 5, None)), write(writer, orders(5, 9, 5))] == [Delivered(), Delivered()]


def test_a_server_that_crashes_under_load_has_every_record_once(stage: Stage) -> None:
    writer = stage.made()
    done: list[Result] = []

    def load(end: threading.Event) -> None:
        at = 0
        while not end.is_set() and (not done or isinstance(done[-1], HARMLESS)):
            done.append(write(writer, orders(at, at + 100, at or None)))
            at += 100 * (done[-1] == Delivered())

    with beside(load):
        for _ in range(3):
            seen = len(done)
            wait_for(lambda: len(done) >= seen + 20, "20 more batches")  # noqa: B023 -- it is called in this round only
            stage.server.crash()
            stage.server.start()

    assert Delivered in map(type, done)
    assert {type(result) for result in done} - {Delivered}
    assert all(isinstance(result, HARMLESS) for result in done)
    offsets = stage.column("offset")
    assert sorted(offsets) == list(range(len(offsets)))
    assert stage.stored() == {ORDERS: len(offsets)}


def test_backends_that_are_terminated_in_a_loop_have_every_record_once(stage: Stage) -> None:
    writer = stage.made()
    came_through = threading.Event()

    def terminate(end: threading.Event) -> None:
        chance = random.Random(5)
        while not end.is_set():
            came_through.clear()
            time.sleep(chance.random() / 300)  # anywhere in a batch; whatever moment it is, the end must be the same
            stage.query(TERMINATE)
            while not came_through.wait(0.02) and not end.is_set():  # else a slow machine would get none through, for ever
                pass

    at = 0
    with beside(terminate):
        while at < 100:
            result = write(writer, orders(at, at + 1, at or None))
            assert isinstance(result, HARMLESS)
            if result == Delivered():
                at += 1
                came_through.set()

    assert stage.column("offset") == list(range(100))
    assert stage.stored() == {ORDERS: 100}


def test_a_backend_that_is_terminated_amid_a_transaction_costs_an_attempt_and_no_record(stage: Stage) -> None:
    writer = stage.made()
    results: list[Result] = []
    with stage.session() as other:
        other.execute(f"LOCK TABLE {stage.table}")
        ours = threading.Thread(target=lambda: results.append(write(writer, orders(0, 5, None))))
        ours.start()
        stage.wait_until_waiting()
        stage.query(TERMINATE)
        ours.join()
    assert [type(result) for result in results] == [Retriable]
    assert write(writer, orders(0, 5, None)) == Delivered()
    assert stage.column("offset") == list(range(5))


def test_the_stored_offsets_are_read_for_those_partitions_that_have_one(stage: Stage) -> None:
    assert write(stage.writer(), orders(0, 5, None)) == Delivered()
    make = stage.kind().stored_offsets
    assert make is not None
    offsets = make()

    assert offsets.read([ORDERS, OTHER, TopicPartition("it's", 0)], soon()) == {ORDERS: 5}
    assert offsets.read([], soon()) == {}
    offsets.close()
    assert offsets.read([ORDERS], soon()) == {ORDERS: 5}
    offsets.close()
    offsets.close()


def test_offsets_without_a_table_are_none_or_refused_with_the_mend(stage: Stage) -> None:
    refused, made = stage.kind(create=False).stored_offsets, stage.kind().stored_offsets
    assert refused is not None
    assert made is not None
    with pytest.raises(
        WriterUnavailable, match=r"cannot be read: .*undefined table \(42P01\); make it as `kafka-sidecar check --ddl`"
    ):
        refused().read([ORDERS], soon())
    offsets = made()
    assert offsets.read([ORDERS], soon()) == {}
    offsets.close()
