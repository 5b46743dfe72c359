from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from sidecar.core.errors import WriterUnavailable
from sidecar.core.results import Delivered, Result, Systemic
from sidecar.writers import registry
from sidecar.writers.http_oauth import Client, ClientCredentials
from sidecar.writers.http_target import parse
from sidecar.writers.protocol import Writer, WriterKind
from tests.contract.batches import numbers
from tests.contract.downstreams import OverTcp
from tests.contract.listener import Conversation, Listener
from tests.contract.provider import Provider
from tests.parts.app import Application
from tests.parts.behaviour import Behaviour, Reply, Request, accept
from tests.parts.waiting import free_port

BATCH = numbers(0, 3)


def write(writer: Writer, within: float = 20.0) -> Result:
    return writer.write(BATCH, 1, time.monotonic() + within)


def shown(app: Application) -> list[str | None]:
    """Return the header by which each request proved itself."""
    return [request.headers.get("authorization") for request in app.requests]


def taking(*tokens: str) -> Behaviour:
    """Take requests with one of ``tokens``, and answer 401 to others."""
    wanted = {f"Bearer {token}" for token in tokens}
    return lambda request: Reply() if request.headers.get("authorization") in wanted else Reply(401)


def with_token(app: OverTcp, path: Path) -> Writer:
    return registry.kind(app.url, {"token_file": str(path)}).create()


def test_a_token_is_read_again_when_its_file_is_another_one(app: OverTcp, tmp_path: Path) -> None:
    path, fresh = tmp_path / "token", tmp_path / "fresh"
    path.write_text("first\n")
    writer = with_token(app, path)
    assert [write(writer), write(writer)] == [Delivered()] * 2
    fresh.write_text("later\n")
    fresh.replace(path)
    assert write(writer) == Delivered()
    writer.close()

    assert shown(app.application) == ["Bearer first", "Bearer first", "Bearer later"]


def test_a_token_that_was_replaced_under_a_request_is_shown_at_once(app: OverTcp, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("old")

    def behave(request: Request) -> Reply:
        path.write_text("newer")
        return taking("newer")(request)

    app.application.behave = behave
    writer = with_token(app, path)
    assert write(writer) == Delivered()
    writer.close()

    assert shown(app.application) == ["Bearer old", "Bearer newer"]


def test_a_token_that_is_refused_and_stays_is_not_shown_again(app: OverTcp, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("old")
    app.application.behave = taking("new")
    writer = with_token(app, path)

    assert write(writer) == Systemic("answered 401 Unauthorized")
    writer.close()
    assert len(app.application.requests) == 1


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "the file cannot be read (No such file or directory)"),
        (b"", "the file does not hold a token, which is one word of ASCII"),
        (b"hunter2 hunter2", "the file does not hold a token, which is one word of ASCII"),
        (b"hunter2\r\nHost: evil", "the file does not hold a token, which is one word of ASCII"),
        (b"hunter2\xff", "the file does not hold a token, which is one word of ASCII"),
    ],
)
def test_a_file_without_a_token_is_systemic_and_told_before_a_record_is_sent(
    app: OverTcp, tmp_path: Path, content: bytes | None, why: str
) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    writer = with_token(app, path)

    with pytest.raises(WriterUnavailable) as told:
        writer.connect(time.monotonic() + 20)

    assert str(told.value) == f"SIDECAR_WRITER__TOKEN_FILE: {why}"
    assert write(writer) == Systemic(str(told.value))
    writer.close()
    assert app.application.requests == ()


def oauth(app: Application, provider: str) -> WriterKind:
    client = {"oauth_client_id": "bill:ing", "oauth_client_secret": "hunter2 +", "oauth_scope": "write read"}
    return registry.kind(app.url, {"oauth_token_url": provider, **client})


