"""What the charts refuse, with the words in which they do: values of the wrong kind by their schema, what contradicts itself by themselves."""

from __future__ import annotations

from typing import Any

import pytest

from tests.packaging.charts import Helm, Object, Refused

SETTINGS: Object = {
    "topics": ["orders"],
    "kafka": {"bootstrap_servers": "kafka:9092", "group_id": "billing"},
    "writer": {"url": "http://127.0.0.1:8080/records"},
}
WORKS: Object = {"settings": SETTINGS}
TOKEN: Object = {"http": {"token": "a-token-that-can-only-drain"}}


def over(below: Object, above: Object) -> Object:
    """Return both, the second over the first."""
    merged = dict(below)
    for name, value in above.items():
        merged[name] = over(merged[name], value) if isinstance(value, dict) and isinstance(merged.get(name), dict) else value
    return merged


def at(path: str, value: object) -> Object:
    """Return values with one at a path of names with dots between them."""
    for name in reversed(path.split(".")):
        value = {name: value}
    assert isinstance(value, dict)
    return value


def refusal(helm: Helm, chart: str, values: Object, kubernetes: str = "1.33.0") -> str:
    with pytest.raises(Refused) as refused:
        helm.render(chart, values, kubernetes)
    return str(refused.value)


WRONG_VALUES = [
    ("shape", "sidecar", "must be one of the following", "value must be one of 'native', 'classic', 'inverted', 'standalone'"),
    ("shap", "native", "(root): Additional property shap is not allowed", "at '': additional properties 'shap' not allowed"),
    (
        "image.digest",
        "latest",
        "image.digest: Does not match pattern '^(sha256:[0-9a-f]{64})?$'",
        "at '/image/digest': 'latest' does not match pattern '^(sha256:[0-9a-f]{64})?$'",
    ),
    (
        "image.tag",
        1.2,
        "image.tag: Invalid type. Expected: string, given: number",
        "at '/image/tag': got number, want string",
    ),
    (
        "settings.flush.max_batchh",
        5,
        "settings.flush: Additional property max_batchh is not allowed",
        "at '/settings/flush': additional properties 'max_batchh' not allowed",
    ),
    (
        "settings.drain_timeout",
        25,
        "settings.drain_timeout: Invalid type. Expected: string, given: integer",
        "at '/settings/drain_timeout': got number, want string",
    ),
    (
        "settings.drain_timeout",
        "25 seconds",
        r"settings.drain_timeout: Does not match pattern '^[0-9]+(\.[0-9]+)?(ms|s|m|h|d)$'",
        r"at '/settings/drain_timeout': '25 seconds' does not match pattern '^[0-9]+(\\.[0-9]+)?(ms|s|m|h|d)$'",
    ),
    (
        "settings.kafka.enable_auto_commit",
        True,
        "settings.kafka: Additional property enable_auto_commit is not allowed",
        "at '/settings/kafka': additional properties 'enable_auto_commit' not allowed",
    ),
    (
        "settings.flush.max_batch",
        0,
        "settings.flush.max_batch: Must be greater than or equal to 1",
        "at '/settings/flush/max_batch': minimum: got 0, want 1",
    ),
    (
        "secrets.kafka.sasl_password",
        {"secret": "kafka"},
        "secrets.kafka.sasl_password: key is required",
        "at '/secrets/kafka/sasl_password': missing property 'key'",
    ),
    (
        "secrets.kafka.sasl_password",
        "hunter2",
        "secrets.kafka.sasl_password: Invalid type. Expected: object, given: string",
        "at '/secrets/kafka/sasl_password': got string, want object",
    ),
]


@pytest.mark.parametrize(("path", "value", "by_helm_3", "by_helm_4"), WRONG_VALUES)
def test_a_value_of_the_wrong_kind_is_refused_by_its_path(
    helm: Helm, path: str, value: Any, by_helm_3: str, by_helm_4: str
) -> None:
    said = refusal(helm, "billing", {"kafkaSidecar": over(WORKS, at(path, value))})
    assert "values don't meet the specifications of the schema(s) in the following chart(s):\nkafkaSidecar:\n- " in said
    assert {"helm 3": by_helm_3, "helm 4": by_helm_4}[helm.name] in said


@pytest.mark.parametrize("path", ["podMonitor.intervall", "keda.maxReplicas", "standalone.replica", "alerts.rules.down.form"])
def test_the_application_chart_refuses_what_it_does_not_know(helm: Helm, path: str) -> None:
    assert path.rpartition(".")[2] in refusal(helm, "kafka-sidecar", at(path, 1))


