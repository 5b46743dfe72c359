"""What docs/DEPLOY.md and the README say about the charts is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tests.packaging.charts import ROOT, Helm, Refused
from tests.packaging.test_chart_refusals import WORKS, over

DEPLOY = (ROOT / "docs" / "DEPLOY.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
TEMPLATES = ROOT / "helm" / "kafka-sidecar-lib" / "templates"


@pytest.mark.parametrize("text", [DEPLOY, README], ids=["DEPLOY.md", "README.md"])
def test_each_template_that_is_named_is_there(text: str) -> None:
    there = {name for path in TEMPLATES.iterdir() for name in re.findall(r'define "([^"]+)"', path.read_text(encoding="utf-8"))}
    named = set(re.findall(r"kafka-sidecar-lib\.\w+", text))
    assert named
    assert named <= there


def test_the_include_lines_are_those_of_the_example() -> None:
    example = (ROOT / "examples" / "chart" / "templates" / "deployment.yaml").read_text(encoding="utf-8")
    shown = re.findall(r'\{\{-? include "kafka-sidecar-lib\.\w+" \. (?:\| nindent 8 )?\}\}', DEPLOY)
    assert len(shown) == 6
    assert all(line in example for line in shown)


def test_the_refusal_that_is_shown_is_what_helm_says(one_helm: Helm) -> None:
    values = over(WORKS, {"hooks": {"app": "drain"}, "terminationGracePeriodSeconds": 40})
    with pytest.raises(Refused) as refused:
        one_helm.render("billing", {"kafkaSidecar": values})
    shown = re.findall(r"```\n(kafkaSidecar: this cannot work:\n.*?)```", DEPLOY, re.DOTALL)
    assert len(shown) == 1
    assert shown[0] in str(refused.value)


@pytest.mark.parametrize("text", [DEPLOY, README], ids=["DEPLOY.md", "README.md"])
def test_the_values_that_are_shown_render(one_helm: Helm, text: str) -> None:
    blocks = [yaml.safe_load(block) for block in re.findall(r"```yaml\n((?:kafkaSidecar|keda):\n.*?)```", text, re.DOTALL)]
    assert blocks
    for values in blocks:
        assert one_helm.objects("billing" if "kafkaSidecar" in values else "kafka-sidecar", values)


def test_each_file_that_is_linked_or_named_is_there() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", DEPLOY)
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []
    named = re.findall(r"`((?:helm|examples)/[\w./-]+)`", DEPLOY)
    assert named
    assert [name for name in named if not Path(ROOT / name).exists()] == []
