from __future__ import annotations

import pytest

from sidecar.settings import fingerprint, load_settings
from sidecar.settings.container import Container
from tests.unit.settings.environments import LEAST, load, named


def test_the_same_settings_have_the_same_fingerprint() -> None:
    assert fingerprint(load({})) == fingerprint(load({}))
    assert len(fingerprint(load({}))) == 12


@pytest.mark.parametrize(
    "other",
    [
        {"TOPICS": "clicks"},
        {"BUFFER__STRATEGY": "drop_oldest"},
        {"KAFKA__SESSION_TIMEOUT_MS": "30000"},
        {"WRITER__URL": "http://localhost:8081/records"},
        {"WRITER__TIMEOUT": "5s"},
        {"WRITER__BODY": "values"},
        {"MEMORY__LIMIT": "256MiB"},
        {"METRICS__PER_PARTITION": "false"},
        {"APP__HEALTH_URL": "http://localhost:8080/health"},
    ],
)
def test_a_setting_that_differs_changes_it(other: dict[str, str]) -> None:
    assert fingerprint(load(other)) != fingerprint(load({}))


@pytest.mark.parametrize(
    "of_the_pod",
    [
        {"KAFKA__CLIENT_ID": "pod-7"},
        {"KAFKA__GROUP_INSTANCE_ID": "pod-7"},
        {"KAFKA__CLIENT_RACK": "b"},
        {"HTTP__LISTEN": "0.0.0.0:9000"},
    ],
)
def test_what_differs_by_pod_does_not(of_the_pod: dict[str, str]) -> None:
    assert fingerprint(load(of_the_pod)) == fingerprint(load({}))


def test_a_secret_of_the_writer_does_not() -> None:
    oauth = {"WRITER__OAUTH_TOKEN_URL": "https://idp/token", "WRITER__OAUTH_CLIENT_ID": "billing"}
    one, other = (load(oauth | {"WRITER__OAUTH_CLIENT_SECRET": secret}) for secret in ("hunter1", "hunter2"))

    assert (
        fingerprint(one) == fingerprint(other) != fingerprint(load(oauth | {"WRITER__OAUTH_CLIENT_SECRET": "s", "TOPICS": "x"}))
    )


def test_a_pod_name_does_not() -> None:
    in_pods = [
        load_settings(LEAST | {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "HOSTNAME": name}, Container) for name in ("a-1", "a-2")
    ]
    assert fingerprint(in_pods[0]) == fingerprint(in_pods[1])


def test_a_secret_does_not_so_that_nobody_can_guess_it_from_what_is_scraped() -> None:
    secrets = [
        named(
            {
                "KAFKA__SASL_PASSWORD": secret,
                "WRITER__URL": f"http://me:{secret}@app/in?token={secret}",
                "APP__HEALTH_URL": f"http://me:{secret}@app/health?token={secret}",
                "HTTP__TOKEN": secret * 20,
            }
        )
        for secret in ("a", "b")
    ]
    one, two = (fingerprint(load_settings(LEAST | environ, Container)) for environ in secrets)
    assert one == two
