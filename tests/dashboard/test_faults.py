"""Faults on the real thing make the right alert, and only it: Kafka, sidecars, an application, and a Prometheus with the chart's rules.

The rules are those of the chart, with windows of seconds by values; all faults have the same. Each fault has a consumer group of its own, and
its alert must come within :data:`WITHIN` while no other alert of that group is pending or firing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.dashboard.steady import Steady
from tests.packaging.alert_rules import Alert, render_rules
from tests.parts.app import Application
from tests.parts.behaviour import Behaviour, Reply, Request, accept, failing, held_until, slow
from tests.parts.environ import sidecar_environ
from tests.parts.kafka import RealKafka
from tests.parts.process import SidecarProcess
from tests.parts.prometheus import Prometheus, Target
from tests.parts.topics import create_topic, fresh_name
from tests.parts.waiting import wait_for

WITHIN = 30.0
"""Seconds between a fault and its alert; the longest window below is 10 s."""

USUAL = 100.0
"""Records a second."""

SHORT_WINDOWS: Mapping[str, object] = {
    "appUnavailable.for": "2s",
    "appUnavailable.window": "5s",
    "partitionBehind.warning": {"severity": "warning", "for": "1s", "seconds": 8},
    "partitionStuck.for": "1s",
    "partitionStuck.window": "20s",
    "lagNotShrinking.for": "2s",
    "lagNotShrinking.window": "20s",
    "unintentionalDrops.window": "10s",
    "kafkaTrouble.for": "1s",
    "commitFailing.for": "2s",
    "commitFailing.window": "10s",
    "littleKept": {"enabled": True, "severity": "warning", "for": "2s", "window": "5s", "ratio": 0.1},
    "flushesAtMaximum": {"enabled": True, "severity": "warning", "for": "2s", "window": "5s", "seconds": 2},
    "drainTimedOut.window": "10s",
    "down.for": "2s",
    "absent.for": "2s",
    "configDrift.for": "5s",
    "lossBudgetBurn.page.for": "2s",
    "lossBudgetBurn.page.windows": [{"long": "20s", "short": "5s", "burn": 14.4}],
    "freshnessBudgetBurn.page.for": "2s",
    "freshnessBudgetBurn.page.windows": [{"long": "20s", "short": "5s", "burn": 14.4}],
}


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Run one with the chart's rules for all faults."""
    folder = tmp_path_factory.mktemp("watch")
    rules = render_rules(folder, {f"alerts.rules.{path}": value for path, value in SHORT_WINDOWS.items()})
    with Prometheus(folder / "prometheus", rules) as prometheus:
        yield prometheus


@dataclass(frozen=True, slots=True)
class Scene:
    """A group with one member that is well: it is scraped, and no alert is about it."""

    sidecar: SidecarProcess
    app: Application
    steady: Steady
    topic: str
    prometheus: Prometheus
    pod: str
    group: str

    def assert_only(self, *expected: Alert) -> None:
        """Assert that these alerts come within their window, and that no other one of the group is there at any look until then."""

        def look() -> bool:
            found = {(name, labels["severity"]) for name, labels in self.alerts()}
            assert found <= set(expected), f"only {expected} was expected"
            return found == set(expected)

        wait_for(look, f"{expected} is pending or firing", WITHIN)

    def alerts(self) -> list[tuple[str, Mapping[str, str]]]:
        """Return the alerts about this group, pending or firing: name without prefix, labels. Their texts must be complete."""
        about = []
        for found in self.prometheus.alerts():
            labels: Mapping[str, str] = found["labels"]
            if labels.get("group") == self.group or labels.get("pod") == self.pod:
                _assert_told(found)
                about.append((labels["alertname"].removeprefix("KafkaSidecar"), labels))
        return about


def _assert_told(alert: Mapping[str, Any]) -> None:
    for text in (alert["annotations"]["summary"], alert["annotations"]["description"]):
        assert "error" not in text, text
        assert "<no value>" not in text, text
        assert "Inf" not in text, text


@contextmanager
def scene(kafka: RealKafka, prometheus: Prometheus, folder: Path, name: str, **settings: str) -> Iterator[Scene]:
    """Set the scene: everything is well, and has been seen to be so."""
    topic, group = fresh_name(name), fresh_name(name)
    create_topic(kafka.bootstrap, topic, partitions=2)
    with Application() as app, Steady(kafka.bootstrap, {topic: 2}, USUAL) as steady:
        environ = sidecar_environ(kafka.bootstrap, topic, app.url, KAFKA__GROUP_ID=group, **settings)
        with SidecarProcess(environ, folder) as sidecar:
            labels = {"namespace": "payments", "pod": name, "container": "kafka-sidecar"}
            prometheus.scrape(Target(sidecar.port, labels))
            it = Scene(sidecar, app, steady, topic, prometheus, name, group)
            sidecar.wait_status(lambda status: status["books"]["delivered"] > 100, "records flow")
            delivered = f'rate(sidecar_records_delivered_total{{topic="{topic}"}}[5s]) > 0'
            wait_for(lambda: prometheus.query(delivered), "Prometheus sees them flow", WITHIN)
            wait_for(lambda: it.alerts() == [], "nothing is wrong", WITHIN)  # it may have begun late, with records that were
            try:
                yield it
            finally:
                prometheus.forget(sidecar.port)


