"""What docs/DEPLOY.md and the README say about the charts is so."""

from __future__ import annotations

import re
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

from tests.packaging.charts import ROOT, Helm, Refused
from tests.packaging.test_chart_refusals import WORKS, over

DEPLOY = (ROOT / "docs" / "DEPLOY.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
FIVE_MINUTES = README.partition("## Deploy in five minutes\n")[2].partition("\n## ")[0]
DEPLOYMENT = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: billing}\nspec:\n"
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


def test_the_five_minutes_of_the_readme_make_a_chart_with_the_sidecar_in_its_pod(one_helm: Helm, tmp_path: Path) -> None:
    dependencies, pod, values = re.findall(r"```yaml\n(.*?)```", FIVE_MINUTES, re.DOTALL)
    shutil.copytree(one_helm.folder / "helm", tmp_path / "kafka-sidecar" / "helm")
    chart = tmp_path / "billing"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text(f"apiVersion: v2\nname: billing\nversion: 1.0.0\n{dependencies}", encoding="utf-8")
    (chart / "values.yaml").write_text(values, encoding="utf-8")
    (chart / "templates" / "deployment.yaml").write_text(DEPLOYMENT + pod, encoding="utf-8")
    subprocess.run([one_helm.program, "dependency", "update", chart], check=True, capture_output=True)
    rendered: list[str | Path] = [one_helm.program, "template", "billing", chart, "--kube-version", "1.33.0"]
    ran = subprocess.run(rendered, check=True, capture_output=True)
    deployment = yaml.safe_load(ran.stdout)
    spec = deployment["spec"]["template"]["spec"]
    assert [container["name"] for container in spec["initContainers"]] == ["kafka-sidecar"]
    assert spec["initContainers"][0]["image"].startswith("registry.example/kafka-sidecar:")
    assert spec["terminationGracePeriodSeconds"] == 60
    assert [volume["name"] for volume in spec["volumes"]] == ["kafka-sidecar-state"]
    assert deployment["spec"]["template"]["metadata"]["labels"] == {"kafka-sidecar": "native"}
    assert set(re.findall(r"kafka-sidecar:(\d[\w.]*)", FIVE_MINUTES)) == {version("kafka-sidecar")}


def test_each_file_that_is_linked_or_named_is_there() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", DEPLOY)
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []
    named = re.findall(r"`((?:helm|examples)/[\w./-]+)`", DEPLOY)
    assert named
    assert [name for name in named if not Path(ROOT / name).exists()] == []