CANNOT_WORK: list[tuple[Object, list[str]]] = [
    (
        {"terminationGracePeriodSeconds": 40},
        [
            (
                "terminationGracePeriodSeconds: 40 s is too short for 45 s = settings.drain_timeout (25s) + app.stopSeconds (10 s) + 10 s: "
                "make it longer, or the drain shorter"
            )
        ],
    ),
    (
        {"settings": {"drain_timeout": "1m"}, "app": {"stopSeconds": 30}},
        [
            (
                "terminationGracePeriodSeconds: 60 s is too short for 100 s = settings.drain_timeout (1m) + app.stopSeconds (30 s) + 10 s: "
                "make it longer, or the drain shorter"
            )
        ],
    ),
    (
        {"settings": {"drain_timeout": "45s", "kafka": {"max_poll_interval_ms": 45000}}, "terminationGracePeriodSeconds": 65},
        [
            (
                "settings.drain_timeout: 45s must be below settings.kafka.max_poll_interval_ms (45000 ms): "
                "the group would take a member that drains for a dead one"
            )
        ],
    ),
    (
        {"hooks": {"app": "drain"}},
        [
            (
                "hooks.app: drain needs settings.http.token: the kubelet sends the hook's request from the node, "
                "and takes its headers from the pod alone, never from a Secret"
            )
        ],
    ),
    (
        {"hooks": {"own": "http"}},
        [
            (
                "hooks.own: http needs settings.http.token: the kubelet sends the hook's request from the node, "
                "and takes its headers from the pod alone, never from a Secret"
            )
        ],
    ),
    (
        {"hooks": {"app": "sleep", "sleepSeconds": 26}},
        ["hooks.sleepSeconds: 26 s is longer than the drain may take, settings.drain_timeout (25s): make it shorter"],
    ),
    (
        {"shape": "inverted", "hooks": {"app": "sleep"}},
        [
            "hooks.app: sleep has no place in the shape inverted, where the sidecar stops before the application anyway: take none",
        ],
    ),
    (
        {"settings": {"http": {"listen": "127.0.0.1:9877"}}},
        [
            "settings.http.listen: 127.0.0.1:9877 cannot be reached by the kubelet's probes: take 0.0.0.0:9877 or [::]:9877",
        ],
    ),
    (
        {"settings": {"http": {"listen": "0.0.0.0:0"}}},
        ["settings.http.listen: 0.0.0.0:0 takes any free port, which no probe could know: name one"],
    ),
    (
        {"settings": {"kafka": {"sasl_password": "hunter2"}}},
        ["settings: SIDECAR_KAFKA__SASL_PASSWORD is a secret: keep it in a Secret, and name that below secrets"],
    ),
    (
        {"settings": TOKEN},
        ["settings: SIDECAR_HTTP__TOKEN is a secret, and no hook needs it: keep it in a Secret, and name that below secrets"],
    ),
    (
        {"secrets": {"http": {"token": {"secret": "admin", "key": "token"}}}},
        [
            (
                "secretsMode: 0444 lets all read SIDECAR_HTTP__TOKEN, which the sidecar refuses: "
                "write 0440, and securityContext.fsGroup: 65532 in the pod"
            )
        ],
    ),
    (
        {"secrets": {"kafka": {"group_id": {"secret": "a", "key": "b"}}}, "env": [{"name": "SIDECAR_TOPICS", "value": "more"}]},
        [
            "secrets: SIDECAR_KAFKA__GROUP_ID is set twice, by settings and by secrets: leave one of them out",
            "env: SIDECAR_TOPICS is set twice, by env and by settings: leave one of them out",
        ],
    ),
]


@pytest.mark.parametrize(("values", "sentences"), CANNOT_WORK)
def test_what_cannot_work_is_refused_with_the_mend(helm: Helm, values: Object, sentences: list[str]) -> None:
    said = refusal(helm, "billing", {"kafkaSidecar": over(WORKS, values)})
    _, _, listed = said.partition("kafkaSidecar: this cannot work:\n")
    assert [line.removeprefix("  ") for line in listed.splitlines() if line.startswith("  ")] == sentences


