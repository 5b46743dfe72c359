from __future__ import annotations

import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sidecar.runtime.marker import Marker
from tests.integration.lifecycle.scene import LONG, Scene, assert_ended, drain, scene
from tests.parts.behaviour import Reply, answer, held_until, taking
from tests.parts.kafka import RealKafka
from tests.parts.process import SidecarProcess

SMALL_BATCHES = {"FLUSH__MAX_BATCH": "100", "BUFFER__MAX_MESSAGES": "2000"}
TAKEN = 10
"""Requests that are taken before all others are held, so that what happens then happens under load."""

PATIENT = {"APP__HEALTH_INTERVAL": "50ms", "APP__HEALTH_TIMEOUT": "30s"}
"""An application that is only late on a busy machine is not one that is ill."""

REBALANCES = ("assigned", "revoked", "lost")


def rebalances(sidecar: SidecarProcess) -> dict[str, float]:
    return {kind: sidecar.metric("sidecar_rebalances_total", kind=kind) for kind in REBALANCES}


def assert_nothing_moves(it: Scene, sidecar: SidecarProcess, reason: str) -> None:
    """Assert that all partitions are held for ``reason``, and that what is committed is what was taken: nothing is on its way."""
    status = sidecar.get("/status")[1]
    assert {tuple(partition["holds"]) for partition in status["partitions"]} == {(reason,)}
    assert status["books"]["buffered"] == status["books"]["in_flight"] == 0
    it.assert_taken_once_and_committed()


def test_a_quiesce_under_load_empties_and_commits_keeps_the_membership_and_goes_on_without_loss_or_repeats(
    kafka: RealKafka, tmp_path: Path
) -> None:
    gate = threading.Event()
    behave = taking(TAKEN, then=held_until(gate))
    with scene(kafka, tmp_path, behave=behave, records=20_000, settings=SMALL_BATCHES) as it, it.sidecar() as sidecar:
        it.wait_requests(TAKEN + 1)
        assert sidecar.post("/drain")[1]["drained"] is False
        gate.set()
        code, quiet = sidecar.post("/drain?wait=20s")
        taken = len(it.app.ids)
        assert (code, quiet["kind"]) == (200, "quiesce")
        assert (quiet["drained"], quiet["committed"], quiet["buffered"], quiet["in_flight"]) == (True, True, 0, 0)
        assert_nothing_moves(it, sidecar, "quiesce")
        assert 0 < taken == len(it.app.ids) < 20_000
        before = rebalances(sidecar)
        assert sidecar.get("/livez")[0] == sidecar.get("/readyz")[0] == 200
        assert sidecar.post("/drain?wait")[1]["drained"]  # again: joined
        assert sidecar.post("/resume")[1]["holds"] == {}
        it.wait_taken(20_000)
        assert rebalances(sidecar) == before == {"assigned": 1, "revoked": 0, "lost": 0}
        drain(sidecar)
        it.assert_all_taken_once()


def test_a_terminal_drain_leaves_the_group_and_the_process_stays_until_sigterm(kafka: RealKafka, tmp_path: Path) -> None:
    gate = threading.Event()
    with scene(kafka, tmp_path, behave=taking(TAKEN, then=held_until(gate)), records=20_000, settings=SMALL_BATCHES) as it:
        with it.sidecar() as first:
            it.wait_requests(TAKEN + 1)
            assert first.post("/drain?terminal")[1]["drained"] is False
            gate.set()
            code, drained = first.post("/drain?terminal&wait")
            assert (code, drained["kind"], drained["drained"], drained["committed"]) == (200, "terminal", True, True)
            assert first.get("/livez") == (200, "drained\n")
            assert first.get("/readyz") == (503, "draining: it is done, and waits for SIGTERM\n")
            it.assert_taken_once_and_committed()
            assert first.post("/resume")[0] == 409
            assert first.post("/drain")[1]["kind"] == "terminal"
            taken = len(it.app.ids)
            assert taken < 20_000
            with it.sidecar() as second:  # the group is free while the first one still runs
                it.wait_taken(20_000)
                assert first.child.running
                drain(second)
                assert second.events("sidecar.stopped")[-1]["books"]["polled"] == 20_000 - taken
            first.sigterm()
            assert_ended(first, 0)
        it.assert_all_taken_once()


