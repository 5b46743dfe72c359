from __future__ import annotations

import base64
from pathlib import Path

import pytest

from sidecar.writers.health import health_check
from tests.contract.listener import Address, Conversation, Listener, Script
from tests.parts.app import Application
from tests.parts.behaviour import Reply
from tests.parts.waiting import free_port

PASSWORD = "hunter2"  # noqa: S105 -- an example


@pytest.fixture(params=["tcp", "unix"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Address:
    """Where a server can listen: a port, or a path."""
    return free_port() if request.param == "tcp" else tmp_path / "app.sock"


def url(address: Address, path: str = "/healthz", user: str = "") -> str:
    if isinstance(address, int):
        return f"http://{user}127.0.0.1:{address}{path}"
    return f"http+unix://{user}{str(address).replace('/', '%2F')}{path}"


def head(conversation: Conversation) -> bytes:
    """Read the head of a request."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += conversation.sock.recv(4096)
    return received


@pytest.mark.parametrize(
    ("status", "healthy"), [(200, True), (204, True), (302, True), (399, True), (400, False), (404, False), (503, False)]
)
def test_two_and_three_hundreds_are_healthy(status: int, *, healthy: bool) -> None:
    with Application() as app:
        app.health = Reply(status)
        trouble = health_check(app.health_url)(10.0)
        assert trouble == (None if healthy else f"{app.health_url} answers {status}")
        assert app.requests == ()


def test_each_check_is_one_get_on_a_connection_of_its_own(address: Address) -> None:
    heads: list[bytes] = []

    def script(conversation: Conversation) -> None:
        heads.append(head(conversation))
        conversation.say(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n")

    with Listener(address, script) as listener:
        check = health_check(url(address, "/healthz?deep=1", f"me:{PASSWORD}@"))
        assert [check(10.0), check(10.0)] == [None, None]
        assert listener.connections == 2
    assert heads[0] == heads[1]
    assert heads[0].startswith(b"GET /healthz?deep=1 HTTP/1.1\r\n")
    assert b"Authorization: Basic " + base64.b64encode(f"me:{PASSWORD}".encode()) in heads[0]


def test_a_long_answer_is_not_read_to_its_end(address: Address) -> None:
    def script(conversation: Conversation) -> None:
        head(conversation)
        conversation.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\nx")
        conversation.until_the_client_leaves()

    with Listener(address, script):
        assert health_check(url(address))(10.0) is None


def refuses(_conversation: Conversation) -> None:
    """Cut the connection at once."""


def says_nothing(conversation: Conversation) -> None:
    conversation.until_the_client_leaves()


def says_nonsense(conversation: Conversation) -> None:
    head(conversation)
    conversation.say(b"hello\r\n\r\n")


@pytest.mark.parametrize(
    ("script", "within", "why"),
    [
        (says_nothing, 0.3, "no whole answer in time"),
        (says_nonsense, 10.0, "the answer is cut short or not HTTP (BadStatusLine)"),
    ],
)
def test_what_is_no_answer_is_told_without_the_credentials(address: Address, script: Script, within: float, why: str) -> None:
    with Listener(address, script):
        trouble = health_check(url(address, user=f"me:{PASSWORD}@"))(within)
    assert trouble == f"{url(address)}: {why}"


def test_an_application_that_hangs_up_or_is_not_there_is_told(address: Address) -> None:
    check = health_check(url(address, user=f"me:{PASSWORD}@"))
    with Listener(address, refuses):
        hung_up = check(10.0)
    gone = check(10.0)
    assert hung_up is not None
    assert gone is not None
    assert gone.startswith(f"no connection to {url(address)}: ")
    assert PASSWORD not in hung_up + gone
