"""Exactly once: crashes at named points, owners that wake up when another one has written, instances that come and go."""

from __future__ import annotations

import signal
import socket
import threading
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.contract.listener import Listener, Script
from tests.contract.postgresql.stage import relay
from tests.integration.faults.tables import LONG, PARTITIONS, Table
from tests.integration.lifecycle.scene import assert_ended, drain, has
from tests.parts.kafka import RealKafka
from tests.parts.process import RunningSidecar, caught_up
from tests.parts.topics import committed
from tests.parts.waiting import free_port, wait_for

ROUNDS = 8
LOAD = 4_000

MEMBER = {
    "KAFKA__SESSION_TIMEOUT_MS": "6000",
    "KAFKA__HEARTBEAT_INTERVAL_MS": "500",
    "FLUSH__MAX_BATCH": "100",
}

ONE_AT_A_TIME = {"FLUSH__MAX_IN_FLIGHT": "1"}
"""So that the flush which is stopped is the only one, and no other is stopped with a lock in its hands."""


class Trap:
    """A network in front of the database that, once armed, sends a signal to the process that says ``at`` the ``times``-th time.

    With ``forward`` the database gets that piece. Else it waits until the trap is opened, as it does in the process that is stopped.
    """

    def __init__(self, table: Table, at: bytes, *, forward: bool) -> None:
        self._server = urlsplit(table.url)
        self._at = at
        self._forward = forward
        self._armed: tuple[RunningSidecar, signal.Signals] | None = None
        self._left = 0
        self._lock = threading.Lock()
        self.sprung = threading.Event()
        self.opened = threading.Event()
        self.port = free_port()
        server = self._server
        self.url = server._replace(netloc=f"{server.username}:{server.password}@127.0.0.1:{self.port}").geturl()

    @property
    def script(self) -> Script:
        """What the listener at the port does."""
        return relay(self._server.port or 5432, self._passed)

    def arm(self, sidecar: RunningSidecar, number: signal.Signals, times: int) -> None:
        """Wait for it."""
        with self._lock:
            self.sprung.clear()
            self._armed, self._left = (sidecar, number), times

    def _passed(self, piece: bytes, onward: socket.socket) -> bool:
        springs = self._at in piece and self._springs()
        if self._forward or not springs:
            onward.sendall(piece)
        if springs:
            self.sprung.set()
            self.opened.wait(LONG)
            if not self._forward:
                onward.sendall(piece)
        return True

    def _springs(self) -> bool:
        """Send the signal when it is time; it is sent before the piece goes anywhere."""
        with self._lock:
            self._left -= 1
            if self._armed is None or self._left > 0:
                return False
            (sidecar, number), self._armed = self._armed, None
            sidecar.child.send(number)
            return True


@pytest.mark.parametrize(
    ("at", "forward"),
    [
        pytest.param(b"BEGIN", False, id="before a flush"),
        pytest.param(b"PGCOPY", False, id="after the offsets and before the rows"),
        pytest.param(b"COMMIT", False, id="before the COMMIT arrives"),
        pytest.param(b"COMMIT", True, id="after the COMMIT was sent"),
    ],
)
def test_a_process_that_is_killed_at_a_named_point_again_and_again_writes_each_record_once(
    it: Table, kafka: RealKafka, at: bytes, *, forward: bool
) -> None:
    """Each of these is before the commit to Kafka of what was written last."""
    trap = Trap(it, at, forward=forward)
    trap.opened.set()
    settings = {**MEMBER, "KAFKA__GROUP_INSTANCE_ID": "pod-0"}  # the next process takes the place of the dead one at once
    behind = 0
    with Listener(trap.port, trap.script):
        for each in range(ROUNDS):
            it.produce(LOAD)
            with it.sidecar(trap.url, **settings) as sidecar:
                trap.arm(sidecar, signal.SIGKILL, 3 + each)
                assert sidecar.wait_exit(LONG) == -signal.SIGKILL
            stored = dict(it.query("SELECT partition, next_offset FROM {o}"))
            known = committed(kafka.bootstrap, it.group, it.topic)
            assert all(known.get(partition, 0) <= stored.get(partition, 0) for partition in range(PARTITIONS))
            behind += known != stored
        with it.sidecar(trap.url, **settings) as sidecar:
            sidecar.wait_status(caught_up, "it is caught up", LONG)
            drain(sidecar)
    assert behind > 0
    it.assert_each_once()


def test_an_owner_that_was_stopped_in_a_flush_and_wakes_up_after_another_one_has_written_is_fenced(it: Table) -> None:
    trap = Trap(it, b"BEGIN", forward=False)
    with Listener(trap.port, trap.script), it.sidecar(trap.url, **MEMBER, **ONE_AT_A_TIME) as zombie:
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
            for sidecar in (zombie, heir):
                sidecar.wait_status(caught_up, "they are caught up", LONG)
            drain(zombie)
            heir.wait_status(lambda status: owns(status, PARTITIONS) and caught_up(status), "it has all again", LONG)
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
        first.wait_status(lambda status: owns(status, PARTITIONS) and caught_up(status), "it has all again", LONG)
        drain(first)
    it.assert_each_once()


def owns(status: Any, partitions: int) -> bool:
    """Whether a sidecar has so many partitions."""
    return bool(status["kafka"]["assigned"] == partitions)
