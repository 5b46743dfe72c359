"""What cannot work is refused before anything is printed, and no secret is printed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sidecar.core.errors import ConfigurationError
from sidecar.manifest.container import drain_request
from sidecar.manifest.options import SecretKey
from sidecar.manifest.validate import check
from sidecar.manifest.wish import Wish

SETTINGS = {
    "SIDECAR_TOPICS": "orders",
    "SIDECAR_KAFKA__BOOTSTRAP_SERVERS": "kafka:9092",
    "SIDECAR_KAFKA__GROUP_ID": "billing",
    "SIDECAR_WRITER__URL": "http://127.0.0.1:8080/records",
}
OAUTH = {
    "SIDECAR_WRITER__OAUTH_TOKEN_URL": "https://idp/token",
    "SIDECAR_WRITER__OAUTH_CLIENT_ID": "billing",
    "SIDECAR_WRITER__OAUTH_CLIENT_SECRET": "s",
}
WORKS = Wish("native", "kafka-sidecar:1", SETTINGS)
IN_SECRET = SecretKey("kafka", "password")


def refusal(wish: Wish) -> str:
    with pytest.raises(ConfigurationError) as refused:
        check(wish)
    return str(refused.value)


def test_what_works_is_let_pass() -> None:
    check(WORKS)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("SIDECAR_KAFKA__SASL_PASSWORD", "hunter2"),
        ("SIDECAR_KAFKA__SSL_KEY_PEM", "hunter2"),
        ("SIDECAR_WRITER__URL", "http://billing:hunter2@app/records"),
        ("SIDECAR_HTTP__TOKEN", "hunter2-hunter2"),
        ("SIDECAR_WRITER__OAUTH_CLIENT_SECRET", "hunter2"),
    ],
)
def test_a_secret_of_the_environment_is_not_printed(name: str, text: str) -> None:
    said = refusal(replace(WORKS, settings={**SETTINGS, **(OAUTH if name in OAUTH else {}), name: text}))
    assert f"{name}: is a secret: keep it in a Secret, and name that by --secret {name}=SECRET/KEY" in said
    assert "hunter2" not in said


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"settings": {"SIDECAR_DRAIN_TIMEOUT": "soon"}}, "SIDECAR_DRAIN_TIMEOUT: 'soon' is not a duration"),
        ({"settings": {"SIDECAR_DRAIN_TIMEOUT": "999999999999999d"}}, "SIDECAR_DRAIN_TIMEOUT: '999999999999999d' is too long"),
        ({"settings": {"SIDECAR_HTTP__LISTEN": "anywhere"}}, "SIDECAR_HTTP__LISTEN: 'anywhere' is not an address"),
        ({"memory": "much"}, "--memory: 'much' is not a size"),
    ],
)
def test_what_cannot_be_read_is_told_also_where_a_secret_keeps_the_settings_from_being_judged(
    changes: dict[str, Any], sentence: str
) -> None:
    assert sentence in refusal(replace(WORKS, secrets={"SIDECAR_WRITER__URL": IN_SECRET}, **{"settings": {}, **changes}))


def test_a_hook_asks_for_a_time_that_is_written_with_a_space() -> None:
    settings = {**SETTINGS, "SIDECAR_DRAIN_TIMEOUT": "25 s", "SIDECAR_HTTP__TOKEN": "hunter2-hunter2"}
    wish = replace(WORKS, settings=settings, own_hook="http")
    check(wish)
    assert drain_request(wish, "")["httpGet"]["path"] == "/drain?wait=25%20s"


def test_the_path_of_a_key_is_no_secret() -> None:
    check(replace(WORKS, settings={**SETTINGS, "SIDECAR_KAFKA__SSL_KEY_LOCATION": "/keys/tls.key"}))


def test_a_file_of_this_machine_is_refused_since_the_pod_does_not_have_it() -> None:
    said = refusal(replace(WORKS, settings={**SETTINGS, "SIDECAR_HTTP__TOKEN_FILE": "/root/token"}))
    assert (
        "SIDECAR_HTTP__TOKEN_FILE: names a file of this machine: leave it out, and write --secret SIDECAR_HTTP__TOKEN=SECRET/KEY"
        in said
    )


def test_a_setting_that_is_wrong_is_told_as_always() -> None:
    assert "SIDECAR_BUFFER__STRATEGY: must be 'block'" in refusal(
        replace(WORKS, settings={**SETTINGS, "SIDECAR_BUFFER__STRATEGY": "drop"})
    )


def test_the_memory_that_is_asked_for_is_what_the_settings_must_fit_into() -> None:
    assert "SIDECAR_MEMORY__LIMIT" in refusal(replace(WORKS, memory="32Mi"))


def test_a_setting_is_given_once() -> None:
    assert "SIDECAR_TOPICS: is set twice, by the environment and by --secret" in refusal(
        replace(WORKS, secrets={"SIDECAR_TOPICS": IN_SECRET})
    )


def test_a_secret_for_what_is_no_setting_is_refused() -> None:
    assert "--secret: SIDECAR_TOPIC is no setting" in refusal(replace(WORKS, secrets={"SIDECAR_TOPIC": IN_SECRET}))


def test_a_token_that_all_could_read_is_refused() -> None:
    wish = replace(WORKS, secrets={"SIDECAR_HTTP__TOKEN": IN_SECRET})
    assert "--fs-group: is required for a file of SIDECAR_HTTP__TOKEN" in refusal(wish)
    check(replace(wish, fs_group=1000))
    check(replace(wish, shape="standalone"))


def test_a_hook_of_the_application_needs_its_name() -> None:
    assert "--app-hook: sleep is a hook of the application: name its container by --app" in refusal(
        replace(WORKS, app_hook="sleep")
    )
