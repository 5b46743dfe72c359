"""What ``kafka-sidecar manifest`` prints is what the charts render, to the last field; and it is refused for the same reasons."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import yaml

from sidecar.settings import kafka_properties
from tests.packaging.charts import Helm, Object, Refused
from tests.packaging.test_chart_refusals import over
from tests.parts.kubeconform import KUBERNETES, complaints

SETTINGS = {
    "SIDECAR_TOPICS": "orders",
    "SIDECAR_KAFKA__BOOTSTRAP_SERVERS": "kafka:9092",
    "SIDECAR_KAFKA__GROUP_ID": "billing",
    "SIDECAR_WRITER__URL": "http://127.0.0.1:8080/records",
    "SIDECAR_APP__HEALTH_URL": "http://127.0.0.1:8080/healthz",
}
SAME: Object = {
    "topics": ["orders"],
    "kafka": {"bootstrap_servers": "kafka:9092", "group_id": "billing"},
    "writer": {"url": "http://127.0.0.1:8080/records"},
    "app": {"health_url": "http://127.0.0.1:8080/healthz"},
}
TOKEN = "a-token-that-can-only-drain"  # noqa: S105 -- of nothing
DIGEST = f"sha256:{'0f' * 32}"
IN_SECRET = {"secret": "kafka", "key": "password"}


def run(*options: str, **settings: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], **SETTINGS, **{f"SIDECAR_{name}": text for name, text in settings.items()}}
    command = [sys.executable, "-m", "sidecar", "manifest", *options]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


def printed(options: Sequence[str], settings: Mapping[str, str]) -> Any:
    ran = run(*options, **settings)
    assert (ran.returncode, ran.stderr) == (0, "")
    return yaml.safe_load(ran.stdout)


def rendered(helm: Helm, chart: str, values: Object) -> Any:
    (deployment,) = (one for one in helm.objects(chart, values) if one["kind"] == "Deployment")
    return deployment["spec"]["template"]


def named(containers: Sequence[Object] | None, name: str) -> Object | None:
    return next((one for one in containers or () if one["name"] == name), None)


CASES: list[tuple[list[str], dict[str, str], Object]] = [
    (["--shape", "native"], {}, {}),
    (["--shape", "classic"], {}, {"shape": "classic"}),
    (["--shape", "inverted"], {}, {"shape": "inverted"}),
    (
        ["--shape", "native", "--app-hook", "drain", "--own-hook", "http", "--image", f"example/sidecar@{DIGEST}"],
        {"HTTP__TOKEN": TOKEN, "HTTP__LISTEN": "[::]:9999", "DRAIN_TIMEOUT": "30s"},
        {
            "hooks": {"app": "drain", "own": "http"},
            "image": {"repository": "example/sidecar", "digest": DIGEST},
            "settings": {"http": {"token": TOKEN, "listen": "[::]:9999"}, "drain_timeout": "30s"},
        },
    ),
    (
        ["--shape", "classic", "--app-hook", "sleep", "--sleep", "7", "--own-hook", "exec", "--name", "feeder"],
        {"START": "1764000000000"},
        {"shape": "classic", "name": "feeder", "hooks": {"app": "sleep", "sleepSeconds": 7, "own": "exec"}, "settings": {"start": 1764000000000}},
    ),
    (
        [
            *("--shape", "native", "--secret", "SIDECAR_KAFKA__SASL_PASSWORD=kafka/password"),
            *("--secret", "SIDECAR_KAFKA__SSL_CA_LOCATION=ca/ca.crt", "--grace-period", "90", "--app-stop", "40"),
            *("--secret", "SIDECAR_WRITER__TLS_KEY=tls/tls.key", "--secret", "SIDECAR_WRITER__TOKEN_FILE=app/token"),
            *("--memory", "512Mi", "--cpu", "1"),
        ],
        {"KAFKA__SASL_USERNAME": "billing \"quoted\" & 'so' <on>"},
        {
            "secrets": {
                "kafka": {"sasl_password": IN_SECRET, "ssl_ca_location": {"secret": "ca", "key": "ca.crt"}},
                "writer": {"tls_key": {"secret": "tls", "key": "tls.key"}, "token_file": {"secret": "app", "key": "token"}},
            },
            "settings": {"kafka": {"sasl_username": "billing \"quoted\" & 'so' <on>"}},
            "terminationGracePeriodSeconds": 90,
            "app": {"stopSeconds": 40},
            "resources": {"requests": {"cpu": "1", "memory": "512Mi"}, "limits": {"memory": "512Mi"}},
        },
    ),
    (
        ["--shape", "classic", "--secret", "SIDECAR_HTTP__TOKEN=admin/token", "--fs-group", "1000"],
        {},
        {"shape": "classic", "secrets": {"http": {"token": {"secret": "admin", "key": "token"}}}, "secretsMode": 0o440},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("options", "settings", "values"), CASES)
def test_the_pod_is_that_of_the_library(one_helm: Helm, options: list[str], settings: dict[str, str], values: Object) -> None:
    patch = printed([*options, "--app", "billing"], settings)["spec"]["template"]
    pod = rendered(one_helm, "billing", {"kafkaSidecar": over({"settings": SAME}, values)})
    name = values.get("name", "kafka-sidecar")
    for kind in ("initContainers", "containers"):
        assert named(patch["spec"].get(kind), name) == named(pod["spec"][kind], name)
    for same in ("volumes", "terminationGracePeriodSeconds"):
        assert patch["spec"][same] == pod["spec"][same]
    assert patch["metadata"]["annotations"] == pod["metadata"]["annotations"]
    assert patch["metadata"]["labels"].items() <= pod["metadata"]["labels"].items()
    for app in (named(pod["spec"]["containers"], "billing") or {},):
        assert (named(patch["spec"].get("containers"), "billing") or {}).get("lifecycle") == app.get("lifecycle")


def test_the_sidecar_alone_is_that_of_the_application_chart(one_helm: Helm) -> None:
    alone = printed(["--shape", "standalone", "--secret", "SIDECAR_HTTP__TOKEN=kafka/password"], {})
    values = {"kafkaSidecar": {"settings": SAME, "secrets": {"http": {"token": IN_SECRET}}}, "standalone": {"enabled": True}}
    pod = rendered(one_helm, "kafka-sidecar", values)
    assert alone["spec"]["template"]["spec"] == pod["spec"]
    assert alone["spec"]["template"]["metadata"]["annotations"] == pod["metadata"]["annotations"]


@pytest.mark.parametrize("kubernetes", KUBERNETES)
def test_kubernetes_knows_every_field_of_the_sidecar_alone(kubernetes: str) -> None:
    assert complaints(run("--shape", "standalone").stdout, kubernetes) == []


NAMES = {
    "terminationGracePeriodSeconds": "--grace-period",
    "settings.drain_timeout": "SIDECAR_DRAIN_TIMEOUT",
    "settings.http.token": "SIDECAR_HTTP__TOKEN",
    "settings.http.listen": "SIDECAR_HTTP__LISTEN",
    "app.stopSeconds": "--app-stop",
    "hooks.sleepSeconds": "--sleep",
    "hooks.app": "--app-hook",
    "hooks.own": "--own-hook",
}
"""What the charts' values are called as options and settings."""


