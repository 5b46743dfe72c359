"""Ways without Helm: the Kustomize components on a real Kustomize, and the admission policy as far as it can be judged without a cluster."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from helm.generate.components import files
from sidecar.manifest.container import container
from sidecar.manifest.options import Shape
from sidecar.manifest.wish import Wish
from tests.packaging.charts import ROOT, Object
from tests.parts.kubeconform import KUBERNETES, complaints
from tests.parts.missing import part_missing

EXAMPLE = Path("examples/kustomize")


def kustomized(folder: Path) -> str:
    """Return what Kustomize makes of a folder."""
    programs = {"kubectl": ["kubectl", "kustomize"], "kustomize": ["kustomize", "build"]}
    command = next((command for program, command in programs.items() if shutil.which(program)), None)
    if command is None:
        part_missing("neither kubectl nor kustomize is here", "install one of them")
    return subprocess.run([*command, folder], capture_output=True, text=True, check=True).stdout


@pytest.fixture
def overlay(tmp_path: Path) -> Path:
    """Have a copy of the example beside a copy of the components."""
    for place in (EXAMPLE, Path("helm/kustomize")):
        shutil.copytree(ROOT / place, tmp_path / place)
    return tmp_path / EXAMPLE


def deployment_of(text: str) -> Object:
    (found,) = (one for one in yaml.safe_load_all(text) if one["kind"] == "Deployment")
    deployment: Object = found
    return deployment


@pytest.mark.parametrize("path", files(), ids=lambda path: "/".join(path.parts[-2:]))
def test_each_file_is_what_the_program_says(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == files()[path], "is stale: run `make generate`"


@pytest.mark.parametrize(("shape", "place"), [("native", "initContainers"), ("classic", "containers")])
def test_a_component_puts_the_sidecar_beside_the_application(overlay: Path, shape: Shape, place: str) -> None:
    file = overlay / "kustomization.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("kustomize/native", f"kustomize/{shape}"), encoding="utf-8")
    pod = deployment_of(kustomized(overlay))["spec"]["template"]["spec"]
    sidecar = next(one for one in pod[place] if one["name"] == "kafka-sidecar")
    (settings,) = sidecar.pop("envFrom")
    assert settings["configMapRef"]["name"].startswith("kafka-sidecar-"), "a changed setting is a changed pod"
    assert sidecar == container(Wish(shape, sidecar["image"], settings={}))
    assert [one["name"] for one in pod["containers"] if one["name"] != "kafka-sidecar"] == ["billing"]
    assert pod["terminationGracePeriodSeconds"] == 60


def test_a_deployment_without_the_label_is_left_alone(overlay: Path) -> None:
    file = overlay / "deployment.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("kafka-sidecar: native", "other: label"), encoding="utf-8")
    assert "initContainers" not in deployment_of(kustomized(overlay))["spec"]["template"]["spec"]


@pytest.mark.parametrize("kubernetes", KUBERNETES)
def test_kubernetes_knows_every_field_of_the_example(overlay: Path, kubernetes: str) -> None:
    assert complaints(kustomized(overlay), kubernetes) == []


@pytest.mark.parametrize("kubernetes", KUBERNETES)
def test_kubernetes_knows_every_field_of_the_plain_manifest(kubernetes: str) -> None:
    assert complaints((ROOT / "examples/manifests/billing.yaml").read_text(encoding="utf-8"), kubernetes) == []


def test_the_newest_kubernetes_knows_every_field_of_the_admission_policy() -> None:
    assert complaints((ROOT / "examples/admission/policy.yaml").read_text(encoding="utf-8"), KUBERNETES[-1]) == []
