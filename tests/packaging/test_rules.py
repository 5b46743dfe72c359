"""The rules of the chart: what promtool finds wrong with them, what they are made of, and what values they refuse."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from prometheus_client import generate_latest

from sidecar.core.records import TopicPartition
from sidecar.observe.flush_stats import AGE_BOUNDS
from sidecar.observe.metric_defs import METRICS
from sidecar.observe.metrics import Identity, Sources, make_registry
from sidecar.observe.spans import Spans
from sidecar.observe.trends import NOTHING_KNOWN
from tests.packaging.alert_rules import render_rules, template
from tests.parts.prometheus import promtool
from tests.unit.observe.reports import a_partition, a_report, a_snapshot, log_ends

RUNBOOKS = Path(__file__).parents[2] / "docs" / "runbooks"
RULES = "templates/prometheusrule.yaml"
OF_A_HISTOGRAM = re.compile(r"_(bucket|count|sum)$")


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the rules with the chart's own thresholds."""
    return render_rules(tmp_path_factory.mktemp("rules"))


def test_promtool_finds_nothing_wrong_with_the_rules(rules: str, tmp_path: Path) -> None:
    path = tmp_path / "rules.yml"
    path.write_text(rules, encoding="utf-8")
    checked = subprocess.run(
        [promtool(), "check", "rules", "--lint=all", "--lint-fatal", path], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, f"{checked.stdout}{checked.stderr}"
    assert "WARN" not in checked.stdout + checked.stderr


@pytest.mark.parametrize("per_partition", [True, False])
def test_promtool_finds_nothing_wrong_with_the_metrics(per_partition: bool) -> None:  # noqa: FBT001 -- a parameter of the test
    views = [a_partition(tp=TopicPartition("orders", n)) for n in range(2)]
    report = a_report(a_snapshot(*views), unreadable_headers={"orders": 1}, missed_offsets={"orders": 3})
    sources = Sources(lambda: report, lambda: log_ends(100, 100), lambda: NOTHING_KNOWN, Spans)
    registry = make_registry(sources, Identity("1.2.3", "billing", "c0ffee"), drain_timeout=25.0, per_partition=per_partition)
    ours = b"".join(line + b"\n" for line in generate_latest(registry).splitlines() if b"sidecar_" in line)
    checked = subprocess.run([promtool(), "check", "metrics"], input=ours, capture_output=True, check=False)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")


def test_every_metric_in_a_rule_exists(rules: str) -> None:
    recorded = set(re.findall(r"record: (\S+)", rules))
    expressions = rules
    for name in recorded:
        expressions = expressions.replace(name, "")
    served = {metric.name for metric in METRICS}
    used = {OF_A_HISTOGRAM.sub("", name) for name in re.findall(r"\bsidecar_\w+", _without_texts(expressions))}
    assert used
    assert used <= served


def test_every_recorded_series_in_an_alert_is_recorded(rules: str) -> None:
    recorded = set(re.findall(r"record: (\S+)", rules))
    assert set(re.findall(r"\bgroup\w*:\w+:\w+", rules)) <= recorded


def test_every_alert_has_its_runbook_and_every_runbook_its_alert(rules: str) -> None:
    alerts = set(re.findall(r"alert: (\w+)", rules))
    assert set(re.findall(r'runbook_url: "docs/runbooks/(\w+)\.md"', rules)) == alerts
    assert {path.stem for path in RUNBOOKS.glob("KafkaSidecar*.md")} == alerts


def test_every_alert_tells_what_happened_and_what_it_means(rules: str) -> None:
    count = len(re.findall(r"alert: ", rules))
    for part in ("summary: >-", "description: >-", "severity: ", "runbook_url: "):
        assert rules.count(part) == count, part
    assert set(re.findall(r"severity: (\w+)", rules)) == {"critical", "warning"}


@pytest.mark.parametrize("seconds", AGE_BOUNDS)
def test_what_counts_as_late_can_be_every_bound_of_the_buckets(seconds: float, tmp_path: Path) -> None:
    assert f'le=~"{seconds:g}([.]0)?"' in render_rules(tmp_path, {"alerts.rules.freshnessBudgetBurn.seconds": seconds})


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("freshnessBudgetBurn.seconds", 45),
        ("freshnessBudgetBurn.objective", 1),
        ("freshnessBudgetBurn.page.windows", []),
        ("freshnessBudgetBurn.page.windows", [{"long": "1h", "short": "5m"}]),
        ("partitionStuck.window", "soon"),
        ("partitionBehind.warning.seconds", 0),
        ("partitionBehind.warning.for", "2"),
        ("deadLetterRateHigh.ratio", 2),
        ("fetchedAgain.bytesPerSecond", 0),
        ("partitionBehint", {"enabled": True}),
        ("down.enabled", "yes"),
    ],
)
def test_a_threshold_that_cannot_work_is_refused_by_its_name(path: str, value: object, tmp_path: Path) -> None:
    refused = template(tmp_path, RULES, {"alerts.enabled": True, f"alerts.rules.{path}": value})
    assert refused.returncode != 0
    assert f"alerts.rules.{path.rpartition('.')[0]}".removesuffix(".") in refused.stderr


def test_an_alert_can_be_switched_off_and_labelled_and_its_runbook_served_elsewhere(tmp_path: Path) -> None:
    elsewhere = "https://runbooks.example/kafka/"
    values = {"alerts.rules.absent.enabled": False, "alerts.alertLabels.team": "payments", "alerts.runbookUrl": elsewhere}
    text = render_rules(tmp_path, values)
    assert "KafkaSidecarAbsent" not in text
    assert text.count("team: payments") == text.count("alert: ")
    assert '"https://runbooks.example/kafka/KafkaSidecarDown.md"' in text


def test_recording_rules_come_alone_or_with_the_alerts(tmp_path: Path) -> None:
    alone = template(tmp_path, RULES, {"recordingRules.enabled": True}).stdout
    assert "record: group:sidecar_lag_seconds:max" in alone
    assert "alert: " not in alone
    assert "PrometheusRule" not in template(tmp_path, RULES, {}).stdout


def _without_texts(rules: str) -> str:
    """Return the rules without what they tell people."""
    return re.sub(r"(summary|description): >-\n.*\n", "", rules)
