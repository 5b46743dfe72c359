"""The application beside the sidecar, as a program of its own that needs only the standard library: ``python sample_app.py``.

It takes NDJSON by POST, works ``APP_WORK`` seconds on each request, notes what it took as a line in the file ``APP_TAKEN``
(monotonic time, then topic, partition and offset of each record), and answers 200. What is noted is taken, answered or not.

SIGTERM: it takes no new connection, ends the requests that it has read, notes no other, works ``APP_STOPS_AFTER`` seconds more and exits.
With ``APP_STUBBORN=1`` it heeds no SIGTERM. While the file ``APP_HANGS`` is there it answers nothing: what it takes is noted all the same, as
by one that hangs after its work. While the file ``APP_WAITS`` is there it takes nothing: the requests that it has read wait for the end of
that, and ``/waitz`` says 200 while one does, else 503. While the file ``APP_SICK`` is there, which it removes when it starts, ``/livez`` says
503; ``/healthz`` does not. ``/idlez`` says 503 while anyone but the asker has a connection: what was sent by one who is gone may not be read yet.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

LOOK_AGAIN = 0.02
LAST_REQUESTS = 2.0
"""Seconds that the requests under way get after SIGTERM."""


class Application(ThreadingHTTPServer):
    """Takes records until it is closed; each connection has a thread."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, taken: str, work: float, environ: Mapping[str, str]) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.work = work
        self.sick = environ.get("APP_SICK", "")
        self.closing = threading.Event()
        self._hangs = environ.get("APP_HANGS", "")
        self._waits = environ.get("APP_WAITS", "")
        self._taken = os.open(taken, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._connections: set[socket.socket] = set()
        self._waiting = 0
        self._lock = threading.Lock()

    def hang(self) -> None:
        """Return when it does not hang (any more)."""
        while is_there(self._hangs):
            time.sleep(LOOK_AGAIN)

    def wait(self) -> None:
        """Return when it takes records (again)."""
        if is_there(self._waits):
            with self._lock:
                self._waiting += 1
            while is_there(self._waits):
                time.sleep(LOOK_AGAIN)
            with self._lock:
                self._waiting -= 1

    @property
    def waits(self) -> bool:
        """Whether a request with records waits."""
        return self._waiting > 0

    @property
    def idle(self) -> bool:
        """Whether there is no connection but that of the asker."""
        with self._lock:
            return len(self._connections) == 1

    def take(self, lines: list[dict[str, Any]]) -> None:
        """Note records as taken, in one write."""
        places = [(line["topic"], line["partition"], line["offset"]) for line in lines]
        os.write(self._taken, json.dumps([time.monotonic(), places]).encode() + b"\n")

    def close_gently(self) -> None:
        """Refuse what comes, end what is under way, drop connections without a request."""
        self.closing.set()
        self.shutdown()
        self.server_close()
        with self._lock:
            connections = tuple(self._connections)
        for connection in connections:
            with suppress(OSError):  # the other side left
                connection.shutdown(socket.SHUT_RD)
        deadline = time.monotonic() + LAST_REQUESTS
        while self._connections and time.monotonic() < deadline:
            time.sleep(LOOK_AGAIN)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection."""
        with self._lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget the connection."""
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Let a client leave when it likes."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """HTTP/1.1 with connections that are kept."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        """Take records."""
        app = cast("Application", self.server)
        length = int(self.headers["Content-Length"])
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True
            return
        time.sleep(app.work)
        app.wait()
        app.take([json.loads(line) for line in body.splitlines()])
        app.hang()
        self.close_connection = self.close_connection or app.closing.is_set()
        self._answer(200)

    def do_GET(self) -> None:
        """Answer health checks."""
        app = cast("Application", self.server)
        app.hang()
        is_well = {"/livez": not is_there(app.sick), "/idlez": app.idle, "/waitz": app.waits}
        self._answer(200 if is_well.get(self.path, True) else 503)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- named by the base class
        """Say nothing."""


def is_there(file: str) -> bool:
    """Tell whether a file is there; the empty name is none."""
    return os.path.exists(file)  # noqa: PTH110 -- asked for each request


def main() -> None:
    """Serve until SIGTERM."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # before any thread: they inherit it
    environ = os.environ
    with suppress(FileNotFoundError):
        os.remove(environ.get("APP_SICK", ""))  # noqa: PTH107 -- it may be the empty name, too
    port, taken, work = int(environ["APP_PORT"]), environ["APP_TAKEN"], float(environ.get("APP_WORK", "0"))
    app = Application(port, taken, work, environ)
    threading.Thread(target=app.serve_forever, args=(0.05,), daemon=True).start()
    print("takes records", flush=True)
    signal.sigwait({signal.SIGTERM})
    print("SIGTERM", flush=True)
    while environ.get("APP_STUBBORN"):
        signal.sigwait({signal.SIGTERM})
    app.close_gently()
    time.sleep(float(environ.get("APP_STOPS_AFTER", "0")))
    print("exits", flush=True)


if __name__ == "__main__":
    main()
