"""Run them where both are installed: ``pip install . && pytest``. The writer is found as the sidecar finds it, by its entry point."""

from __future__ import annotations

import socketserver
import threading
import time
from collections.abc import Iterator

import pytest

from sidecar import (
    Batch,
    Chunk,
    ConfigurationError,
    Delivered,
    FailureAction,
    Poison,
    RecordFailure,
    Result,
    Retriable,
    Systemic,
    TopicPartition,
)
from sidecar.core.errors import WriterUnavailable
from sidecar.writers import registry

ORDERS = TopicPartition("orders", 3)


def batch(*values: bytes | None) -> Batch:
    count = len(values)
    columns = (range(7, 7 + count), [-1] * count, [None] * count, values, None)
    return Batch.of([Chunk(ORDERS, 1, *columns, end=7 + count, nbytes=0, polled_at=0.0, polled_wall_ms=0)])


class Server:
    """Answers as it is told, and keeps what it got."""

    def __init__(self) -> None:
        self.answers = [b"ok\n"]
        self.got: list[list[bytes]] = []
        self.tokens: list[bytes] = []
        server = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                server.tokens.append(self.rfile.readline().strip())
                lines: list[bytes] = []
                for line in self.rfile:
                    if line == b"\n":
                        server.got.append(lines)
                        lines = []
                        self.wfile.write(server.answers.pop(0))
                        if not server.answers:
                            return
                    else:
                        lines.append(line.strip())

        self.tcp = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.tcp.daemon_threads = True
        self.thread = threading.Thread(target=self.tcp.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"tcp://127.0.0.1:{self.tcp.server_address[1]}"

    def stop(self) -> None:
        self.tcp.shutdown()
        self.tcp.server_close()
        self.thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()


def written(url: str, *batches: Batch) -> list[Result]:
    writer = registry.kind(url, {"token": "hunter2"}).create()
    try:
        return [writer.write(batch, 1, time.monotonic() + 20) for batch in batches]
    finally:
        writer.close()


def test_each_value_is_a_line_and_all_batches_take_one_connection(server: Server) -> None:
    server.answers = [b"ok\n", b"ok\n"]
    assert written(server.url, batch(b"1", b"2"), batch(b"3")) == [Delivered(), Delivered()]
    assert (server.got, server.tokens) == ([[b"1", b"2"], [b"3"]], [b"hunter2"])


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        (b"busy\n", Retriable("the server is busy", too_many=True)),
        (b"no\n", Systemic("the server does not know the token: set SIDECAR_WRITER__TOKEN")),
        (b"", Retriable("no answer (ConnectionError)")),
        (b"bad 99\n", Systemic("the server answers what no server of this protocol does")),
    ],
)
def test_an_answer_means_what_the_table_says(server: Server, answer: bytes, result: Result) -> None:
    server.answers = [answer]
    assert written(server.url, batch(b"1")) == [result]


def test_a_record_that_the_server_refuses_is_named(server: Server) -> None:
    server.answers = [b"bad 2\n"]
    refused = RecordFailure(ORDERS, 8, FailureAction.REJECT, "the server will never take it")
    assert written(server.url, batch(b"1", b"2", b"3")) == [Poison("the server will never take it", (refused,))]


def test_records_that_are_no_line_are_named_and_nothing_is_sent(server: Server) -> None:
    (result,) = written(server.url, batch(b"1", None, b"a\nb", b""))
    assert isinstance(result, Poison)
    assert [failure.offset for failure in result.named] == [8, 9, 10]
    assert server.got == []


def test_a_server_that_is_away_is_told_by_its_name(server: Server) -> None:
    server.stop()
    (result,) = written(server.url, batch(b"1"))
    assert result == Systemic(f"no connection to {server.url} (Connection refused)")
    with pytest.raises(WriterUnavailable, match="Connection refused"):
        registry.kind(server.url, {}).create().connect(time.monotonic() + 20)


@pytest.mark.parametrize("url", ["tcp:", "tcp://host", "tcp://host:port", "tcp://me:hunter2@host:1", "tcp://host:1/path"])
def test_an_address_that_cannot_work_is_refused_by_the_setting(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^SIDECAR_WRITER__URL: write tcp://host:port, and nothing else$"):
        registry.kind(url, {})
