"""The rules as the chart renders them, and promtool's answer to which alerts fire, given what was scraped."""

from __future__ import annotations

import json
import shutil
import subprocess
import textwrap
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.parts.helm import helm3
from tests.parts.prometheus import promtool

HELM = Path(__file__).parents[2] / "helm"

Values = Mapping[str, Any]
"""Values of the chart by path: ``alerts.rules.absent.enabled``."""

Alert = tuple[str, str]
"""An alert without its prefix, and its severity."""

NAMESPACE = "payments"

TARGET: Mapping[str, str] = {"job": "payments/kafka-sidecar", "namespace": NAMESPACE, "container": "kafka-sidecar"}
"""What Prometheus adds to each series of a pod that a PodMonitor chose, beside the pod and the instance."""


@dataclass(frozen=True, slots=True)
class Series:
    """A series of one pod; ``values`` in promtool's notation (``0+60x30``: from 0 in 30 steps of 60; ``_``: not there)."""

    name: str
    values: str
    labels: Mapping[str, str]

    def __str__(self) -> str:
        return self.name + "{" + ",".join(f'{name}="{value}"' for name, value in self.labels.items()) + "}"


def series(name: str, values: str, pod: int = 1, **labels: str) -> Series:
    """Return a series, whose name gets our prefix unless it is ``up``."""
    target = {**TARGET, "pod": f"billing-{pod}", "instance": f"10.0.0.{pod}:9877"}
    return Series(name if name == "up" else f"sidecar_{name}", values, target | labels)


def render_rules(folder: Path, values: Values | None = None) -> str:
    """Return the text of the file of rules that the chart makes of ``values``."""
    rendered = template(folder, "templates/prometheusrule.yaml", {"alerts.enabled": True, **(values or {})})
    if rendered.returncode != 0:
        raise ValueError(rendered.stderr)
    return textwrap.dedent(rendered.stdout.partition("\nspec:\n")[2])


def template(folder: Path, only: str, values: Values) -> subprocess.CompletedProcess[str]:
    """Render one template of the chart from a copy of it in ``folder``, with the library that it depends on."""
    chart = folder / "helm" / "kafka-sidecar"
    if not chart.exists():
        shutil.copytree(HELM, folder / "helm", ignore=shutil.ignore_patterns("charts", "generate"))
        _helm("dependency", "build", str(chart)).check_returncode()
    given = folder / "values.json"
    given.write_text(json.dumps(_nested(values)), encoding="utf-8")
    return _helm("template", "watch", str(chart), "--namespace", NAMESPACE, "--show-only", only, "--values", str(given))


def _nested(values: Values) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for path, value in values.items():
        *parents, name = path.split(".")
        here = nested
        for parent in parents:
            here = here.setdefault(parent, {})
        here[name] = value
    return nested


def _helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([helm3(), *arguments], capture_output=True, text=True, check=False)


def assert_fires(rules: Path, given: Sequence[Series], at: str, expected: Collection[Alert], interval: str = "1m") -> None:
    """Assert that of ``rules`` exactly the ``expected`` alerts fire at the time ``at`` when this was scraped each ``interval``."""
    samples = [{"labels": f'{{alertname="KafkaSidecar{name}",severity="{severity}"}}', "value": 1} for name, severity in expected]
    assert_gives('max by (alertname, severity) (ALERTS{alertstate="firing"})', rules, given, at, samples, interval)


def assert_gives(  # noqa: PLR0913, PLR0917 -- what promtool is to be told
    expr: str, rules: Path, given: Sequence[Series], at: str, samples: Sequence[Mapping[str, Any]], interval: str = "1m"
) -> None:
    """Assert that ``expr`` gives ``samples`` at the time ``at`` when this was scraped each ``interval``, beside ``rules``."""
    asked = {"expr": expr, "eval_time": at, "exp_samples": samples}
    input_series = [{"series": str(one), "values": one.values} for one in given]
    test = {"interval": interval, "input_series": input_series, "promql_expr_test": [asked]}
    path = rules.with_name("test.json")
    document = {
        "rule_files": [str(rules)],
        "evaluation_interval": interval,
        "group_eval_order": ["kafka-sidecar.records", "kafka-sidecar.alerts"],  # else by chance
        "tests": [test],
    }
    path.write_text(json.dumps(document), encoding="utf-8")
    answer = subprocess.run([promtool(), "test", "rules", path], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, f"{answer.stdout}{answer.stderr}"
