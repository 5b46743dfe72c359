from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.lifecycle.scene import LONG, assert_ended, drain, scene
from tests.parts.app import Application
from tests.parts.behaviour import accept, answer, hang_up, held_until, taking
from tests.parts.kafka import RealKafka

Fault = Callable[[Application, threading.Event], None]


def refuses_connections(app: Application, _over: threading.Event) -> None:
    app.go_down()


def accepts_and_never_answers(app: Application, over: threading.Event) -> None:
    app.behave = held_until(over, then=hang_up)


def hangs_up(app: Application, _over: threading.Event) -> None:
    app.behave = hang_up


def asks_for_an_hour(app: Application, _over: threading.Event) -> None:
    app.behave = answer(503, {"Retry-After": "3600"})


TAKEN = 20
"""Requests that are taken, and no more, so that none of them is under way when the fault begins."""


@pytest.mark.parametrize("fails", [refuses_connections, accepts_and_never_answers, hangs_up, asks_for_an_hour])
def test_a_drain_that_cannot_deliver_ends_at_its_deadline_with_3_and_the_next_sidecar_delivers_the_rest(
    kafka: RealKafka, tmp_path: Path, fails: Fault
) -> None:
    over = threading.Event()
    behave = taking(TAKEN, then=answer(503))
    with scene(kafka, tmp_path, behave=behave, records=10_000, settings={"FLUSH__MAX_BATCH": "100"}) as it:
        with it.sidecar(DRAIN_TIMEOUT="2s") as sidecar:
            sidecar.wait_status(lambda status: status["flow"]["retrying"] > 0, "all that are taken are", LONG)
            it.wait_requests(2 * TAKEN)
            fails(it.app, over)
            sidecar.sigterm()
            assert_ended(sidecar, 3)
            assert sidecar.events("drain.finished")[-1]["level"] == "warning"
            books = sidecar.events("sidecar.stopped")[-1]["books"]
        over.set()
        assert books["released"]["shutdown"] == books["polled"] - books["delivered"] > 0
        assert 0 < len(it.app.ids) == books["delivered"] < 10_000
        it.assert_taken_once_and_committed()
        it.app.behave = accept
        it.app.come_back()
        with it.sidecar() as sidecar:
            it.wait_taken(10_000)
            drain(sidecar)
        it.assert_all_taken_once()


def test_a_drain_delivers_the_rest_when_the_application_comes_back_in_time(kafka: RealKafka, tmp_path: Path) -> None:
    with scene(kafka, tmp_path, behave=answer(503), records=1_000) as it, it.sidecar(DRAIN_TIMEOUT="4m") as sidecar:
        sidecar.wait_status(lambda status: status["books"]["polled"] == 1_000, "all is polled")
        it.app.go_down()
        sidecar.sigterm()
        draining = sidecar.wait_status(
            lambda status: status["state"] == "draining" and status["breaker"]["state"] == "open", "the breaker opens"
        )
        assert draining["why"]["verdict"] == "held_by_operator"
        it.app.behave = accept
        it.app.come_back()
        assert_ended(sidecar, 0)
        it.assert_all_taken_once()


def test_retry_after_keeps_a_batch_back_and_the_rest_of_the_partition_behind_it(kafka: RealKafka, tmp_path: Path) -> None:
    with (
        scene(
            kafka,
            tmp_path,
            behave=answer(503, {"Retry-After": "3600"}),
            partitions=1,
            records=1_000,
            settings={"RETRY__MAX_WAIT": "3s"},
        ) as it,
        it.sidecar() as sidecar,
    ):
        waiting = sidecar.wait_status(lambda status: status["flow"]["retrying"] == 1, "a batch waits")
        assert waiting["why"]["verdict"] == "rate_limited"
        assert "503" in waiting["why"]["sentence"]
        it.app.behave = accept
        it.wait_taken(1_000)
        first, second = it.app.requests[:2]
        assert first.idempotency_key == second.idempotency_key
        drain(sidecar)
        it.assert_all_taken_once()
