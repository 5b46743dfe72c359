"""The charts: what they render, with both Helms, as they are committed, and by the schemas of Kubernetes."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from helm.generate.schema import files, library
from sidecar.settings import kafka_properties, load_settings
from sidecar.settings.container import Container
from sidecar.settings.environment import known
from sidecar.writers.registry import schemes
from tests.packaging.charts import CASES, CHARTS, GOLDENS, ROOT, Helm, Object, cases, chart_of, values_of, with_charts
from tests.parts.kubeconform import KUBERNETES, complaints

ALL_OF_IT = {"podMonitor": {"enabled": True}, "alerts": {"enabled": True}, "dashboards": {"enabled": True}}

POD = """\
apiVersion: v1
kind: Pod
spec:
  containers:
    {{- include "kafka-sidecar-lib.containers" . | nindent 4 }}
"""

RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "privileged": False,
    "readOnlyRootFilesystem": True,
    "runAsGroup": 65532,
    "runAsNonRoot": True,
    "runAsUser": 65532,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def golden(case: str) -> str:
    return (GOLDENS / f"{case}.yaml").read_text(encoding="utf-8")


def objects_of(case: str) -> list[Object]:
    found = [one for one in yaml.safe_load_all(golden(case)) if one]
    return sorted(found, key=lambda one: (one["kind"], one["metadata"]["name"]))


def pods() -> list[tuple[str, Object]]:
    return [(case, one["spec"]["template"]) for case in cases() for one in objects_of(case) if one["kind"] == "Deployment"]


def sidecars() -> list[tuple[str, Object]]:
    return [
        (case, container)
        for case, pod in pods()
        for container in [*(pod["spec"].get("initContainers") or []), *pod["spec"]["containers"]]
        if container["name"] == "kafka-sidecar"
    ]


@pytest.mark.parametrize("chart", CHARTS)
def test_lint_finds_nothing(helm: Helm, chart: str) -> None:
    assert "[WARNING]" not in helm.lint(chart)


def test_each_golden_has_its_case() -> None:
    assert cases() == sorted(path.stem for path in GOLDENS.glob("*.yaml"))
    assert len(cases()) == len(list(CASES.iterdir()))


@pytest.mark.parametrize("case", cases())
def test_a_case_renders_as_it_is_committed(helm: Helm, case: str) -> None:
    assert helm.objects(chart_of(case), values_of(case)) == objects_of(case), "is stale: run `make generate`"


@pytest.mark.parametrize("path", files(), ids=lambda path: path.parent.name)
def test_each_schema_is_what_the_settings_say(path: Any) -> None:
    assert path.read_text(encoding="utf-8") == files()[path], "is stale: run `make generate`"


@pytest.mark.parametrize("tree", ["settings", "secrets"])
def test_every_setting_can_be_reached_by_the_values(tree: str) -> None:
    def names(schema: Any, prefix: str) -> set[str]:
        fields = schema.get("properties", {}).items()
        return set().union(*(names(inner, f"{prefix}__{key.upper()}") for key, inner in fields)) if fields else {prefix}

    reached = {name.replace("SIDECAR__", "SIDECAR_", 1) for name in names(library()["properties"][tree], "SIDECAR")}
    properties = {kafka_properties.setting_of(name) for name in kafka_properties.ALLOWED}
    options = {f"SIDECAR_WRITER__{name.upper()}" for entry in schemes().values() for name in entry.options}
    assert reached == known() | properties | options


@pytest.mark.parametrize("kubernetes", KUBERNETES)
def test_kubernetes_and_the_operators_know_every_field_of_every_case(kubernetes: str) -> None:
    assert complaints("---\n".join(golden(case) for case in cases()), kubernetes) == []


@pytest.mark.parametrize("kubernetes", KUBERNETES)
def test_kubernetes_and_the_operators_know_every_field_of_what_watches(one_helm: Helm, kubernetes: str) -> None:
    assert complaints(one_helm.render("kafka-sidecar", ALL_OF_IT), kubernetes) == []


@pytest.mark.parametrize(
    ("case", "right", "wrong"),
    [
        ("billing-native", "restartPolicy: Always", "restartPolice: Always"),
        ("kafka-sidecar-around", "scrapeTimeout", "scrapTimeout"),
        ("kafka-sidecar-around", "maxReplicaCount", "maxReplicas"),
    ],
)
def test_a_field_that_nobody_knows_would_be_found(case: str, right: str, wrong: str) -> None:
    assert golden(case).count(right) == 1
    assert complaints(golden(case).replace(right, wrong), KUBERNETES[-1]) != []


def test_the_charts_have_the_version_of_the_program() -> None:
    program = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    for chart in ("kafka-sidecar-lib", "kafka-sidecar"):
        described = yaml.safe_load((ROOT / "helm" / chart / "Chart.yaml").read_text(encoding="utf-8"))
        assert (described["version"], described["appVersion"]) == (program, program)
    assert {container["image"] for case, container in sidecars() if case != "billing-native-drain"} == {
        f"kafka-sidecar:{program}"
    }


def test_every_sidecar_is_restricted() -> None:
    assert len(sidecars()) == 5
    assert all(container["securityContext"] == RESTRICTED for _, container in sidecars())


def test_secrets_are_files_of_a_whole_volume_so_that_they_follow_their_secret() -> None:
    mounts = [mount for _, container in sidecars() for mount in container["volumeMounts"]]
    assert any(mount["name"] == "kafka-sidecar-secrets" for mount in mounts)
    assert all("subPath" not in mount for mount in mounts)


def test_a_setting_that_wants_a_path_gets_it_and_every_other_one_its_content() -> None:
    env = {one["name"]: one["value"] for case, container in sidecars() for one in container["env"] if case == "billing-native"}
    folder = "/run/secrets/kafka-sidecar"
    assert env["SIDECAR_KAFKA__SSL_CA_LOCATION"] == f"{folder}/SIDECAR_KAFKA__SSL_CA_LOCATION"
    assert env["SIDECAR_KAFKA__SASL_PASSWORD_FILE"] == f"{folder}/SIDECAR_KAFKA__SASL_PASSWORD"


@pytest.mark.parametrize(("case", "container"), sidecars())
def test_the_program_takes_the_environment_that_a_chart_makes(case: str, container: Object) -> None:
    assert case
    said = {one["name"]: one["value"] for one in container["env"] if not re.search(r"_(FILE|LOCATION)$", one["name"])}
    assert load_settings(said, lambda: Container(256 * 1024**2)).grace_period == 60


def test_the_pod_monitor_finds_what_the_library_marks() -> None:
    (monitor,) = (one for one in objects_of("kafka-sidecar-standalone") if one["kind"] == "PodMonitor")
    (rule,) = monitor["spec"]["selector"]["matchExpressions"]
    with_sidecar = {case for case, _ in sidecars()}
    assert {case for case, pod in pods() if rule["key"] in pod["metadata"]["labels"]} == with_sidecar
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    assert all(endpoint["port"] == port["name"] for _, container in sidecars() for port in container["ports"])


def test_numbers_keep_their_digits_on_the_way_into_the_environment(helm: Helm) -> None:
    values = values_of("kafka-sidecar-standalone")
    values["kafkaSidecar"]["settings"] |= {"start": 1764000000000, "flush": {"max_batch": 1000000}}
    (deployment,) = (one for one in helm.objects("kafka-sidecar", values) if one["kind"] == "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    env = {one["name"]: one["value"] for one in container["env"]}
    assert (env["SIDECAR_START"], env["SIDECAR_FLUSH__MAX_BATCH"]) == ("1764000000000", "1000000")


def test_an_umbrella_chart_may_say_what_concerns_all_of_its_parts(helm: Helm) -> None:
    values = values_of("billing-native")
    values["global"] = {"imageRegistry": "registry.example"}
    values["kafkaSidecar"]["enabled"] = True
    assert helm.objects("billing", values) == objects_of("billing-native")
    assert helm.objects("kafka-sidecar", {"global": {"a": 1}, "enabled": True}) == []


def test_the_alias_can_be_left_out(one_helm: Helm, tmp_path: Path) -> None:
    helm = with_charts(one_helm.name, one_helm.program, tmp_path)
    chart = helm.chart("billing")
    for path in (chart / "Chart.yaml", chart / "values.yaml"):
        text = (
            path.read_text(encoding="utf-8")
            .replace("    alias: kafkaSidecar\n", "")
            .replace("kafkaSidecar:", "kafka-sidecar-lib:")
        )
        path.write_text(text, encoding="utf-8")
    (chart / "templates" / "deployment.yaml").write_text(POD, encoding="utf-8")
    (chart / "Chart.lock").unlink()
    subprocess.run([helm.program, "dependency", "build", chart], check=True, capture_output=True)
    assert "- name: kafka-sidecar" in helm.render("billing", {"kafka-sidecar-lib": {"shape": "classic"}})


def test_a_changed_setting_is_a_changed_pod(one_helm: Helm) -> None:
    def checksum(values: Object) -> str:
        (deployment,) = one_helm.objects("billing", values)
        found: str = deployment["spec"]["template"]["metadata"]["annotations"]["checksum/kafka-sidecar"]
        return found

    changed = {"kafkaSidecar": {"settings": {"log": {"level": "debug"}}}}
    assert checksum({}) == checksum({"replicas": 5}) != checksum(changed)
