"""Exactly once from topic to topic: crashes under load, instances that come and go, an owner that wakes up too late, poison between good records."""

from __future__ import annotations

import signal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.integration.faults.copies import LONG, PARTITIONS, Copy
from tests.integration.faults.traps import Fate, Trap, before_kafka
from tests.integration.lifecycle.scene import assert_ended, drain, has
from tests.parts.kafka import RealKafka
from tests.parts.log import messages_in_log
from tests.parts.process import caught_up
from tests.parts.topics import Message, create_topic, produce, produce_aborted

ROUNDS = 2
LOAD = 3_000

PERMANENT = {"KAFKA__GROUP_INSTANCE_ID": "pod-0"}
"""The next process takes the place of the dead one at once."""


@pytest.fixture
def it(kafka: RealKafka, tmp_path: Path) -> Copy:
    return Copy(kafka, tmp_path)


def owns(status: Any, partitions: int) -> bool:
    """Whether a sidecar has so many partitions."""
    return bool(status["kafka"]["assigned"] == partitions)


def through(bootstrap: str) -> dict[str, str]:
    """Return settings with which all that a sidecar asks for goes through what listens there."""
    return {"KAFKA__BOOTSTRAP_SERVERS": bootstrap, "WRITER__URL": f"kafka://{bootstrap}/{{topic}}.copy"}


RECORDS, OFFSETS = {"AddPartitionsToTxn", "Produce"}, {"AddOffsetsToTxn", "TxnOffsetCommit"}


@pytest.mark.parametrize(
    ("at", "fate", "before"),
    [
        pytest.param("AddPartitionsToTxn", Fate.WITHHELD, set(), id="before a flush"),
        pytest.param("AddOffsetsToTxn", Fate.WITHHELD, RECORDS, id="after the records and before the offsets"),
        pytest.param("TxnOffsetCommit", Fate.ANSWERED, RECORDS | {"AddOffsetsToTxn"}, id="after the offsets were sent"),
        pytest.param("EndTxn", Fate.WITHHELD, RECORDS | OFFSETS, id="before the commit arrives"),
        pytest.param("EndTxn", Fate.ANSWERED, RECORDS | OFFSETS, id="after the commit was sent"),
    ],
)
def test_a_process_that_is_killed_at_a_named_point_again_and_again_copies_each_record_once(
    it: Copy, at: str, fate: Fate, before: set[str]
) -> None:
    trap = Trap(at, fate)
    with before_kafka(it.bootstrap, trap) as bootstrap:
        for each in range(ROUNDS):
            with it.sidecar(**PERMANENT, **through(bootstrap), FLUSH__MAX_IN_FLIGHT="1") as sidecar:
                trap.arm(sidecar, signal.SIGKILL, 2 + each)
                it.produce(LOAD)
                assert trap.wait_killed(sidecar).before == before
    with it.sidecar(**PERMANENT) as sidecar:
        sidecar.wait_status(caught_up, "it is caught up", LONG)
        drain(sidecar)
    it.assert_each_once()


