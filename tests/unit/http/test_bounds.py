from __future__ import annotations

import asyncio
import http.client
import logging
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from sidecar.http.connections import Bounds
from sidecar.http.server import LONGEST_BODY, LONGEST_HEAD, AdminServer
from tests.parts.waiting import wait_for

SOON = Bounds(patience=0.2, most=20)
LARGE = 8 * 1024 * 1024


async def ok(_request: Request) -> Response:
    return PlainTextResponse("ok\n")


async def large(_request: Request) -> Response:
    return Response(b"x" * LARGE)


async def stream(_request: Request) -> Response:
    async def parts() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.Event().wait()

    return StreamingResponse(parts())


@contextmanager
def serving(bounds: Bounds = SOON) -> Iterator[AdminServer]:
    app = Starlette(
        routes=[Route("/", ok, methods=["GET", "POST"]), Route("/large", large), Route("/stream", stream, methods=["POST"])]
    )
    with AdminServer(app, "127.0.0.1", 0, bounds) as server:
        yield server


def connect(server: AdminServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=30)


def read(sock: socket.socket) -> bytes:
    """Return what comes until the other side ends it."""
    received = b""
    try:
        while part := sock.recv(65536):
            received += part
    except ConnectionError:
        pass
    return received


def assert_served(server: AdminServer) -> None:
    """Assert that it answers who asks in time; where this machine made us too slow ourselves, we ask again."""
    wait_for(lambda: is_served(server), "the server answers")


def is_served(server: AdminServer) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == 200
    except ConnectionError:
        return False
    finally:
        connection.close()


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET / HTTP/1.1\r\nHost: a\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ],
    ids=["nothing", "half a head", "half a body", "a chunk"],
)
def test_a_connection_on_which_no_whole_request_comes_is_ended(sent: bytes) -> None:
    with serving() as server, connect(server) as sock:
        sock.sendall(sent)
        answer = read(sock)
        assert b" 408 " in answer or b"200 OK" in answer  # the page does not wait for a body
        assert_served(server)


def test_a_head_that_drips_is_ended_although_each_byte_comes_in_time() -> None:
    with serving() as server, connect(server) as sock:
        reader = threading.Thread(target=read, args=(sock,))
        reader.start()
        sock.sendall(b"GET / HTTP/1.1\r\nX-Slow: ")
        while reader.is_alive():
            with suppress(ConnectionError):  # it is over
                sock.sendall(b"x")
            reader.join(0.02)
        assert_served(server)


def test_an_answer_that_is_not_taken_is_ended() -> None:
    with serving() as server, connect(server) as sock:
        sock.sendall(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        gone = threading.Event()
        while not gone.is_set():
            assert_served(server)
            try:  # a byte more is refused once the other side has cut the connection
                sock.sendall(b"\r")
            except ConnectionError:
                gone.set()


def ask_again_and_again(server: AdminServer) -> tuple[bool, float]:
    """Ask for two seconds on one connection; return whether it was kept, and the longest that the server can have waited for us."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    never, longest, since = threading.Event(), 0.0, time.monotonic()
    connection.connect()
    first = connection.sock
    try:
        for _ in range(20):
            never.wait(0.1)
            asked = time.monotonic()
            connection.request("GET", "/")
            assert connection.getresponse().read() == b"ok\n"
            longest, since = max(longest, time.monotonic() - since), asked
    except ConnectionError:
        return False, max(longest, time.monotonic() - since)
    else:
        return connection.sock is first, longest
    finally:
        connection.close()


def test_a_connection_that_asks_again_and_again_is_kept() -> None:
    with serving(Bounds(patience=1.0)) as server:
        kept, longest = False, 1.0
        while not kept and longest >= 1.0:  # this machine made us wait so long ourselves: that proves nothing
            kept, longest = ask_again_and_again(server)
    assert kept


def test_idle_connections_make_room_so_that_a_probe_always_gets_through() -> None:
    with serving(Bounds(patience=60.0, most=20)) as server, ExitStack() as all_of_them:
        idle = [all_of_them.enter_context(connect(server)) for _ in range(100)]
        assert_served(server)
        assert read(idle[0]) == b""  # the oldest went first


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"hello\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nContent-Length: 8\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX-Long: " + b"x" * LONGEST_HEAD,
        b"GET /" + b"x" * LONGEST_HEAD,
    ],
    ids=["tls", "words", "no host", "bytes", "header", "negative", "two lengths", "long header", "long path"],
)
def test_what_is_not_http_or_too_long_is_answered_with_400_and_the_connection_ends(sent: bytes) -> None:
    with serving(Bounds()) as server, connect(server) as sock:
        sock.sendall(sent)
        answer = read(sock)
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert answer.endswith(b"Invalid HTTP request received.")
        assert_served(server)


@pytest.mark.parametrize("path", ["/", "/stream"])
def test_a_body_that_is_not_http_ends_the_connection_and_cannot_fill_the_log(path: str, caplog: pytest.LogCaptureFixture) -> None:
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    with serving(Bounds()) as server, connect(server) as sock:
        if path == "/":
            sock.sendall(head + b"no chunk\r\n")
        else:
            sock.sendall(head)
            assert sock.recv(1) == b"H"  # its answer is on its way
            sock.sendall(b"no chunk\r\n")
        read(sock)
        assert_served(server)
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_a_long_body_is_refused_and_not_read() -> None:
    with serving(Bounds()) as server, connect(server) as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (LONGEST_BODY + 1))
        answer = read(sock)
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert b"a request takes no body here" in answer


def test_a_body_without_an_end_is_cut_off_after_the_answer() -> None:
    with serving(Bounds(patience=60.0)) as server, connect(server) as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        with pytest.raises(ConnectionError):
            sock.sendall(chunk * 10_000)
        assert_served(server)