def test_two_hooks_and_a_signal_join_one_drain(kafka: RealKafka, tmp_path: Path) -> None:
    gate = threading.Event()
    with (
        scene(kafka, tmp_path, behave=held_until(gate), records=1_000, settings=SMALL_BATCHES) as it,
        it.sidecar() as sidecar,
        ThreadPoolExecutor() as hooks,
    ):
        sidecar.wait_status(lambda status: status["books"]["in_flight"] > 0, "a flush is under way")
        of_the_app = hooks.submit(sidecar.post, "/drain?wait=20s")
        sidecar.wait_status(lambda status: status["drain"] is not None, "the quiesce has begun")
        our_own = hooks.submit(sidecar.post, "/drain?terminal&wait=20s")
        sidecar.wait_status(lambda status: status["state"] == "draining", "the drain has begun")
        sidecar.sigterm()
        gate.set()
        answers = [of_the_app.result(LONG)[1], our_own.result(LONG)[1]]
        assert [(each["kind"], each["drained"]) for each in answers] == [("terminal", True)] * 2
        assert_ended(sidecar, 0)
        assert len(sidecar.events("drain.started")) == 1
        it.assert_taken_once_and_committed()


def test_a_drain_that_a_hook_began_and_that_cannot_deliver_is_over_at_its_deadline_and_releases_the_rest(
    kafka: RealKafka, tmp_path: Path
) -> None:
    with (
        scene(kafka, tmp_path, behave=answer(503), records=1_000, settings=SMALL_BATCHES) as it,
        it.sidecar(DRAIN_TIMEOUT="2s") as sidecar,
    ):
        sidecar.wait_status(lambda status: status["flow"]["retrying"] > 0, "flushes fail", LONG)
        it.app.go_down()
        begun = sidecar.post("/drain?terminal")[1]
        assert (begun["drained"], begun["kind"]) == (False, "terminal")
        over = sidecar.wait_status(lambda status: status["phase"] == "drained", "the drain is over", LONG)
        assert (over["drain"]["done"], over["drain"]["expired"]) == (True, True)
        assert sidecar.post("/drain?terminal&wait")[1]["drained"] is False
        assert set(over["books"]["released"]) == {"shutdown"}
        assert not any(over["books"]["dropped"].values())
        assert over["books"]["dead_lettered"] == 0
        assert sum(it.committed().values()) == 0
        assert sidecar.child.running
        sidecar.sigterm()
        assert_ended(sidecar, 3)


def test_a_pause_delivers_what_is_here_and_takes_no_more_until_it_is_resumed(kafka: RealKafka, tmp_path: Path) -> None:
    gate = threading.Event()
    behave = taking(TAKEN, then=held_until(gate))
    with scene(kafka, tmp_path, behave=behave, records=20_000, settings=SMALL_BATCHES) as it, it.sidecar() as sidecar:
        it.wait_requests(TAKEN + 1)
        assert sidecar.post("/pause")[1]["in_flight"] > 0
        gate.set()
        paused = sidecar.post("/pause?wait=20s")
        assert paused == (200, {"holds": {"operator": "POST /pause"}, "buffered": 0, "in_flight": 0})
        taken = len(it.app.ids)
        assert_nothing_moves(it, sidecar, "operator")
        assert taken < 20_000
        it.produce(1_000)
        sidecar.wait_status(lambda status: (status["lag"]["records"] or 0) == 21_000 - taken, "the lag grows", LONG)
        assert len(it.app.ids) == taken
        assert sidecar.post("/resume")[0] == 200
        it.wait_taken(21_000)
        drain(sidecar)
        it.assert_all_taken_once()
        assert [line["reason"] for line in sidecar.events("hold.began")] == ["operator"]