def test_a_process_that_is_killed_under_load_at_any_moment_copies_each_record_once(it: Copy) -> None:
    """With several transactions at once, each of them anywhere."""
    for each in range(2):
        it.produce(LOAD)
        with it.sidecar(**PERMANENT) as sidecar:
            sidecar.wait_status(has(delivered=1 + 200 * each), "it copies", LONG)
            sidecar.sigkill()
    with it.sidecar(**PERMANENT) as sidecar:
        sidecar.wait_status(caught_up, "it is caught up", LONG)
        drain(sidecar)
    it.assert_each_once()


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_instances_that_come_and_go_under_load_copy_each_record_once(it: Copy, protocol: str) -> None:
    settings = {"KAFKA__GROUP_PROTOCOL": protocol}
    if protocol == "consumer":
        settings |= {"KAFKA__SESSION_TIMEOUT_MS": "", "KAFKA__HEARTBEAT_INTERVAL_MS": ""}
    it.produce(LOAD)
    with it.sidecar("a", **settings) as first:
        first.wait_status(lambda status: owns(status, PARTITIONS), "it has all", LONG)
        for _ in range(3):
            with it.sidecar("b", **settings) as second:
                it.produce(LOAD)
                second.wait_status(lambda status: owns(status, PARTITIONS // 2), "another one takes half", LONG)
                it.produce(LOAD)
                second.wait_status(has(delivered=1), "it copies", LONG)
                second.sigterm()
                assert_ended(second, 0)
        it.wait_caught_up(first)
        drain(first)
    it.assert_each_once()


@pytest.mark.parametrize("at", ["Produce", "EndTxn"])
def test_an_owner_that_was_stopped_under_load_and_wakes_up_after_another_one_has_copied_adds_nothing(it: Copy, at: str) -> None:
    trap = Trap(at, Fate.LATE)
    it.produce(LOAD)
    with before_kafka(it.bootstrap, trap) as bootstrap, it.sidecar("a", **through(bootstrap)) as zombie:
        zombie.wait_status(has(delivered=LOAD), "it copies", LONG)
        trap.arm(zombie, signal.SIGSTOP, 2)
        it.produce(LOAD)
        assert trap.sprung.wait(LONG)
        with it.sidecar("b") as heir:
            heir.wait_status(lambda status: owns(status, PARTITIONS), "the other one has all", LONG)
            heir.wait_status(caught_up, "it is caught up", LONG)
            it.produce(LOAD)
            trap.opened.set()
            zombie.child.send(signal.SIGCONT)
            zombie.wait_status(lambda status: owns(status, PARTITIONS // 2), "the old one is back", LONG)
            drain(heir)
        it.wait_caught_up(zombie)
        drain(zombie)
    it.assert_each_once()


def test_poison_goes_to_the_dead_letters_and_a_crash_after_it_repeats_nothing(it: Copy) -> None:
    """The dead letter's offset is committed by itself, between transactions that commit those of the others."""
    create_topic(it.bootstrap, f"{it.source}.dead")
    it.produce(LOAD)
    large = [
        Message(b'{"id": -1, "pad": "%s"}' % Random(n).randbytes(100_000).hex().encode()) for n in range(3)
    ]  # nothing compresses that
    produce(it.bootstrap, it.source, large)
    settings = {
        "KAFKA__GROUP_INSTANCE_ID": "pod-0",
        "DEAD_LETTER__TOPIC": "{topic}.dead",
        "KAFKA__FETCH_MESSAGE_MAX_BYTES": "300000",
    }
    for _ in range(3):
        it.produce(LOAD)
        with it.sidecar(**settings) as sidecar:
            it.wait_committed()
            sidecar.sigkill()
    with it.sidecar(**settings) as sidecar:
        sidecar.wait_status(caught_up, "it is caught up", LONG)
        drain(sidecar)
    it.assert_each_once()
    letters = messages_in_log(it.bootstrap, f"{it.source}.dead")
    assert [letter.value() for letter in letters] == [message.value for message in large]


def test_markers_at_the_end_of_the_source_are_passed_also_when_they_are_all_there_is(it: Copy) -> None:
    with it.sidecar() as sidecar:
        for _ in range(5):
            it.produce(200)
            produce_aborted(it.bootstrap, it.source, [Message(b"never", partition=number) for number in range(PARTITIONS)])
            it.wait_committed()
        drain(sidecar)
    it.assert_each_once()


def test_a_copy_into_a_topic_that_is_consumed_itself_is_refused_before_anything_starts(it: Copy) -> None:
    with it.sidecar(TOPICS=f"{it.source},{it.copy}") as sidecar:
        assert sidecar.wait_exit() == 2
        said = sidecar.child.tail()
    assert f"SIDECAR_WRITER__URL: its topic {it.copy} is consumed itself" in said
