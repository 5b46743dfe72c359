from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.integration.lifecycle.scene import LONG, drain, scene
from tests.parts.behaviour import held_until, slow, taking
from tests.parts.kafka import RealKafka
from tests.parts.kafka.contract import SASL_PASSWORD, SASL_USER
from tests.parts.missing import part_missing
from tests.parts.process import SidecarProcess, caught_up
from tests.parts.topics import create_topic, fresh_name, produce_numbered
from tests.parts.waiting import wait_for


def test_a_broker_that_is_restarted_under_load_costs_nothing(kafka: RealKafka, tmp_path: Path) -> None:
    settings = {"FLUSH__MAX_BATCH": "100", "BUFFER__MAX_MESSAGES": "2000", "WRITER__TIMEOUT": "5m"}
    gate = threading.Event()
    behave = taking(20, then=held_until(gate, then=slow(0.1)))
    with scene(kafka, tmp_path, behave=behave, records=40_000, settings=settings) as it, it.sidecar() as sidecar:
        it.wait_requests(21)
        sidecar.wait_status(lambda status: all(p["log_end"] for p in status["partitions"]), "it knows its lag", LONG)
        kafka.stop()
        sidecar.wait_status(lambda status: status["kafka"]["trouble"], "it says that Kafka is away", LONG)
        gate.set()  # only now: all might have been taken
        assert sidecar.get("/livez")[0] == 200
        assert sidecar.get("/readyz")[0] == 200  # it was ready once
        assert len(set(it.app.ids)) < it.produced
        kafka.start()
        it.app.behave = slow(0.0)
        it.wait_taken(it.produced)
        it.produce(1_000)
        it.wait_taken(it.produced)
        ends = it.log_ends()
        sidecar.wait_status(
            lambda status: (
                caught_up(status)
                and {p["partition"]: p["log_end"] for p in status["partitions"]} == ends
                and status["kafka"]["trouble"] is None
            ),
            "it is well again",
            LONG,
        )
        drain(sidecar)
        it.assert_nothing_lost()
        assert it.app.duplicates == 0


def test_a_topic_that_is_missing_at_the_start_is_waited_for(kafka: RealKafka, tmp_path: Path) -> None:
    topic = fresh_name("later")
    with scene(kafka, tmp_path) as it, it.sidecar(TOPICS=topic) as sidecar:
        assert_waits(sidecar, "UNKNOWN_TOPIC_OR_PART", topic)
        create_topic(kafka.bootstrap, topic, partitions=2)
        produce_numbered(kafka.bootstrap, topic, range(1_000), partitions=2)
        sidecar.wait_ready(LONG)
        it.wait_taken(1_000)
        drain(sidecar)
        assert sorted(it.app.ids) == list(range(1_000))
        it.app.assert_in_order()


def test_a_broker_that_is_away_at_the_start_is_waited_for(kafka: RealKafka, tmp_path: Path) -> None:
    with scene(kafka, tmp_path, records=1_000) as it:
        kafka.stop()
        with it.sidecar() as sidecar:
            assert_waits(sidecar, "_TRANSPORT", kafka.bootstrap)
            kafka.start()
            sidecar.wait_ready(LONG)
            it.wait_taken(1_000)
            drain(sidecar)
        it.assert_all_taken_once()


SECRET = "geheim-4711"  # noqa: S105 -- a secret that must not be found


@pytest.mark.parametrize(
    ("error", "settings"),
    [
        pytest.param(
            "_AUTHENTICATION",
            {
                "KAFKA__SECURITY_PROTOCOL": "SASL_PLAINTEXT",
                "KAFKA__SASL_MECHANISM": "PLAIN",
                "KAFKA__SASL_USERNAME": "billing",
                "KAFKA__SASL_PASSWORD": SECRET,
            },
            id="authentication",
        ),
        pytest.param("_TRANSPORT", {"KAFKA__SECURITY_PROTOCOL": "SSL"}, id="encryption"),
    ],
)
def test_a_broker_that_refuses_how_it_is_spoken_to_is_told_without_the_secret_and_not_again_and_again(
    kafka: RealKafka, tmp_path: Path, error: str, settings: dict[str, str]
) -> None:
    with scene(kafka, tmp_path, records=10, settings=settings) as it, it.sidecar() as sidecar:
        assert_waits(sidecar, error, "SIDECAR_KAFKA__")
        # The client tries twenty times a second; a kind of error is told at once, and again after ten seconds.
        wait_for(lambda: len(lines_of(sidecar, error)) > 1, "it is told again", LONG)
        log = sidecar.child.log.read_text("utf-8")
        pages = str([sidecar.get(path) for path in ("/status", "/readyz", "/metrics")])
        assert len(log.splitlines()) < 30
        assert SECRET not in log
        assert SECRET not in pages
        sidecar.sigterm()
        assert sidecar.wait_exit(LONG) == 0
        assert it.app.ids == ()