@pytest.mark.parametrize(
    ("options", "settings", "values"),
    [
        (["--grace-period", "30"], {}, {"terminationGracePeriodSeconds": 30}),
        (["--app-hook", "drain"], {}, {"hooks": {"app": "drain"}}),
        (["--own-hook", "http"], {}, {"hooks": {"own": "http"}}),
        (["--app-hook", "sleep", "--sleep", "40"], {}, {"hooks": {"app": "sleep", "sleepSeconds": 40}}),
        ([], {"HTTP__LISTEN": "127.0.0.1:9877"}, {"settings": {"http": {"listen": "127.0.0.1:9877"}}}),
        ([], {"HTTP__LISTEN": "0.0.0.0:0"}, {"settings": {"http": {"listen": "0.0.0.0:0"}}}),
    ],
)
def test_both_refuse_in_the_same_words(one_helm: Helm, options: list[str], settings: dict[str, str], values: Object) -> None:
    with pytest.raises(Refused) as refused:
        one_helm.render("billing", {"kafkaSidecar": over({"settings": SAME}, values)})
    (by_chart,) = [line.strip() for line in str(refused.value).splitlines() if line.startswith("  ")]
    for value, name in NAMES.items():
        by_chart = by_chart.replace(value, name)
    ran = run("--shape", "native", "--app", "billing", *options, **settings)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == f"this setting cannot work:\n  {by_chart}\n"


def test_both_take_the_same_of_the_clients_properties_for_secrets(one_helm: Helm) -> None:
    secret = {name for name in kafka_properties.ALLOWED if kafka_properties.is_secret(name) and not name.endswith(".location")}
    texts = {name.replace(".", "_"): "a" for name in kafka_properties.TEXTS}
    with pytest.raises(Refused) as refused:
        one_helm.render("billing", {"kafkaSidecar": {"settings": {"kafka": texts}}})
    told = {line.split()[1] for line in str(refused.value).splitlines() if line.endswith("name that below secrets")}
    assert told == {kafka_properties.setting_of(name) for name in secret}