def test_what_is_required_is_asked_for_wherever_it_may_stand(helm: Helm) -> None:
    names = {
        "kafka.bootstrap_servers": "SIDECAR_KAFKA__BOOTSTRAP_SERVERS",
        "kafka.group_id": "SIDECAR_KAFKA__GROUP_ID",
        "topics": "SIDECAR_TOPICS",
        "writer.url": "SIDECAR_WRITER__URL",
    }
    said = refusal(helm, "kafka-sidecar", {"standalone": {"enabled": True}})
    sentences = [f"settings.{path}: is required ({name})" for path, name in names.items()]
    assert [line.strip() for line in said.splitlines() if line.startswith("  ")] == sentences
    elsewhere = [{"name": name, "value": "a"} for name in names.values()]
    assert helm.objects("kafka-sidecar", {"standalone": {"enabled": True}, "kafkaSidecar": {"env": elsewhere}})


def test_the_secret_itself_is_not_said(helm: Helm) -> None:
    assert "hunter2" not in refusal(helm, "billing", {"kafkaSidecar": over(WORKS, at("settings.kafka.sasl_password", "hunter2"))})


def test_a_grace_period_of_exactly_the_sum_is_enough(helm: Helm) -> None:
    assert helm.objects("billing", {"kafkaSidecar": over(WORKS, {"terminationGracePeriodSeconds": 45})})


def test_the_lowest_age_of_kubernetes_is_checked_where_it_is_needed(one_helm: Helm) -> None:
    old = refusal(one_helm, "billing", {"kafkaSidecar": WORKS}, "1.28.9")
    assert (
        "shape: native needs Kubernetes 1.29 or later, and this is v1.28.9: take classic "
        "(when rendering without a cluster, tell the version by --kube-version)"
    ) in old
    assert one_helm.objects("billing", {"kafkaSidecar": WORKS}, "1.29.0-gke.100")
    sleeps = over(WORKS, {"shape": "classic", "hooks": {"app": "sleep"}})
    assert "hooks.app: sleep needs Kubernetes 1.30 or later" in refusal(one_helm, "billing", {"kafkaSidecar": sleeps}, "1.29.0")
    assert one_helm.objects("billing", {"kafkaSidecar": over(sleeps, {"hooks": {"app": "none"}})}, "1.25.0")


def test_a_shape_of_another_chart_is_refused_by_the_application_chart(helm: Helm) -> None:
    values = {"kafkaSidecar": over(WORKS, {"shape": "native"}), "standalone": {"enabled": True}}
    assert (
        "kafkaSidecar.shape: native is a shape of your own pod, but standalone.enabled asks for a pod of the sidecar alone: "
        "leave one of them out (your own chart includes kafka-sidecar-lib)"
    ) in refusal(helm, "kafka-sidecar", values)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (
            {"networkPolicy": {"enabled": True}},
            (
                "networkPolicy.enabled: needs standalone.enabled: a policy selects pods, so beside an application it would isolate that, too "
                "(docs/DEPLOY.md has the rules that a sidecar needs)"
            ),
        ),
        (
            {"pdb": {"enabled": True}},
            "pdb.enabled: needs standalone.enabled: the budget of your own pods belongs to your own chart",
        ),
        (
            {"keda": {"enabled": True, "maxReplicaCount": 3}},
            "keda.target.name: is required: the Deployment that has the sidecar, since there is none of this chart's own (standalone.enabled)",
        ),
        (
            {"keda": {"enabled": True, "target": {"name": "billing"}}},
            "keda.maxReplicaCount: is required: at most the number of partitions, since a member beyond that has nothing to do",
        ),
        (
            {"keda": {"enabled": True, "target": {"name": "billing"}, "maxReplicaCount": 3, "minReplicaCount": 0}},
            "keda.minReplicaCount: 0 needs keda.lagRecords.enabled: without a pod there is no lag in seconds that could wake one",
        ),
        (
            {
                "keda": {"enabled": True, "target": {"name": "billing"}, "maxReplicaCount": 3, "lagRecords": {"enabled": True}},
                "kafkaSidecar": {"settings": over(SETTINGS, {"topics": ["^orders.*"]})},
            },
            "keda.lagRecords.topics: is required where kafkaSidecar.settings.topics names none (a pattern is not a name)",
        ),
    ],
)
def test_what_surrounds_it_is_refused_where_it_cannot_work(helm: Helm, values: Object, sentence: str) -> None:
    said = refusal(helm, "kafka-sidecar", values)
    assert "kafka-sidecar: this cannot work:\n" in said
    assert [line.strip() for line in said.splitlines() if line.startswith("  ")] == [sentence]
