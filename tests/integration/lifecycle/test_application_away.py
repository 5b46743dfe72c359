from __future__ import annotations

import threading
from pathlib import Path

from tests.integration.lifecycle.scene import LONG, drain, scene
from tests.parts.behaviour import accept, held_until
from tests.parts.kafka import RealKafka
from tests.parts.process import caught_up

POLL_INTERVAL = 6.0
"""Seconds: max.poll.interval.ms, and the session."""


def test_an_application_slower_than_the_poll_interval_and_the_session_costs_no_membership(
    kafka: RealKafka, tmp_path: Path
) -> None:
    settings = {
        "DRAIN_TIMEOUT": "5s",
        "KAFKA__MAX_POLL_INTERVAL_MS": f"{POLL_INTERVAL * 1000:.0f}",
        "KAFKA__SESSION_TIMEOUT_MS": f"{POLL_INTERVAL * 1000:.0f}",
        "BUFFER__MAX_MESSAGES": "500",
        "FLUSH__MAX_BATCH": "100",
        "WRITER__TIMEOUT": "5m",
    }
    gate = threading.Event()
    with scene(kafka, tmp_path, records=2_000, settings=settings) as it, it.sidecar() as sidecar:
        it.wait_taken(2_000)
        sidecar.wait_status(caught_up, "it is caught up")
        it.app.behave = held_until(gate)
        it.produce(4_000)
        held = sidecar.wait_status(
            lambda status: status["seconds_since_delivery"] > 2.5 * POLL_INTERVAL,
            "no delivery for two intervals and a half",
            LONG,
        )
        assert held["why"]["verdict"] == "downstream_slow"
        assert (held["kafka"]["assigned"], held["kafka"]["trouble"]) == (4, None)
        gate.set()
        it.wait_taken(6_000)
        rebalances = {kind: sidecar.metric("sidecar_rebalances_total", kind=kind) for kind in ("assigned", "revoked", "lost")}
        assert rebalances == {"assigned": 1, "revoked": 0, "lost": 0}
        drain(sidecar)
        it.assert_all_taken_once()


def test_an_application_that_is_down_for_thirty_seconds_costs_nothing_and_the_status_says_why_it_lags(
    kafka: RealKafka, tmp_path: Path
) -> None:
    with (
        scene(kafka, tmp_path, records=2_000, settings={"RETRY__MAX_WAIT": "2s", "BUFFER__MAX_MESSAGES": "500"}) as it,
        it.sidecar() as sidecar,
    ):
        it.wait_taken(2_000)
        sidecar.wait_status(caught_up, "it is caught up")
        it.app.go_down()
        it.produce(4_000)
        down = sidecar.wait_status(
            lambda status: status["seconds_since_delivery"] > 30 and (status["lag"]["seconds"] or 0) > 20,
            "thirty seconds without delivery, and twenty of lag: what is to be delivered came later than the last of that",
            LONG,
        )
        assert down["why"]["verdict"] == "downstream_down"
        assert "refused" in down["why"]["sentence"]
        assert down["lag"]["records"] == 4_000
        assert down["books"]["unaccounted"] == 0
        assert down["buffer"]["records"] <= 500
        assert {sidecar.get(path)[0] for path in ("/startupz", "/livez", "/readyz")} == {200}
        assert sidecar.metric("sidecar_breaker_state", state="closed") == 0
        it.app.behave = accept
        it.app.come_back()
        it.wait_taken(6_000)
        sidecar.wait_status(caught_up, "the lag is gone")
        assert sidecar.metric("sidecar_lag_records") == 0
        told = sidecar.events("flush.failed")
        assert 0 < len(told) < sum(line.get("repeated", 1) for line in told)  # not one line an attempt
        drain(sidecar)
        it.assert_all_taken_once()
