"""Exactly once: crashes at named points, owners that wake up when another one has written, instances that come and go."""

from __future__ import annotations

import re
import signal
from typing import Any

import pytest

from tests.integration.faults.tables import LONG, PARTITIONS, Table
from tests.integration.faults.traps import Fate, Trap, before_kafka, before_postgresql
from tests.integration.lifecycle.scene import assert_ended, drain, has
from tests.parts.kafka import RealKafka
from tests.parts.process import RunningSidecar, caught_up
from tests.parts.topics import committed
from tests.parts.waiting import wait_for

ROUNDS = 8
LOAD = 4_000

MEMBER = {
    "KAFKA__SESSION_TIMEOUT_MS": "6000",
    "KAFKA__HEARTBEAT_INTERVAL_MS": "500",
    "FLUSH__MAX_BATCH": "100",
}

PERMANENT = MEMBER | {"KAFKA__GROUP_INSTANCE_ID": "pod-0"}
"""The next process takes the place of the dead one at once."""

ONE_AT_A_TIME = {"FLUSH__MAX_IN_FLIGHT": "1"}
"""So that the flush which is stopped is the only one, and no other is stopped with a lock in its hands."""


@pytest.mark.parametrize(
    ("at", "fate", "before"),
    [
        pytest.param("BEGIN", Fate.WITHHELD, set(), id="before a flush"),
        pytest.param("PGCOPY", Fate.WITHHELD, {"BEGIN"}, id="after the offsets and before the rows"),
        pytest.param("COMMIT", Fate.WITHHELD, {"BEGIN", "PGCOPY"}, id="before the COMMIT arrives"),
        pytest.param("COMMIT", Fate.ANSWERED, {"BEGIN", "PGCOPY"}, id="after the COMMIT was sent"),
    ],
)
def test_a_process_that_is_killed_at_a_named_point_again_and_again_writes_each_record_once(
    it: Table, at: str, fate: Fate, before: set[str]
) -> None:
    """The table has all of the batch that was in its hands, or nothing of it."""
    trap = Trap(at, fate)
    with before_postgresql(it.url, trap) as url:
        for each in range(ROUNDS):
            with it.sidecar(url, **PERMANENT) as sidecar:
                trap.arm(sidecar, signal.SIGKILL, 3 + each)
                it.produce(LOAD)
                caught = trap.wait_killed(sidecar)
            assert caught.before == before
            assert_stored(it, moves(caught.first, it), written=fate is Fate.ANSWERED)
        with it.sidecar(url, **PERMANENT) as sidecar:
            sidecar.wait_status(caught_up, "it is caught up", LONG)
            drain(sidecar)
    it.assert_each_once()


def test_a_process_that_is_killed_before_the_commit_to_kafka_again_and_again_writes_each_record_once(
    it: Table, kafka: RealKafka
) -> None:
    trap = Trap("OffsetCommit", Fate.WITHHELD)
    it.produce(LOAD)
    with before_kafka(kafka.bootstrap, trap) as bootstrap:
        for _ in range(ROUNDS):
            with it.sidecar(KAFKA__BOOTSTRAP_SERVERS=bootstrap, **PERMANENT) as sidecar:
                it.wait_committed()  # so the next commit is one of what is produced now
                trap.arm(sidecar, signal.SIGKILL, 1)
                it.produce(LOAD)
                trap.wait_killed(sidecar)
            known, told = committed(kafka.bootstrap, it.group, it.topic), stored(it)
            assert all(known.get(partition, 0) <= told[partition] for partition in range(PARTITIONS))
            assert sum(known.values()) < sum(told.values())
        with it.sidecar(**PERMANENT) as sidecar:
            sidecar.wait_status(caught_up, "it is caught up", LONG)
            drain(sidecar)
    it.assert_each_once()


def moves(statement: bytes, it: Table) -> dict[int, tuple[int, int]]:
    """Return where each partition is moved by the first statement of a transaction: from, and to."""
    found = re.findall(rf"'{it.topic}', (\d+), (?:(\d+)::bigint, )?(\d+)", statement.decode(errors="replace"))
    return {int(partition): (int(expected or 0), int(end)) for partition, expected, end in found}


def assert_stored(it: Table, moved: dict[int, tuple[int, int]], *, written: bool) -> None:
    """Assert that the offsets are where the batch moved them, or where they were before."""
    assert moved
    wanted = {partition: end if written else expected for partition, (expected, end) in moved.items()}
    wait_for(lambda: stored(it).items() >= wanted.items(), f"the offsets are {wanted}", LONG)  # the database may be at it still


def stored(it: Table) -> dict[int, int]:
    """Return the offsets in the database, 0 where there is none."""
    return dict.fromkeys(range(PARTITIONS), 0) | dict(it.query("SELECT partition, next_offset FROM {o}"))


def test_an_owner_that_was_stopped_in_a_flush_and_wakes_up_after_another_one_has_written_is_fenced(it: Table) -> None:
    trap = Trap("BEGIN", Fate.LATE)
    with before_postgresql(it.url, trap) as url, it.sidecar(url, **MEMBER, **ONE_AT_A_TIME) as zombie:
        it.produce(LOAD)
        zombie.wait_status(has(delivered=LOAD), "it writes", LONG)
        trap.arm(zombie, signal.SIGSTOP, 1)
        it.produce(LOAD)
        assert trap.sprung.wait(LONG)
        with it.sidecar(**MEMBER) as heir:
            heir.wait_status(lambda status: owns(status, PARTITIONS), "the other one has all", LONG)
            it.wait_rows(2 * LOAD)
            trap.opened.set()
            zombie.child.send(signal.SIGCONT)
            wait_for(lambda: fenced(zombie), "it is fenced", LONG)
            it.produce(LOAD)
            it.wait_rows(3 * LOAD)
            zombie.wait_status(lambda status: owns(status, PARTITIONS // 2), "the old one is a member again", LONG)
            drain(zombie)
            it.wait_caught_up(heir)
            drain(heir)
    it.assert_each_once()


def fenced(sidecar: RunningSidecar) -> bool:
    return any("another owner has written" in line["reason"] for line in sidecar.events("flush.failed"))


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_instances_that_come_and_go_under_load_write_each_record_once(it: Table, protocol: str) -> None:
    settings = {"KAFKA__GROUP_PROTOCOL": protocol, "FLUSH__MAX_BATCH": "100"}
    it.produce(LOAD)
    with it.sidecar(**settings) as first:
        first.wait_status(lambda status: owns(status, PARTITIONS), "it has all", LONG)
        for _ in range(3):
            with it.sidecar(**settings) as second:
                second.wait_status(lambda status: owns(status, PARTITIONS // 2), "another one takes half", LONG)
                it.produce(LOAD)
                second.wait_status(has(delivered=1), "it writes", LONG)
                second.sigterm()
                assert_ended(second, 0)
        it.wait_caught_up(first)
        drain(first)
    it.assert_each_once()


def owns(status: Any, partitions: int) -> bool:
    """Whether a sidecar has so many partitions."""
    return bool(status["kafka"]["assigned"] == partitions)
