from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from tests.parts.app import Application
from tests.parts.behaviour import held_until
from tests.parts.environ import sidecar_environ
from tests.parts.kafka import RealKafka
from tests.parts.process import SidecarProcess, caught_up
from tests.parts.topics import create_topic, fresh_name, produce_numbered
from tests.parts.waiting import free_port, wait_for

PER_TOPIC: dict[str, list[dict[str, str]]] = {
    "sidecar_records_polled_total": [{}],
    "sidecar_records_delivered_total": [{}],
    "sidecar_records_dead_lettered_total": [{}],
    "sidecar_records_dropped_total": [
        {"reason": reason, "intent": intent}
        for intent, reasons in {
            "policy": ("sample", "expired"),
            "overload": ("drop_oldest", "drop_newest", "max_block"),
            "poison": ("poison",),
        }.items()
        for reason in reasons
    ],
    "sidecar_topic_records_buffered": [{}],
    "sidecar_records_released_total": [{"reason": reason} for reason in ("revoked", "lost", "shutdown", "stopped")],
}
"""The outcomes: there from the start, at 0, so that a rate sees the first one."""

OF_THE_PROCESS: dict[str, list[dict[str, str]]] = {
    "sidecar_records_buffered": [{}],
    "sidecar_records_in_flight": [{}],
    "sidecar_unaccounted_records": [{}],
    "sidecar_buffer_bytes": [{}],
    "sidecar_buffer_utilization_ratio": [{}],
    "sidecar_record_age_seconds_count": [{}],
    "sidecar_flush_batch_records_count": [{}],
    "sidecar_holds_total": [{}],
    "sidecar_hold_seconds_total": [
        {"reason": reason} for reason in ("buffer", "room", "breaker", "drain", "stopped", "quiesce", "operator", "app")
    ],
    "sidecar_drains_total": [{"result": "drained"}, {"result": "expired"}],
    "sidecar_kafka_trouble": [{}],
    "sidecar_drain_duration_seconds": [{}],
    "sidecar_pauses_total": [{}],
    "sidecar_fetched_bytes_total": [{}],
    "sidecar_refetched_bytes_total": [{}],
}
"""At 0 while nothing came."""

OF_THE_MOMENT: dict[str, list[dict[str, str]]] = {
    "sidecar_state": [{"state": state} for state in ("normal", "elevated", "critical", "blocked", "draining")],
    "sidecar_breaker_state": [{"state": state} for state in ("closed", "open", "half_open")],
    "sidecar_flush_duration_seconds_count": [{"outcome": "delivered"}, {"outcome": "retriable"}],
    "sidecar_flush_interval_seconds": [{}],
    "sidecar_flush_concurrency_limit": [{}],
    "sidecar_flush_concurrency_max": [{}],
    "sidecar_flush_batch_target_records": [{}],
    "sidecar_flush_queued_batches": [{}],
    "sidecar_flush_decisions_total": [
        {"dial": dial, "direction": way} for dial in ("batch", "interval", "concurrency") for way in ("up", "down")
    ],
    "sidecar_commits_total": [{"result": "ok"}, {"result": "failed"}],
    "sidecar_rebalances_total": [{"kind": kind} for kind in ("assigned", "revoked", "lost")],
    "sidecar_loop_seconds_total": [{"doing": doing} for doing in ("polling", "waiting", "working")],
    "sidecar_memory_limit_bytes": [{}],
    "sidecar_drain_timeout_seconds": [{}],
    "sidecar_build_info": [{"version": "0.1.0"}],
}


def test_every_metric_is_there_before_the_first_record_and_every_outcome_at_zero(kafka: RealKafka, tmp_path: Path) -> None:
    topic = fresh_name("orders")
    create_topic(kafka.bootstrap, topic)
    with SidecarProcess(sidecar_environ(kafka.bootstrap, topic, "discard:"), tmp_path) as sidecar:
        sidecar.wait_status(caught_up, "the empty topic is caught up")
        found = sidecar.metrics()

        for name, all_labels in PER_TOPIC.items():
            for labels in all_labels:
                assert found[name, frozenset({"topic": topic, **labels}.items())] == 0, (name, labels)
        for name, all_labels in OF_THE_PROCESS.items():
            for labels in all_labels:
                assert found[name, frozenset(labels.items())] == 0, (name, labels)
        for name, all_labels in OF_THE_MOMENT.items():
            for labels in all_labels:
                assert (name, frozenset(labels.items())) in found, (name, labels)

        place = {"topic": topic, "partition": "0"}
        assert sidecar.metric("sidecar_lag_records", **place) == 0
        assert sidecar.metric("sidecar_lag_seconds", **place) == 0
        verdicts = {dict(labels)["verdict"] for name, labels in found if name == "sidecar_verdict"}
        assert verdicts in ({"ok"}, {"idle"})  # the latter when it took long to get here
        assert sidecar.metric("sidecar_assigned_partitions") == 1
        assert sidecar.metric("sidecar_memory_limit_bytes") == 256 * 1024**2
        assert sidecar.metric("sidecar_state", state="normal") == 1
        assert sidecar.metric("sidecar_breaker_state", state="closed") == 1
        assert "sidecar_last_delivery_timestamp_seconds" not in {name for name, _ in found}

        produce_numbered(kafka.bootstrap, topic, range(3))
        sidecar.wait_status(lambda status: status["books"]["delivered"] == 3, "three records are delivered")
        assert sidecar.metric("sidecar_last_delivery_timestamp_seconds") > 0
        assert sidecar.metric("sidecar_records_delivered_total", topic=topic) == 3
        assert sidecar.metric("sidecar_record_age_seconds_count") == 3
        sidecar.sigterm()
        assert sidecar.wait_exit() == 0