def test_one_token_serves_all_writers_and_is_asked_for_as_the_standard_says() -> None:
    with Application(taking("token-1")) as app, Provider() as provider:
        kind = oauth(app, provider.url)
        for writer in (kind.create(), kind.create()):
            assert [write(writer), write(writer)] == [Delivered()] * 2
            writer.close()

        [(authorization, form)] = provider.asked
        assert authorization == "Basic YmlsbCUzQWluZzpodW50ZXIyKyUyQg=="  # bill%3Aing:hunter2+%2B
        assert form == {"grant_type": ["client_credentials"], "scope": ["write read"]}


def test_a_refused_token_is_asked_for_again_once() -> None:
    with Application(taking("token-2")) as app, Provider() as provider:
        writer = oauth(app, provider.url).create()
        assert [write(writer), write(writer)] == [Delivered()] * 2
        assert shown(app) == ["Bearer token-1", "Bearer token-2", "Bearer token-2"]

        app.behave = taking()
        assert write(writer) == Systemic("answered 401 Unauthorized")
        assert shown(app)[3:] == ["Bearer token-2", "Bearer token-3"]
        writer.close()


@pytest.mark.parametrize(
    ("expires_in", "just_good", "over"),
    [(3600, 3539.0, 3541.0), ("3600", 3539.0, 3541.0), (100, 89.0, 91.0), (None, 269.0, 271.0)],
)
def test_a_token_is_kept_until_shortly_before_its_end(expires_in: object, just_good: float, over: float) -> None:
    now = 1000.0
    with Provider() as provider:
        lifetime = {} if expires_in is None else {"expires_in": expires_in}
        provider.reply = Reply(200, {}, json.dumps({"access_token": "a", "token_type": "bearer", **lifetime}).encode())
        credentials = ClientCredentials(parse(provider.url), None, Client("me", "hunter2"), clock=lambda: now)
        for later, asked in ((0.0, 1), (just_good, 1), (over, 2)):
            now = 1000.0 + later
            assert credentials.header(time.monotonic() + 20) == "Bearer a"
            assert len(provider.asked) == asked


INVALID = b'{"error": "invalid_client", "error_description": "hunter2"}'


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (Reply(401, {}, INVALID), "answered 401 (invalid_client)"),
        (Reply(400, {}, b'{"error": "hunter2"}'), "answered 400"),
        (Reply(503, {}, b"<html>hunter2"), "answered 503"),
        (Reply(302, {"Location": "http://hunter2/"}), "answered 302"),
        (Reply(200, {}, b"<html>hunter2"), "its answer is not that of RFC 6749"),
        (Reply(200, {}, b'{"token_type": "hunter2"}'), "its answer is not that of RFC 6749"),
        (Reply(200, {}, b'{"access_token": "a", "token_type": "mac"}'), "what it gives is no bearer token"),
        (
            Reply(200, {}, b'{"access_token": "hunter2\\r\\nHost: evil", "token_type": "Bearer"}'),
            "what it gives is no bearer token",
        ),
        (Reply(endless=True), "its answer is not that of RFC 6749"),
        (Reply(hang_up=True), "no whole answer (RemoteDisconnected)"),
    ],
)
def test_without_a_token_nothing_is_sent_and_the_reason_quotes_no_secret(reply: Reply, why: str) -> None:
    with Application(accept) as app, Provider() as provider:
        provider.reply = reply
        writer = oauth(app, provider.url).create()
        result = write(writer)
        writer.close()

        assert result == Systemic(f"no token from {provider.url}: {why}")
        assert app.requests == ()


def test_a_provider_that_is_away_is_told_by_name(app: OverTcp) -> None:
    url = f"http://127.0.0.1:{free_port()}/token"
    writer = oauth(app.application, url).create()

    with pytest.raises(WriterUnavailable, match=f"no token: no connection to {url}: Connection refused"):
        writer.connect(time.monotonic() + 20)


def test_a_provider_that_does_not_answer_is_waited_for_until_the_deadline(app: OverTcp) -> None:
    port = free_port()
    with Listener(port, Conversation.until_the_client_leaves):
        url = f"http://127.0.0.1:{port}/token"
        assert write(oauth(app.application, url).create(), within=0.3) == Systemic(f"no token from {url} in time")
