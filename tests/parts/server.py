"""The HTTP server below the application of the tests: HTTP/1.1, connections that are kept, and an end that cuts them."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

from tests.parts.behaviour import Reply

Judge = Callable[[Mapping[str, str], bytes], Reply]
"""Says what to answer to a request with these headers (names in lower case) and this body; called by many threads."""

Health = Callable[[], Reply]
"""Says what to answer to a health check."""


class Server(ThreadingHTTPServer):
    """A server with its own thread that can be closed for good, open connections included."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, judge: Judge, health: Health) -> None:
        self.judge = judge
        self.health = health
        self.closing = threading.Event()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(("127.0.0.1", port), _Handler)
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), name=f"application-{port}", daemon=True)
        self._thread.start()

    @property
    def connections(self) -> int:
        """How many connections are open; one with a request until that is answered, even when its client left."""
        with self._lock:
            return len(self._open)

    def close(self) -> None:
        """Refuse connections from now on, and cut those that are open."""
        self.closing.set()
        self.shutdown()
        self._thread.join()
        self.server_close()
        with self._lock:
            connections = tuple(self._open)
        for connection in connections:
            with suppress(OSError):  # the other side was quicker
                connection.shutdown(socket.SHUT_RDWR)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection: :meth:`close` cuts it."""
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget the connection: it has ended."""
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report what went wrong, except that a client left or :meth:`close` cut it off."""
        if not self.closing.is_set() and not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """HTTP/1.1 with connections that are kept; one thread each."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        """Hand the request to the judge, and answer as it says."""
        server = cast("Server", self.server)
        length = int(self.headers["Content-Length"])
        body = self.rfile.read(length)
        if len(body) < length:
            raise ConnectionResetError("the client left in the middle of its request")
        reply = server.judge({name.lower(): value for name, value in self.headers.items()}, body)
        if reply.hang_up or server.closing.is_set():
            self.close_connection = True
        elif reply.endless:
            self._answer_without_end(server.closing)
        else:
            self._answer(reply)

    def do_GET(self) -> None:
        """Answer health checks."""
        self._answer(cast("Server", self.server).health())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- named by the base class
        """Say nothing: the test asks for what it wants to know."""

    def _answer(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    def _answer_without_end(self, closing: threading.Event) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.close_connection = True
        with suppress(ConnectionError):  # the client has had enough, as it should
            while not closing.is_set():
                self.wfile.write(b"1000\r\n" + b"x" * 0x1000 + b"\r\n")
