"""Exactly once into a file of SQLite: crashes at named points, of the process as its users run it."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.integration.faults.files import TableFile
from tests.integration.faults.traps import Fate, Trap, before_kafka
from tests.integration.lifecycle.scene import LONG, drain
from tests.parts.kafka import RealKafka
from tests.parts.process import caught_up

ROUNDS = 3
LOAD = 2_000


@pytest.fixture
def it(kafka: RealKafka, tmp_path: Path) -> TableFile:
    return TableFile(kafka, tmp_path, tmp_path / "orders.db")


def catch_up(it: TableFile) -> None:
    with it.sidecar() as sidecar:
        sidecar.wait_status(caught_up, "it is caught up", LONG)
        drain(sidecar)
    it.assert_each_once()


@pytest.mark.parametrize(
    ("at", "before"),
    [
        pytest.param("begin", [], id="before a flush"),
        pytest.param("rows", ["begin", "offsets"], id="after the offsets and before the rows"),
        pytest.param("commit", ["begin", "offsets", "rows"], id="before the COMMIT"),
    ],
)
def test_a_process_that_is_killed_at_a_named_point_again_and_again_writes_each_record_once(
    it: TableFile, at: str, before: list[str]
) -> None:
    for each in range(ROUNDS):
        it.produce(LOAD)
        with it.dying(at, 2 + each) as sidecar:
            assert sidecar.wait_exit(LONG) == -signal.SIGKILL
        assert it.trail.read_text().split() == before
        it.assert_whole()
    catch_up(it)


def test_a_process_that_is_killed_before_the_commit_to_kafka_again_and_again_writes_each_record_once(it: TableFile) -> None:
    trap = Trap("OffsetCommit", Fate.WITHHELD)
    it.produce(LOAD)
    with before_kafka(it.bootstrap, trap) as bootstrap:
        for _ in range(ROUNDS):
            with it.sidecar(KAFKA__BOOTSTRAP_SERVERS=bootstrap) as sidecar:
                it.wait_committed()  # so the next commit is one of what is produced now
                trap.arm(sidecar, signal.SIGKILL, 1)
                it.produce(LOAD)
                trap.wait_killed(sidecar)
            it.assert_whole()
            assert sum(it.committed().values()) < sum(it.stored().values())
    catch_up(it)
