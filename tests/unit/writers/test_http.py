from __future__ import annotations

from collections.abc import Mapping

import pytest

from sidecar.core.errors import ConfigurationError
from sidecar.writers import registry

OAUTH = {"oauth_token_url": "https://idp/token", "oauth_client_id": "billing", "oauth_client_secret": "hunter2"}
TOKEN = {"token_file": "/run/token"}


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("http://app/", {"body": "raw", "compression": "gzip"}),
        (
            "http://app/",
            {"body": "cloudevents", "event_source": "https://kafka.example/eu?a=[b]", "event_type": "com.example.{topic}"},
        ),
        ("https://app/", {"tls_ca": "/tls/ca.pem", "tls_cert": "/tls/cert.pem", "tls_key": "/tls/key.pem"}),
        ("https://app/", {"tls_cert": "/tls/both.pem", **OAUTH, "oauth_scope": "write read"}),
        ("http+unix://%2Frun%2Fapp.sock/", TOKEN),
        ("http://app/", {**OAUTH, "oauth_token_url": "http://localhost:8080/token"}),
    ],
)
def test_what_can_work_is_taken_and_no_file_is_needed_for_that(url: str, options: Mapping[str, registry.Value]) -> None:
    registry.kind(url, options).create().close()


@pytest.mark.parametrize(
    ("url", "options", "complaint"),
    [
        ("http://app/", {"compression": "zstd"}, "COMPRESSION: must be none or gzip"),
        ("http://app/", {"event_source": "/eu"}, "EVENT_SOURCE: belongs to SIDECAR_WRITER__BODY=cloudevents"),
        ("http://app/", {"event_type": "order"}, "EVENT_TYPE: belongs to SIDECAR_WRITER__BODY=cloudevents"),
        ("http://app/", {"body": "cloudevents", "event_source": ""}, "EVENT_SOURCE: must be a URI reference"),
        ("http://app/", {"body": "cloudevents", "event_source": 'a"b'}, "EVENT_SOURCE: must be a URI reference"),
        ("http://app/", {"body": "cloudevents", "event_type": "a\nb"}, "EVENT_TYPE: must be a text of printable characters"),
        ("http://app/", {"tls_ca": "/tls/ca.pem"}, "TLS_CA: belongs to https://"),
        (
            "https://app/",
            {"tls_key": "/tls/key.pem"},
            "TLS_KEY: is the key of a certificate: name that by SIDECAR_WRITER__TLS_CERT",
        ),
        ("https://app/", {"tls_ca": "ca.pem"}, "TLS_CA: must be the absolute path of a file"),
        ("http://app/", {"token_file": "token"}, "TOKEN_FILE: must be the absolute path of a file"),
        ("http://me:hunter2@app/", TOKEN, "TOKEN_FILE: is a second source of credentials"),
        ("http://me:hunter2@app/", OAUTH, "OAUTH_TOKEN_URL: is a second source of credentials"),
        ("http://app/", TOKEN | OAUTH, "OAUTH_TOKEN_URL: is a second source of credentials"),
        (
            "http://app/",
            OAUTH | {"oauth_client_id": ""},
            "OAUTH_CLIENT_ID: is required for OAuth 2.0, beside SIDECAR_WRITER__OAUTH_TOKEN_URL",
        ),
        (
            "http://app/",
            {"oauth_scope": "write"},
            "OAUTH_TOKEN_URL: is required for OAuth 2.0, beside SIDECAR_WRITER__OAUTH_SCOPE",
        ),
        ("http://app/", OAUTH | {"oauth_token_url": "idp"}, "OAUTH_TOKEN_URL: must begin with https://"),
        (
            "http://app/",
            OAUTH | {"oauth_token_url": "http://idp/"},
            "OAUTH_TOKEN_URL: must begin with https://, for the client's secret",
        ),
        ("http://app/", OAUTH | {"oauth_token_url": "https://a:hunter2@idp/"}, "OAUTH_TOKEN_URL: it holds a user"),
        ("http://app/", OAUTH | {"oauth_token_url": "https:///token"}, "OAUTH_TOKEN_URL: it names no host"),
    ],
)
def test_what_cannot_work_is_refused_by_name_with_the_mend(
    url: str, options: Mapping[str, registry.Value], complaint: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        registry.kind(url, options)

    assert str(refused.value).startswith(f"SIDECAR_WRITER__{complaint}")
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("body", "needed"), [("ndjson", True), ("json", True), ("raw", True), ("cloudevents", True), ("values", False)]
)
def test_headers_are_read_for_every_body_but_the_payloads_alone(body: str, needed: bool) -> None:  # noqa: FBT001 -- a column of the table
    assert registry.kind("http://app/", {"body": body}).needs_headers == needed
