from __future__ import annotations

import signal
import threading
from pathlib import Path

import pytest

from tests.integration.lifecycle.scene import LONG, assert_ended, drain, scene
from tests.parts.behaviour import held_until, taking
from tests.parts.kafka import RealKafka
from tests.parts.process import caught_up
from tests.parts.waiting import wait_for


def test_sigterm_during_the_start_is_kept_and_heeded(kafka: RealKafka, tmp_path: Path) -> None:
    with scene(kafka, tmp_path, records=100) as it, it.sidecar() as sidecar:
        status = Path(f"/proc/{sidecar.child.pid}/status")
        wait_for(lambda: _blocks(status.read_text("ascii"), signal.SIGTERM), "it takes signals", LONG)
        sidecar.sigterm()
        assert_ended(sidecar, 0)
        assert sidecar.events("drain.started")
        it.assert_taken_once_and_committed()


def _blocks(status: str, number: signal.Signals) -> bool:
    """Read whether the process's main thread blocks a signal, so that its own thread for that can take it."""
    mask = next(line.split()[1] for line in status.splitlines() if line.startswith("SigBlk:"))
    return bool(int(mask, 16) >> (number - 1) & 1)


def test_sigterm_while_idle_ends_it_with_everything_committed(kafka: RealKafka, tmp_path: Path) -> None:
    with scene(kafka, tmp_path, records=1_000) as it, it.sidecar(DRAIN_TIMEOUT="4m") as sidecar:
        it.wait_taken(1_000)
        sidecar.wait_status(caught_up, "it is idle")
        drain(sidecar)
        it.assert_all_taken_once()


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_sigterm_under_load_commits_exactly_what_was_taken_and_the_next_takes_exactly_the_rest(
    kafka: RealKafka, tmp_path: Path, protocol: str
) -> None:
    settings = {"FLUSH__MAX_BATCH": "100", "BUFFER__MAX_MESSAGES": "2000", "KAFKA__GROUP_PROTOCOL": protocol}
    gate = threading.Event()
    with scene(kafka, tmp_path, behave=taking(20, then=held_until(gate)), records=20_000, settings=settings) as it:
        with it.sidecar() as first:
            it.wait_requests(21)
            first.sigterm()
            first.wait_status(lambda status: status["state"] == "draining", "the drain began")
            gate.set()
            assert_ended(first, 0)
        taken = len(it.app.ids)
        assert 0 < taken < 20_000
        it.assert_taken_once_and_committed()
        with it.sidecar() as second:
            it.wait_taken(20_000)
            drain(second)
            assert second.events("sidecar.stopped")[-1]["books"]["polled"] == 20_000 - taken
        it.assert_all_taken_once()


def test_a_second_sigterm_ends_it_at_once(kafka: RealKafka, tmp_path: Path) -> None:
    gate = threading.Event()
    with scene(kafka, tmp_path, behave=held_until(gate), records=1_000) as it, it.sidecar(DRAIN_TIMEOUT="4m") as sidecar:
        sidecar.wait_status(lambda status: status["books"]["in_flight"] > 0, "a flush is under way")
        sidecar.sigterm()
        sidecar.wait_status(lambda status: status["state"] == "draining", "the drain began")
        sidecar.sigterm()
        assert sidecar.wait_exit(LONG) == 128 + signal.SIGTERM
        gate.set()
        assert sum(it.committed().values()) == 0
