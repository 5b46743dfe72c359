"""What KEDA is told: a question to Prometheus that is asked here of a real promtool, and a pace that leaves the group in peace."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.packaging.charts import Helm, Object, values_of
from tests.parts.prometheus import promtool

MINE = 'namespace="payments",pod="billing-5d4-x1"'
OTHERS = 'namespace="payments",pod="shipping-7f9-x1"'


@pytest.fixture(scope="module")
def scaled(one_helm: Helm) -> Object:
    """Return the ScaledObject for somebody's Deployment named billing."""
    (found,) = (
        one for one in one_helm.objects("kafka-sidecar", values_of("kafka-sidecar-around")) if one["kind"] == "ScaledObject"
    )
    spec: Object = found["spec"]
    return spec


def trigger(scaled: Object, kind: str) -> Any:
    (found,) = (one for one in scaled["triggers"] if one["type"] == kind)
    return found


def lag(pod: str, partition: int, seconds: int) -> Object:
    return {"series": f'sidecar_lag_seconds{{{pod},topic="orders",partition="{partition}"}}', "values": f"{seconds}x3"}


def breaker(pod: str, state: str) -> list[Object]:
    return [
        {"series": f'sidecar_breaker_state{{{pod},state="{one}"}}', "values": f"{int(one == state)}x3"}
        for one in ("closed", "open", "half_open")
    ]


@pytest.mark.parametrize(
    ("why", "series", "answer"),
    [
        ("the worst partition counts", [lag(MINE, 0, 20), lag(MINE, 1, 300), *breaker(MINE, "closed")], 300),
        ("nothing is behind", [lag(MINE, 0, 0), *breaker(MINE, "closed")], 0),
        ("another Deployment is behind", [lag(MINE, 0, 5), lag(OTHERS, 0, 900), *breaker(MINE, "closed")], 5),
        ("more pods would knock at the same closed door", [lag(MINE, 0, 900), *breaker(MINE, "open")], 60),
        ("nobody says anything, so lag is unknown", [lag(OTHERS, 0, 900)], 60),
    ],
)
def test_the_number_of_seconds_behind(scaled: Object, tmp_path: Path, why: str, series: list[Object], answer: float) -> None:
    query = trigger(scaled, "prometheus")["metadata"]["query"]
    expected = [{"value": answer}]
    test = {
        "interval": "1m",
        "input_series": series,
        "promql_expr_test": [{"expr": query, "eval_time": "2m", "exp_samples": expected}],
    }
    path = tmp_path / "query.yaml"
    path.write_text(yaml.safe_dump({"tests": [test]}), encoding="utf-8")
    ran = subprocess.run([promtool(), "test", "rules", path], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, f"{why}: {ran.stdout}{ran.stderr}"


def test_the_answer_for_no_change_is_the_threshold(scaled: Object) -> None:
    metadata = trigger(scaled, "prometheus")["metadata"]
    assert metadata["query"].endswith(f"or on() vector({metadata['threshold']})")
    assert trigger(scaled, "prometheus")["metricType"] == "Value"


def test_one_pod_at_a_time_and_back_only_after_a_while(scaled: Object) -> None:
    behavior = scaled["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    for way in ("scaleUp", "scaleDown"):
        (policy,) = behavior[way]["policies"]
        assert (policy["type"], policy["value"]) == ("Pods", 1)
        assert policy["periodSeconds"] >= 120
    assert behavior["scaleDown"]["stabilizationWindowSeconds"] >= 900


def test_kafka_is_asked_for_each_topic_by_its_own_settings_and_never_for_more_pods_than_partitions(one_helm: Helm) -> None:
    values = values_of("kafka-sidecar-standalone")
    (found,) = (one for one in one_helm.objects("kafka-sidecar", values) if one["kind"] == "ScaledObject")
    metadata = trigger(found["spec"], "kafka")["metadata"]
    assert {name: metadata[name] for name in ("bootstrapServers", "consumerGroup", "topic", "allowIdleConsumers")} == {
        "bootstrapServers": "kafka:9092",
        "consumerGroup": "billing",
        "topic": "orders",
        "allowIdleConsumers": "false",
    }
    assert found["spec"]["scaleTargetRef"]["name"] == "release-kafka-sidecar"


def test_with_keda_no_other_number_of_pods_is_said(one_helm: Helm) -> None:
    (deployment,) = (
        one for one in one_helm.objects("kafka-sidecar", values_of("kafka-sidecar-standalone")) if one["kind"] == "Deployment"
    )
    assert "replicas" not in deployment["spec"]
