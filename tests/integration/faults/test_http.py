"""Faults 37 to 41: an application that fails, limits, refuses, takes without an answer, is slow, hangs, or takes a part."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.integration.lifecycle.scene import LONG, drain, scene
from tests.parts.behaviour import Behaviour, Reply, Request, accept, answer, failing, hang_up, held_until, slow
from tests.parts.kafka import RealKafka
from tests.parts.process import RunningSidecar, caught_up
from tests.parts.waiting import wait_for

RECORDS = 5_000


def every_other(reply: Reply) -> Behaviour:
    """Answer each second request with ``reply``, and take the others."""
    return lambda request: accept(request) if request.number % 2 else reply


def is_open(status: Any) -> bool:
    return bool(status["breaker"]["state"] == "open")


@pytest.mark.parametrize("status", [500, 503, 429])
def test_fault_37_an_application_that_fails_half_of_the_time_costs_no_record_and_no_order(
    kafka: RealKafka, tmp_path: Path, status: int
) -> None:
    with (
        scene(kafka, tmp_path, behave=every_other(Reply(status)), settings={"FLUSH__MAX_BATCH": "100"}) as it,
        it.sidecar() as sidecar,
    ):
        it.produce(RECORDS)
        it.wait_taken(RECORDS)
        sidecar.wait_status(caught_up, "it is caught up", LONG)
        assert [line for line in sidecar.events("flush.failed") if str(status) in line["reason"]]
        drain(sidecar)
        it.assert_all_taken_once()


def test_fault_37_a_wait_that_is_asked_for_is_kept(kafka: RealKafka, tmp_path: Path) -> None:
    asked = 2
    came: dict[str, list[float]] = defaultdict(list)

    def busy_at_first(request: Request) -> Reply:
        times = came[request.idempotency_key or ""]
        times.append(time.monotonic())
        return Reply(503, {"Retry-After": str(asked)}) if len(times) == 1 else Reply()

    settings = {"RETRY__MAX_WAIT": "10s"}
    with scene(kafka, tmp_path, behave=busy_at_first, records=100, settings=settings) as it, it.sidecar() as sidecar:
        it.wait_taken(100)
        sidecar.wait_status(caught_up, "it is caught up", LONG)
        drain(sidecar)
        it.assert_all_taken_once()
    repeated = [times for times in came.values() if len(times) > 1]
    assert repeated
    assert all(second - first >= asked for first, second, *_ in repeated)


@pytest.mark.parametrize("status", [401, 403])
def test_fault_37_an_application_that_lets_nobody_in_is_waited_for_and_nothing_is_skipped(
    kafka: RealKafka, tmp_path: Path, status: int
) -> None:
    with (
        scene(kafka, tmp_path, behave=answer(status), records=RECORDS, settings={"ON_POISON": "drop"}) as it,
        it.sidecar() as sidecar,
    ):
        shut = sidecar.wait_status(is_open, "the breaker is open", LONG)
        assert str(status) in shut["breaker"]["reason"]
        assert shut["books"]["dropped"] == {}
        assert it.committed() == dict.fromkeys(range(it.partitions), 0)
        it.app.behave = accept
        it.wait_taken(RECORDS)
        sidecar.wait_status(caught_up, "it is caught up", LONG)
        drain(sidecar)
        it.assert_all_taken_once()


def test_fault_37_one_record_that_is_refused_among_thousands_is_found_and_only_it_is_missing(
    kafka: RealKafka, tmp_path: Path
) -> None:
    bad = 1_234

    def refuse_one(request: Request) -> Reply:
        return Reply(400) if any(line["value"]["id"] == bad for line in request.lines) else Reply()

    with (
        scene(kafka, tmp_path, behave=refuse_one, records=RECORDS, settings={"ON_POISON": "drop"}) as it,
        it.sidecar() as sidecar,
    ):
        it.wait_taken(RECORDS - 1)
        sidecar.wait_status(caught_up, "it is caught up", LONG)
        drain(sidecar)
        [dropped] = sidecar.events("records.dropped")
        assert (dropped["records"], dropped["reason"]) == (1, "poison")
        assert sorted(it.app.ids) == [number for number in range(RECORDS) if number != bad]
        it.app.assert_in_order()
        assert it.committed() == it.log_ends()


class Forgetful:
    """Takes every batch, and cuts the connection instead of answering the first time that it comes."""

    def __init__(self) -> None:
        self.by_key: dict[str, list[list[tuple[int, int]]]] = defaultdict(list)
        self._lock = threading.Lock()

    def __call__(self, request: Request) -> Reply:
        with self._lock:
            came = self.by_key[request.idempotency_key or ""]
            came.append([(line["partition"], line["offset"]) for line in request.lines])
            return hang_up(request) if len(came) == 1 else accept(request)


def test_fault_38_what_is_taken_without_an_answer_comes_again_under_the_same_name(kafka: RealKafka, tmp_path: Path) -> None:
    forgetful = Forgetful()
    with (
        scene(kafka, tmp_path, behave=forgetful, records=RECORDS, settings={"FLUSH__MAX_BATCH": "500"}) as it,
        it.sidecar() as sidecar,
    ):
        it.wait_taken(RECORDS)
        sidecar.wait_status(caught_up, "it is caught up", LONG)
        drain(sidecar)
        it.assert_all_taken_once()  # of what was answered; the application itself has taken it before
    assert all(len(came) > 1 and came[0] == came[-1] for came in forgetful.by_key.values())
    names = [place for came in forgetful.by_key.values() for place in came[0]]
    assert len(names) == len(set(names)) == RECORDS  # by name, each is there once


def test_fault_39_an_application_that_is_ten_times_slower_for_a_while_costs_no_membership_and_no_memory(
    kafka: RealKafka, tmp_path: Path
) -> None:
    settings = {"BUFFER__MAX_MESSAGES": "2000", "FLUSH__MAX_BATCH": "100", "FLUSH__MAX_IN_FLIGHT": "4"}
    with scene(kafka, tmp_path, behave=slow(0.02), records=2_000, settings=settings) as it, it.sidecar() as sidecar:
        it.wait_taken(2_000)
        it.app.behave = slow(0.2)
        it.produce(20_000)
        full = sidecar.wait_status(lambda status: status["state"] in ("critical", "blocked"), "it is full", LONG)
        assert full["buffer"]["records"] <= 2_000
        it.app.behave = slow(0.02)
        it.wait_taken(22_000)
        sidecar.wait_status(lambda status: caught_up(status) and status["state"] == "normal", "it is as it was", LONG)
        rebalances = {kind: sidecar.metric("sidecar_rebalances_total", kind=kind) for kind in ("revoked", "lost")}
        assert rebalances == {"revoked": 0, "lost": 0}
        drain(sidecar)
        it.assert_all_taken_once()


def test_fault_40_an_application_that_never_answers_is_probed_with_one_batch_at_a_time(kafka: RealKafka, tmp_path: Path) -> None:
    gate = threading.Event()
    sizes: list[int] = []

    def hang(request: Request) -> Reply:
        sizes.append(len(request.lines))
        return held_until(gate, then=hang_up)(request)

    settings = {"WRITER__TIMEOUT": "500ms", "FLUSH__MAX_BATCH": "200"}
    with scene(kafka, tmp_path, behave=hang, records=RECORDS, settings=settings) as it, it.sidecar() as sidecar:
        first, already = wait_for(lambda: between_probes(sidecar, sizes, 1), "the breaker is open after a probe", LONG)
        probes, came = wait_for(lambda: between_probes(sidecar, sizes, first + 3), "it is open after three probes more", LONG)
        assert came - already == probes - first
        it.app.behave = accept
        gate.set()
        it.wait_taken(RECORDS)
        sidecar.wait_status(caught_up, "it is caught up", LONG)
        drain(sidecar)
        it.assert_all_taken_once()


def between_probes(sidecar: RunningSidecar, came: Sequence[object], least: int) -> Sequence[int]:
    """Count the probes and what came, at a moment after ``least`` probes when none was on its way; nothing where this is no such moment."""
    told, requests = sidecar.events("breaker.changed"), len(came)
    probes = sum(line["new"] == "half_open" for line in told)
    if probes < least or told[-1]["new"] != "open" or sidecar.events("breaker.changed") != told:
        return ()
    return probes, requests


def test_fault_41_of_a_batch_that_is_taken_in_part_only_the_rest_comes_again(kafka: RealKafka, tmp_path: Path) -> None:
    came: list[Sequence[tuple[int, int]]] = []
    late = [(0, offset) for offset in range(0, 50, 10)]

    def refuse_some_at_first(request: Request) -> Reply:
        places = [(line["partition"], line["offset"]) for line in request.lines]
        came.append(places)
        new = [(it.topic, *place) for place in places if place in late and sum(place in each for each in came) == 1]
        return failing(new, "retry")(request) if new else Reply()

    with scene(kafka, tmp_path, partitions=1) as it:
        it.app.behave = refuse_some_at_first
        it.produce(100)
        with it.sidecar() as sidecar:
            it.wait_taken(100)
            sidecar.wait_status(caught_up, "it is caught up", LONG)
            drain(sidecar)
        assert sorted(it.app.ids) == list(range(100))
    repeated = [place for place in {place for each in came for place in each} if sum(place in each for each in came) > 1]
    assert sorted(repeated) == late