def test_the_status_tells_of_each_partition_where_it_stands_what_holds_it_and_why(kafka: RealKafka, tmp_path: Path) -> None:
    topic = fresh_name("orders")
    create_topic(kafka.bootstrap, topic, partitions=2)
    produce_numbered(kafka.bootstrap, topic, range(10))
    gate = threading.Event()
    with Application() as app:
        environ = sidecar_environ(kafka.bootstrap, topic, app.url, BUFFER__MAX_MESSAGES="100")
        with SidecarProcess(environ, tmp_path) as sidecar:
            sidecar.wait_status(lambda status: _partition(status, 0)["committed"] == 10, "the first ten are committed")
            app.behave = held_until(gate)
            produce_numbered(kafka.bootstrap, topic, range(10, 1010))
            held = sidecar.wait_status(
                lambda status: (
                    _partition(status, 0)["held"]
                    and _partition(status, 0)["log_end"] == 1010
                    and status["why"]["verdict"] == "downstream_slow"  # which it is once nothing was delivered for a while
                ),
                "a buffer that is full holds the partition",
            )
            _assert_held(held)
            assert _partition(held, 1) | {"topic": topic, "partition": 1} == _partition(held, 1)
            gate.set()
            done = sidecar.wait_status(lambda status: _partition(status, 0)["committed"] == 1010, "everything is committed")
            _assert_caught_up(done)
            sidecar.sigterm()
            assert sidecar.wait_exit() == 0
        assert sorted(app.ids) == list(range(1010))


def _partition(status: Any, number: int) -> Any:
    return next(
        (entry for entry in status.get("partitions", ()) if entry["partition"] == number), {"committed": None, "held": False}
    )


def _assert_held(status: Any) -> None:
    partition, books = _partition(status, 0), status["books"]
    assert status["phase"] == "running"
    assert status["state"] in ("critical", "blocked")
    assert status["kafka"]["joined"]
    assert partition["committed"] == partition["committable"] == 10
    assert 80 <= books["buffered"] + books["in_flight"] <= 100  # the high watermark is 0.8 of 100
    assert partition["position"] == 10 + books["buffered"] + books["in_flight"]
    assert partition["lag_records"] == 1000
    assert partition["lag_seconds"] >= 0
    assert partition["holds"] == ["buffer"]
    assert partition["why"]["verdict"] == "downstream_slow"
    assert partition["why"]["sentence"]
    assert status["why"]["verdict"] == "downstream_slow"
    assert books["unaccounted"] == 0


def _assert_caught_up(status: Any) -> None:
    partition, books = _partition(status, 0), status["books"]
    assert partition["position"] == partition["committed"] == 1010
    assert not partition["held"]
    assert books | {"polled": 1010, "delivered": 1010, "buffered": 0, "in_flight": 0, "unaccounted": 0} == books
    assert books["dropped"] == books["released"] == {} or not any([*books["dropped"].values(), *books["released"].values()])


def test_the_probes_while_kafka_is_away(tmp_path: Path) -> None:
    away = sidecar_environ(f"127.0.0.1:{free_port()}", "orders", "discard:")
    with SidecarProcess(away, tmp_path) as sidecar:
        wait_for(lambda: _page(sidecar, "/startupz") == 200, "it has started")
        assert _page(sidecar, "/livez") == 200
        wait_for(lambda: "Connection refused" in str(_get(sidecar, "/readyz")), "it says what stands in its way")
        assert _page(sidecar, "/readyz") == 503
        assert sidecar.get("/status")[1]["why"]["verdict"] == "broker_stall"
        code, text = sidecar.get("/nonsense")
        assert code == 404
        assert "/startupz /livez /readyz /metrics /status" in text
        sidecar.sigterm()
        assert sidecar.wait_exit() == 0


def test_it_is_ready_once_it_has_its_partitions_and_no_longer_while_it_drains(kafka: RealKafka, tmp_path: Path) -> None:
    topic = fresh_name("orders")
    create_topic(kafka.bootstrap, topic)
    gate = threading.Event()
    with (
        Application(held_until(gate)) as app,
        SidecarProcess(sidecar_environ(kafka.bootstrap, topic, app.url), tmp_path) as sidecar,
    ):
        sidecar.wait_ready()
        assert sidecar.get("/readyz") == (200, "ready\n")
        produce_numbered(kafka.bootstrap, topic, range(5))
        sidecar.wait_status(has_all_five, "five records are here, and some of them in flight")
        sidecar.sigterm()
        sidecar.wait_status(lambda status: status["state"] == "draining", "the drain began")
        assert sidecar.get("/readyz") == (503, "draining\n")
        assert sidecar.get("/livez")[0] == 200
        gate.set()
        assert sidecar.wait_exit() == 0
    assert app.ids == (0, 1, 2, 3, 4)


def has_all_five(status: Any) -> bool:
    """Tell whether five records were polled, in however many polls, and a flush is under way: there is one at a time."""
    return bool(status["books"]["polled"] == 5 and status["books"]["in_flight"])


def _get(sidecar: SidecarProcess, path: str) -> tuple[int, Any]:
    try:
        return sidecar.get(path)
    except OSError:  # not up yet
        return 0, None


def _page(sidecar: SidecarProcess, path: str) -> int:
    return _get(sidecar, path)[0]
