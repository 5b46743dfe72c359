from __future__ import annotations

import base64

import pytest

from sidecar.writers.http_target import Target, parse


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://app", Target("http://app", "app", 80, "/")),
        ("https://App:8443/in?a=b", Target("https://App:8443/in", "app", 8443, "/in?a=b", tls=True)),
        ("https://app/", Target("https://app/", "app", 443, "/", tls=True)),
        ("http://[::1]:8080/", Target("http://[::1]:8080/", "::1", 8080, "/")),
        (
            "http+unix://%2Frun%2FApp.sock/in?a=b",
            Target("http+unix://%2Frun%2FApp.sock/in", "localhost", 80, "/in?a=b", socket_path="/run/App.sock"),
        ),
    ],
)
def test_an_address_is_taken_apart(url: str, target: Target) -> None:
    assert parse(url) == target


@pytest.mark.parametrize(
    ("user", "pair"),
    [("me:se%3Acret%40", b"me:se:cret@"), ("me", b"me:"), (":token", b":token"), ("%C3%A9:%C3%A9", "é:é".encode())],
)
@pytest.mark.parametrize("address", ["http://{}@app/", "http+unix://{}@%2Frun%2Fapp.sock/"])
def test_credentials_become_a_header_and_show_nowhere_else(user: str, pair: bytes, address: str) -> None:
    target = parse(address.format(user))

    assert target.authorization == "Basic " + base64.b64encode(pair).decode()
    assert target.name == address.replace("{}@", "")
    assert target.authorization not in repr(target)
