from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from sidecar.core.records import Batch
from sidecar.core.results import Delivered, Poison, Result, Retriable, Said, Systemic, TooLarge
from sidecar.writers import registry
from sidecar.writers.http_socket import first_that_answers
from sidecar.writers.protocol import Writer
from tests.contract import certificates
from tests.contract.batches import chunk, lines_of, numbers
from tests.contract.listener import TAKEN, Address, Conversation, Listener, Script
from tests.parts.app import Application
from tests.parts.waiting import free_port
from tests.parts.watched import Watched

BATCH = numbers(0, 3)


@pytest.fixture(params=["tcp", "unix"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Address:
    """Where a server can listen: a port, or a path."""
    return free_port() if request.param == "tcp" else tmp_path / "app.sock"


def writer_to(address: Address) -> Writer:
    host = f"http://127.0.0.1:{address}" if isinstance(address, int) else f"http+unix://{str(address).replace('/', '%2F')}"
    return registry.kind(host + "/records", {}).create()


def write(writer: Writer, batch: Batch = BATCH, within: float = 20.0) -> Result:
    return writer.write(batch, 1, time.monotonic() + within)


def saying(answer: bytes) -> Script:
    """Answer each request with these bytes, and keep the connection."""

    def script(conversation: Conversation) -> None:
        while conversation.request() is not None:
            conversation.say(answer)

    return script


def cutting(answer: bytes) -> Script:
    """Answer one request with these bytes, and cut the connection."""

    def script(conversation: Conversation) -> None:
        conversation.request()
        conversation.say(answer)

    return script


def dripping(answer: bytes) -> Script:
    """Answer with a byte every now and then, for longer than anyone waits here, yet not for ever."""
    pace = threading.Event()

    def script(conversation: Conversation) -> None:
        conversation.request()
        for byte in answer + b" " * 200:
            conversation.say(bytes([byte]))
            pace.wait(0.02)

    return script


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (cutting(b""), "the connection was lost (RemoteDisconnected)"),
        (cutting(b"HTTP/1.1 20"), "the answer is cut short or not HTTP (BadStatusLine)"),
        (cutting(HEAD + b"Content-Length: 100\r\n\r\n{}"), "the answer is cut short or not HTTP (IncompleteRead)"),
        (cutting(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{}"), "the answer is cut short or not HTTP (IncompleteRead)"),
        (cutting(HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"), "the answer is cut short or not HTTP (IncompleteRead)"),
        (cutting(HEAD + b"Transfer-Encoding: chunked\r\n\r\n-5\r\n{}"), "the answer is cut short or not HTTP (IncompleteRead)"),
        (cutting(HEAD + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n{}"), "the answer is cut short or not HTTP (IncompleteRead)"),
        (cutting(HEAD), "the answer is cut short or not HTTP (IncompleteRead)"),
        (cutting(HEAD + b"Content-Le"), "the answer is cut short or not HTTP (IncompleteRead)"),
        (cutting(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n"), "the answer is cut short or not HTTP (IncompleteRead)"),
        (cutting(HEAD + b'\r\n{"failures": [{"topic"'), "the answer is not what the contract says: its body is not valid JSON"),
        (cutting(b"SSH-2.0-OpenSSH_9.2\r\n"), "the answer is cut short or not HTTP (BadStatusLine)"),
        (cutting(HEAD + b"a: b\r\n" * 200 + b"\r\n"), "the answer is cut short or not HTTP (HTTPException)"),
        (cutting(HEAD + b"a: " + b"b" * 99_999 + b"\r\n\r\n"), "the answer is cut short or not HTTP (LineTooLong)"),
        (cutting(b"HTTP/1.1 101 Switching Protocols\r\n\r\n"), "answered 101 Switching Protocols"),
    ],
)
def test_what_is_not_a_whole_answer_is_repeated_on_a_new_connection(address: Address, script: Script, reason: str) -> None:
    writer = writer_to(address)
    with Listener(address, script):
        result = write(writer)
        assert isinstance(result, Retriable)
        assert result.reason == reason

    with Listener(address, saying(TAKEN)):
        assert write(writer) == Delivered()
        writer.close()


@pytest.mark.parametrize("answer", [HEAD + b"Content-Length: 200\r\n\r\n", HEAD, b"", HEAD + b"\r\n"])
def test_an_answer_that_drips_ends_at_the_deadline(address: Address, answer: bytes) -> None:
    with Listener(address, dripping(answer)):
        writer = writer_to(address)
        assert write(writer, within=0.3) == Retriable("no whole answer in time")
        writer.close()


def test_a_server_that_never_reads_ends_at_the_deadline(address: Address) -> None:
    with Listener(address, Conversation.until_the_client_leaves):
        writer = writer_to(address)
        assert write(writer, Batch.of([chunk([b"x" * 20_000_000])]), within=1.5) == Retriable("no whole answer in time")
        writer.close()


def test_a_refusal_that_comes_before_the_request_is_sent_is_heard(address: Address) -> None:
    def script(conversation: Conversation) -> None:
        conversation.head()
        conversation.say(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        conversation.until_the_client_leaves()

    with Listener(address, script) as server:
        writer = writer_to(address)
        for _ in range(2):
            assert isinstance(write(writer, Batch.of([chunk([b"x" * 10_000_000] * 2)])), TooLarge)
        writer.close()
        assert server.connections == 2


def test_a_success_that_comes_before_the_request_is_sent_is_none(address: Address) -> None:
    def script(conversation: Conversation) -> None:
        conversation.head()
        conversation.say(TAKEN)
        conversation.until_the_client_leaves()

    with Listener(address, script):
        writer = writer_to(address)
        assert write(writer, Batch.of([chunk([b"x" * 10_000_000] * 2)])) == Retriable(
            "a success was answered before the whole request was sent"
        )
        writer.close()


def test_an_address_that_does_not_answer_leaves_time_for_the_next_one() -> None:
    with (
        socket.create_server(("127.0.0.1", 0), backlog=0) as dead,
        socket.create_server(("127.0.0.1", 0)) as alive,
        socket.create_connection(dead.getsockname()),  # its queue is full with that
    ):
        places = [(socket.AF_INET, server.getsockname()) for server in (dead, alive)]
        with first_that_answers(places, time.monotonic() + 1.0) as connected:
            assert connected.getpeername() == alive.getsockname()


def test_an_address_that_refused_before_another_one_answered_keeps_nothing_of_who_asked() -> None:
    def ask(values: Watched) -> bool:
        places = [(socket.AF_INET, ("127.0.0.1", free_port())), (socket.AF_INET, alive.getsockname())]
        with first_that_answers(places, time.monotonic() + 10.0) as connected:
            return bool(values) and connected.getpeername() == alive.getsockname()

    values = Watched([b"1"])
    watched = values.watch()
    with socket.create_server(("127.0.0.1", 0)) as alive:
        assert ask(values)
    del values
    assert watched() is None


def test_a_unix_socket_whose_queue_is_full_is_busy_and_not_away(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as busy, socket.socket(socket.AF_UNIX) as first:
        busy.bind(str(tmp_path / "app.sock"))
        busy.listen(0)
        first.connect(str(tmp_path / "app.sock"))
        writer = writer_to(tmp_path / "app.sock")
        name = f"http+unix://{str(tmp_path / 'app.sock').replace('/', '%2F')}/records"
        assert write(writer) == Retriable(f"no connection to {name}: too many wait for it already")
        writer.close()


@pytest.mark.parametrize(
    "answer",
    [
        TAKEN,
        b"HTTP/1.1 204 No Content\r\n\r\n",
        HEAD + b"Content-Length: 2\r\n\r\n{}",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 422 No\r\nContent-Length: 4\r\n\r\nwhy?",
        b"HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nwhy?\r\n0\r\n\r\n",
    ],
)
def test_one_connection_carries_many_batches(address: Address, answer: bytes) -> None:
    with Listener(address, saying(answer)) as server:
        writer = writer_to(address)
        assert len({type(write(writer)) for _ in range(5)}) == 1
        writer.close()
        assert server.connections == 1


@pytest.mark.parametrize(
    "rest", [b"Content-Length: 99\r\n\r\nwhy", b"Transfer-Encoding: chunked\r\n\r\n3\r\nwhy\r\n", b"\r\nwhy"]
)
def test_a_refusal_whose_words_do_not_end_is_a_refusal_with_those_that_came(address: Address, rest: bytes) -> None:
    def script(conversation: Conversation) -> None:
        conversation.request()
        conversation.say(b"HTTP/1.1 422 No\r\n" + rest)
        conversation.until_the_client_leaves()

    with Listener(address, script) as server:
        writer, deadline = writer_to(address), time.monotonic() + 10
        for _ in range(2):  # the first leaves time for the second
            result = writer.write(BATCH, 1, deadline)
            assert result == Poison("answered 422 Unprocessable Entity", said=Said("422", "why"))
        writer.close()
        assert server.connections == 2


@pytest.mark.parametrize("farewell", [b"", b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"])
def test_a_connection_that_went_stale_is_replaced_before_the_request_is_sent(address: Address, farewell: bytes) -> None:
    bodies: list[bytes | None] = []

    def script(conversation: Conversation) -> None:
        bodies.append(conversation.request())
        conversation.say(TAKEN + farewell)

    with Listener(address, script) as server:
        writer = writer_to(address)
        for _ in range(3):
            assert write(writer) == Delivered()
            server.wait_until_idle()
        writer.close()
        assert (server.connections, bodies) == (3, [lines_of(BATCH)] * 3)


def test_a_connection_that_is_lost_under_a_request_is_for_the_caller_to_repeat(address: Address) -> None:
    bodies: list[bytes | None] = []

    def script(conversation: Conversation) -> None:
        bodies.append(conversation.request())
        conversation.say(TAKEN)
        bodies.append(conversation.request())

    with Listener(address, script):
        writer = writer_to(address)
        assert [type(write(writer)) for _ in range(2)] == [Delivered, Retriable]
        assert len(bodies) == 2
        writer.close()


def test_an_interim_answer_is_not_taken_for_the_answer(address: Address) -> None:
    answers = iter([b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 503 Busy\r\n"])

    def script(conversation: Conversation) -> None:
        while conversation.request() is not None:
            conversation.say(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
            conversation.say(next(answers) + b"Content-Length: 0\r\n\r\n")

    with Listener(address, script) as server:
        writer = writer_to(address)
        assert [type(write(writer)) for _ in range(2)] == [Delivered, Retriable]
        writer.close()
        assert server.connections == 1


def test_a_proxy_of_the_environment_is_not_used() -> None:
    program = (
        "import sys, time\n"
        "from sidecar.writers import registry\n"
        "from tests.contract.batches import numbers\n"
        "print(registry.kind(sys.argv[1], {}).create().write(numbers(0, 3), 1, time.monotonic() + 20))\n"
    )
    with Application() as app:
        proxies = dict.fromkeys(("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"), f"http://127.0.0.1:{free_port()}")
        ran = subprocess.run(
            [sys.executable, "-c", program, app.url],
            env=os.environ | proxies,
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=True,
        )
        assert ran.stdout == "Delivered()\n"
        assert app.ids == (0, 1, 2)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a certificate for ``localhost`` that signed itself, with its key in one file."""
    return certificates.make(tmp_path_factory.mktemp("tls"), "localhost")


def tls_server(certificate: Path, script: Script, port: int) -> Listener:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return Listener(port, script, context)


def trusting(certificate: Path, url: str) -> Writer:
    return registry.kind(url, {"tls_ca": str(certificate.with_suffix(".crt"))}).create()


def test_batches_go_encrypted_over_one_connection_and_a_new_one_when_it_went_stale(certificate: Path) -> None:
    def two_each(conversation: Conversation) -> None:
        for _ in range(2):
            conversation.request()
            conversation.say(TAKEN)

    port = free_port()
    with tls_server(certificate, two_each, port) as server:
        writer = trusting(certificate, f"https://localhost:{port}/")
        for _ in range(2):
            assert [write(writer) for _ in range(2)] == [Delivered()] * 2
            server.wait_until_idle()
        writer.close()
        assert server.connections == 2


def test_a_large_request_goes_encrypted_and_an_encrypted_drip_ends_at_the_deadline(certificate: Path) -> None:
    port = free_port()
    large = Batch.of([chunk([b"x" * 5_000_000])])
    with tls_server(certificate, saying(TAKEN), port):
        writer = trusting(certificate, f"https://localhost:{port}/")
        assert write(writer, large) == Delivered()
        writer.close()
    with tls_server(certificate, dripping(HEAD), port):
        writer.connect(time.monotonic() + 20)  # so that the time is spent on the answer, and not on the handshake
        assert write(writer, within=0.5) == Retriable("no whole answer in time")
        writer.close()


@pytest.mark.parametrize(
    ("host", "trust", "why"),
    [("localhost", False, "self-signed certificate"), ("127.0.0.1", True, "certificate is not valid for '127.0.0.1'")],
)
def test_a_certificate_that_cannot_be_trusted_is_systemic(certificate: Path, host: str, trust: bool, why: str) -> None:  # noqa: FBT001 -- a column of the table
    port = free_port()
    with tls_server(certificate, saying(TAKEN), port):
        url = f"https://{host}:{port}/"
        writer = trusting(certificate, url) if trust else registry.kind(url, {}).create()
        result = write(writer)

    assert isinstance(result, Systemic)
    assert why in result.reason


def test_a_handshake_that_never_comes_ends_at_the_deadline(certificate: Path) -> None:
    port = free_port()
    with Listener(port, Conversation.until_the_client_leaves):
        url = f"https://localhost:{port}/"
        assert write(trusting(certificate, url), within=0.3) == Retriable(f"no connection to {url} in time")
