from __future__ import annotations

from dataclasses import replace

import pytest

from sidecar.http.probes import Readiness, liveness, readiness, startup
from sidecar.runtime.report import Report
from tests.unit.observe.reports import FLOW, NOW, a_report, a_snapshot

STARTED = a_report(phase="joining", joined=False, assigned_now=False)
RUNNING = a_report()
REVOKED = a_report(assigned_now=False)
KAFKA_AWAY = a_report(trouble="no broker answers")
DOWNSTREAM_DOWN = a_report(a_snapshot(flow=replace(FLOW, breaker="open", breaker_reason="connection refused")))
DRAINING = a_report(a_snapshot(draining=True), phase="draining")
DRAIN_BEGUN = a_report(a_snapshot(draining=True))
STOPPED = a_report(phase="stopped")
DRAINED = a_report(a_snapshot(draining=True), phase="drained")
MARKED = a_report(phase="drained", joined=False, assigned_now=False, waits_for="the pod was draining")
WAITING = a_report(phase="waiting", joined=False, assigned_now=False, waits_for="waits for the application: refused")
APP_UNHEALTHY = a_report(a_snapshot(asked_holds={"app": "http://app answers 503"}))
PAUSED = a_report(a_snapshot(asked_holds={"operator": "POST /pause", "quiesce": "/drain"}))


def test_startup_waits_for_the_loop_and_for_nothing_else() -> None:
    assert not startup(None).yes
    assert startup(STARTED).yes
    assert startup(a_report(phase="starting", trouble="no broker answers")).yes


@pytest.mark.parametrize("report", [STARTED, RUNNING, REVOKED, KAFKA_AWAY, DOWNSTREAM_DOWN, WAITING, APP_UNHEALTHY, PAUSED])
def test_liveness_looks_at_the_heartbeat_alone(report: Report) -> None:
    assert liveness(report, NOW + 30.0, limit=30.0).yes
    assert not liveness(report, NOW + 30.1, limit=30.0).yes


def test_a_lost_heartbeat_is_told_with_its_age() -> None:
    assert liveness(RUNNING, NOW + 42.0, limit=30.0).text == "no heartbeat of the consumer loop for 42.0 s (limit 30 s)"


@pytest.mark.parametrize("report", [None, DRAINING, DRAINED, MARKED, STOPPED])
def test_before_the_loop_and_on_the_way_out_there_is_no_heartbeat_to_miss(report: Report | None) -> None:
    assert liveness(report, NOW + 3600.0, limit=30.0).yes


@pytest.mark.parametrize(
    ("report", "process", "latched", "strict"),
    [
        (None, False, False, False),
        (STARTED, True, False, False),
        (RUNNING, True, True, True),
        (REVOKED, True, True, False),
        (KAFKA_AWAY, True, True, False),
        (DOWNSTREAM_DOWN, True, True, False),
        (DRAINING, False, False, False),
        (DRAIN_BEGUN, False, False, False),
        (STOPPED, False, False, False),
        (DRAINED, False, False, False),
        (MARKED, False, False, False),
        (WAITING, True, False, False),
        (APP_UNHEALTHY, True, True, False),
        (PAUSED, True, True, True),
    ],
)
def test_readiness_follows_its_policy(report: Report | None, *, process: bool, latched: bool, strict: bool) -> None:
    assert readiness(report, Readiness.PROCESS).yes is process
    assert readiness(report, Readiness.LATCHED).yes is latched
    assert readiness(report, Readiness.STRICT).yes is strict


@pytest.mark.parametrize(
    ("report", "policy", "text"),
    [
        (STARTED, Readiness.LATCHED, "waiting for the first assignment of partitions"),
        (replace(STARTED, trouble="no broker answers"), Readiness.LATCHED, "no broker answers"),
        (REVOKED, Readiness.STRICT, "no partitions are assigned"),
        (DOWNSTREAM_DOWN, Readiness.STRICT, "the downstream is down: connection refused"),
        (DRAINING, Readiness.PROCESS, "draining"),
        (DRAINED, Readiness.PROCESS, "draining: it is done, and waits for SIGTERM"),
        (MARKED, Readiness.PROCESS, "draining: the pod was draining"),
        (WAITING, Readiness.LATCHED, "waits for the application: refused"),
        (WAITING, Readiness.STRICT, "waits for the application: refused"),
        (APP_UNHEALTHY, Readiness.STRICT, "the application is not healthy: http://app answers 503"),
    ],
)
def test_a_process_that_is_not_ready_says_why(report: Report, policy: Readiness, text: str) -> None:
    assert readiness(report, policy).text == text