def test_an_application_that_is_down(kafka: RealKafka, prometheus: Prometheus, tmp_path: Path) -> None:
    with scene(kafka, prometheus, tmp_path, "app-down") as it:
        it.app.go_down()
        it.assert_only(("AppUnavailable", "critical"))


def test_an_application_that_answers_503_to_everything(kafka: RealKafka, prometheus: Prometheus, tmp_path: Path) -> None:
    with scene(kafka, prometheus, tmp_path, "app-busy") as it:
        it.app.behave = lambda _request: Reply(503)
        it.assert_only(("AppUnavailable", "critical"))


def test_an_application_that_is_too_slow(kafka: RealKafka, prometheus: Prometheus, tmp_path: Path) -> None:
    with scene(kafka, prometheus, tmp_path, "app-slow", FLUSH__MAX_BATCH="20", BUFFER__MAX_MESSAGES="500") as it:
        it.app.behave = slow(2.0)
        it.assert_only(("PartitionBehind", "warning"))


def test_a_poison_record_that_stops_its_partition(kafka: RealKafka, prometheus: Prometheus, tmp_path: Path) -> None:
    with scene(kafka, prometheus, tmp_path, "poison-stop") as it:
        it.app.behave = refusing_one_from_now_on()
        it.assert_only(("PartitionStuck", "critical"))


def test_a_poison_record_that_is_dropped(kafka: RealKafka, prometheus: Prometheus, tmp_path: Path) -> None:
    with scene(kafka, prometheus, tmp_path, "poison-drop", ON_POISON="drop") as it:
        it.app.behave = refusing_one_from_now_on()
        it.assert_only(("UnintentionalDrops", "warning"))


def test_an_overload_that_the_strategy_sheds(kafka: RealKafka, prometheus: Prometheus, tmp_path: Path) -> None:
    settings = {"BUFFER__STRATEGY": "drop_oldest", "BUFFER__MAX_MESSAGES": "500", "FLUSH__MAX_BATCH": "50"}
    with scene(kafka, prometheus, tmp_path, "overload", **settings) as it:
        it.app.behave = slow(0.3)
        it.steady.rate = 10 * USUAL
        it.assert_only(("UnintentionalDrops", "warning"), ("LossBudgetBurn", "critical"))  # it is much


def test_a_policy_that_keeps_next_to_nothing(kafka: RealKafka, prometheus: Prometheus, tmp_path: Path) -> None:
    policies = '[{"topic": "too-old*", "max_age": "1s", "allow_loss": true}]'
    with scene(kafka, prometheus, tmp_path, "too-old", FLUSH__MAX_BATCH="10", TOPIC_POLICIES=policies) as it:
        it.app.behave = slow(1.0)
        it.steady.rate = 10 * USUAL
        it.assert_only(("LittleKept", "warning"))


def test_as_many_flushes_as_may_be_and_too_few(kafka: RealKafka, prometheus: Prometheus, tmp_path: Path) -> None:
    with scene(kafka, prometheus, tmp_path, "at-most", FLUSH__MAX_BATCH="20", FLUSH__MAX_IN_FLIGHT="1") as it:
        it.app.behave = slow(0.1)
        it.steady.rate = 4 * USUAL
        it.assert_only(("FlushesAtMaximum", "warning"))


def test_a_drain_that_runs_out_of_time(kafka: RealKafka, prometheus: Prometheus, tmp_path: Path) -> None:
    gate = threading.Event()
    with scene(kafka, prometheus, tmp_path, "drain-late", DRAIN_TIMEOUT="2s") as it:
        it.app.behave = held_until(gate)
        before = len(it.app.requests)  # what is in flight now may be answered still; any later request is held
        wait_for(lambda: len(it.app.requests) > before, "the application hangs")
        try:
            it.sidecar.post("/drain?terminal")  # as its own preStop hook does: it stays until SIGTERM
            it.assert_only(("DrainTimedOut", "warning"))
        finally:
            gate.set()


def test_a_sidecar_that_is_killed(kafka: RealKafka, prometheus: Prometheus, tmp_path: Path) -> None:
    with scene(kafka, prometheus, tmp_path, "killed") as it:
        it.sidecar.sigkill()
        it.assert_only(("Down", "critical"), ("Absent", "critical"))  # its only member


def test_a_kafka_that_is_down(kafka: RealKafka, prometheus: Prometheus, tmp_path: Path) -> None:
    with scene(kafka, prometheus, tmp_path, "kafka-down") as it:
        kafka.stop()
        try:
            it.assert_only(("KafkaTrouble", "critical"))
        finally:
            kafka.start()


def refusing_one_from_now_on() -> Behaviour:
    """Take everything but the first record of the next request, and refuse that one whenever it comes."""
    refused: list[Callable[[Request], Reply]] = []

    def behave(request: Request) -> Reply:
        if not request.lines:
            return accept(request)
        if not refused:
            first = request.lines[0]
            refused.append(failing([(first["topic"], first["partition"], first["offset"])], "reject", error="no such customer"))
        return refused[0](request)

    return behave