def test_a_wrong_password_is_told_without_it_and_the_right_one_is_taken(kafka: RealKafka, tmp_path: Path) -> None:
    if kafka.sasl_bootstrap is None:
        part_missing(f"Kafka {kafka.kind} has no listener that asks for a password", "let the tests start Kafka from its jars")
    login = {"KAFKA__BOOTSTRAP_SERVERS": kafka.sasl_bootstrap, "KAFKA__SECURITY_PROTOCOL": "SASL_PLAINTEXT"}
    login |= {"KAFKA__SASL_MECHANISM": "PLAIN", "KAFKA__SASL_USERNAME": SASL_USER}
    with scene(kafka, tmp_path, records=1_000, settings=login) as it:
        with it.sidecar(KAFKA__SASL_PASSWORD=SECRET) as sidecar:
            assert_waits(sidecar, "_AUTHENTICATION", "SIDECAR_KAFKA__SASL_*")
            assert SECRET not in sidecar.child.log.read_text("utf-8")
            sidecar.sigterm()
            assert sidecar.wait_exit(LONG) == 0
        with it.sidecar(KAFKA__SASL_PASSWORD=SASL_PASSWORD) as sidecar:
            it.wait_taken(it.produced)
            drain(sidecar)
        it.assert_all_taken_once()


def test_a_password_that_is_exchanged_in_its_file_is_taken_without_a_restart(kafka: RealKafka, tmp_path: Path) -> None:
    if kafka.sasl_bootstrap is None:
        part_missing(f"Kafka {kafka.kind} has no listener that asks for a password", "let the tests start Kafka from its jars")
    file = tmp_path / "password"
    file.write_text(SECRET, "utf-8")
    login = {"KAFKA__BOOTSTRAP_SERVERS": kafka.sasl_bootstrap, "KAFKA__SECURITY_PROTOCOL": "SASL_PLAINTEXT"}
    login |= {"KAFKA__SASL_MECHANISM": "PLAIN", "KAFKA__SASL_USERNAME": SASL_USER, "KAFKA__SASL_PASSWORD_FILE": str(file)}
    with scene(kafka, tmp_path, records=1_000, settings=login) as it, it.sidecar() as sidecar:
        assert_waits(sidecar, "_AUTHENTICATION", "SIDECAR_KAFKA__SASL_*")
        renewed = tmp_path / "renewed"
        renewed.write_text(SASL_PASSWORD, "utf-8")
        renewed.replace(file)
        it.wait_taken(it.produced)
        drain(sidecar)
        it.assert_all_taken_once()
        assert len(sidecar.events("kafka.login_changed")) >= 1
        log = sidecar.child.log.read_text("utf-8")
        assert SECRET not in log
        assert SASL_PASSWORD not in log


def lines_of(sidecar: SidecarProcess, error: str) -> list[str]:
    """Return what the log tells of an error, in the order in which it was told."""
    return [line["reason"] for line in sidecar.events("kafka.trouble") if line["error"] == error]


def assert_waits(sidecar: SidecarProcess, error: str, *words: str) -> None:
    """Assert that a sidecar lives, is not ready and says why, on every page and in the log, and there not again and again."""
    status = sidecar.wait_status(
        lambda status: all(word in (status["kafka"]["trouble"] or "") for word in (error, *words)), "it says what is wrong", LONG
    )
    assert status["why"]["verdict"] == "broker_stall"
    ready, reason = sidecar.get("/readyz")
    assert (ready, sidecar.get("/livez")[0], sidecar.get("/startupz")[0]) == (503, 200, 200)
    assert all(word in reason for word in words)
    assert lines_of(sidecar, error)
    assert all(line["level"] == "warning" for line in sidecar.events("kafka.trouble"))