def test_the_group_is_joined_once_the_application_is_healthy_and_held_while_it_is_not(kafka: RealKafka, tmp_path: Path) -> None:
    with scene(kafka, tmp_path, records=1_000) as it:
        it.app.health = Reply(503)
        with it.sidecar(APP__HEALTH_URL=it.app.health_url, **PATIENT) as sidecar:
            waiting = sidecar.wait_status(lambda status: "503" in (status["waits_for"] or ""), "it waits for the application")
            assert (waiting["phase"], waiting["kafka"]["joined"]) == ("waiting", False)
            assert {path: sidecar.get(path)[0] for path in ("/startupz", "/livez", "/readyz")} == {
                "/startupz": 200,
                "/livez": 200,
                "/readyz": 503,
            }
            assert it.app.requests == ()
            it.app.health = Reply(200)
            it.wait_taken(1_000)
            sidecar.wait_status(lambda status: status["lag"]["records"] == 0, "it is caught up", LONG)
            it.app.health = Reply(500)
            sidecar.wait_status(lambda status: "app" in status["holds"], "it holds", LONG)
            it.produce(1_000)
            held = sidecar.wait_status(lambda status: status["lag"]["records"] == 1_000, "the lag grows", LONG)
            assert held["kafka"]["assigned"] == it.partitions
            assert sidecar.get("/readyz")[0] == 200  # latched
            it.app.health = Reply(204)
            it.wait_taken(2_000)
            assert rebalances(sidecar) == {"assigned": 1, "revoked": 0, "lost": 0}
            drain(sidecar)
            assert [line["reason"] for line in sidecar.events("hold.began")] == ["app", "app"]
        it.assert_all_taken_once()


def test_a_quiesce_by_the_hook_of_an_application_that_only_restarts_ends_when_it_is_healthy_again(
    kafka: RealKafka, tmp_path: Path
) -> None:
    gate = threading.Event()
    with scene(kafka, tmp_path, behave=taking(TAKEN, then=held_until(gate)), records=20_000, settings=SMALL_BATCHES) as it:
        with it.sidecar(APP__HEALTH_URL=it.app.health_url, **PATIENT) as sidecar:
            it.wait_requests(TAKEN + 1)
            assert sidecar.post("/drain")[1]["drained"] is False
            gate.set()
            assert sidecar.post("/drain?wait=20s")[1]["drained"]
            assert len(it.app.ids) < 20_000
            it.app.go_down()
            sidecar.wait_status(lambda status: set(status["holds"]) == {"quiesce", "app"}, "it sees that", LONG)
            it.app.come_back()
            it.wait_taken(20_000)
            assert sidecar.get("/status")[1]["drain"] is None
            drain(sidecar)
        it.assert_all_taken_once()


def test_a_marker_of_this_pod_keeps_the_next_process_out_of_the_group_until_the_grace_period_is_over(
    kafka: RealKafka, tmp_path: Path
) -> None:
    marker = tmp_path / "drain"
    with scene(kafka, tmp_path, records=1_000, settings={"DRAIN_MARKER": str(marker), "DRAIN_TIMEOUT": "2s"}) as it:
        with it.sidecar(GRACE_PERIOD="4s") as killed:
            it.wait_taken(1_000)
            assert killed.post("/drain?terminal&wait")[1]["drained"]
            assert marker.exists()
            assert killed.events("grace_period.too_short")[0]["level"] == "error"
            killed.sigkill()
        it.produce(500)
        Marker(marker, bound=4.0).write(time.time() + LONG)  # its whole time is still to come whenever the next process begins
        with it.sidecar(GRACE_PERIOD="4s") as second:
            marked = second.wait_status(lambda status: status["waits_for"] is not None, "it heeds the marker")
            assert (marked["phase"], marked["kafka"]["joined"]) == ("drained", False)
            assert second.get("/livez")[0] == 200
            assert second.get("/readyz")[0] == 503
            assert "the pod was draining" in second.get("/readyz")[1]
            it.wait_taken(1_500)  # it joins when the pod has outlived its grace period
            drain(second)
        Marker(marker, bound=4.0).write(time.time() - LONG)
        with it.sidecar() as third:
            third.wait_status(lambda status: status["kafka"]["joined"], "an old marker is no obstacle", LONG)
            assert not marker.exists()
            assert third.events("drain.marked") == []
            drain(third)
        it.assert_all_taken_once()


def test_a_signal_ends_a_process_at_once_that_a_marker_keeps_out_of_the_group(kafka: RealKafka, tmp_path: Path) -> None:
    with scene(kafka, tmp_path, settings={"DRAIN_MARKER": str(tmp_path / "drain")}) as it:
        with it.sidecar() as first:
            first.wait_ready()
            assert first.post("/drain?terminal&wait")[1]["drained"]
            first.sigterm()
            assert_ended(first, 0)
        with it.sidecar() as second:
            second.wait_status(lambda status: status["phase"] == "drained", "it heeds the marker")
            second.child.send(signal.SIGTERM)
            assert_ended(second, 0)
