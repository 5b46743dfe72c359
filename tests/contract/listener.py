"""A server on a stream socket (TCP or unix, encrypted or not) that leaves each connection to a script: HTTP as it should not be."""

from __future__ import annotations

import http.client
import io
import select
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

Address = int | Path
"""A port of the loopback address, or the path of a unix socket."""

TAKEN = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Conversation:
    """One connection, as the server sees it."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._received = sock.makefile("rb")

    def head(self) -> int | None:
        """Read the head of a request; return the length of the body that follows, None where the client has left."""
        if not self._received.readline():
            return None
        return int(http.client.parse_headers(self._received)["Content-Length"])

    def whole_head(self) -> bytes:
        """Read a request; return its first line and its headers as they came, empty where the client has left."""
        lines = list(iter(self._received.readline, b"\r\n")) if self._received.peek(1) else []
        fields = http.client.parse_headers(io.BytesIO(b"".join(lines[1:]) + b"\r\n"))
        self._received.read(int(fields.get("Content-Length", "0")))
        return b"".join(lines).removesuffix(b"\r\n")

    def request(self) -> bytes | None:
        """Read a whole request; return its body, None where the client has left."""
        length = self.head()
        return None if length is None else self._received.read(length)

    def say(self, answer: bytes) -> None:
        """Send ``answer`` as it is."""
        self.sock.sendall(answer)

    def until_the_client_leaves(self) -> None:
        """Read nothing, and wait until the client closes the connection."""
        poll = select.poll()
        poll.register(self.sock, select.POLLRDHUP)
        poll.poll()

    def close(self) -> None:
        """Close the connection."""
        self._received.close()
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()


Script = Callable[[Conversation], None]
"""What the server does with a connection; the connection is closed when it returns."""


class Listener:
    """Listens on ``address``; a context manager, at whose end every thread and socket is gone."""

    def __init__(self, address: Address, script: Script, tls: ssl.SSLContext | None = None) -> None:
        self.connections = 0
        self._script = script
        self._tls = tls
        self._open: set[socket.socket] | None = set()
        self._lock = threading.Lock()
        self._socket = _listening(address)
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        """Refuse connections from now on, and cut those that are open."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        self._socket.close()
        with self._lock:
            connections, self._open = self._open or set(), None
            for connection in connections:
                with suppress(OSError):  # it has ended
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    def wait_until_idle(self) -> None:
        """Wait until every connection so far has ended."""
        for thread in self._threads[1:]:
            thread.join(20.0)
            if thread.is_alive():
                raise TimeoutError("a connection is kept that ought to have ended")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:  # closed
                return
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError, ValueError):  # the client leaves when it likes
            conversation = Conversation(self._tls.wrap_socket(connection, server_side=True) if self._tls else connection)
            try:
                if self._remember(conversation.sock):
                    self._script(conversation)
            finally:
                self._forget(conversation.sock)
                conversation.close()

    def _remember(self, connection: socket.socket) -> bool:
        """Have :meth:`close` cut ``connection``; False when it is too late for that."""
        with self._lock:
            if self._open is None:
                return False
            self._open.add(connection)
            return True

    def _forget(self, connection: socket.socket) -> None:
        with self._lock:
            if self._open is not None:
                self._open.discard(connection)


def relay_to(port: int) -> Script:
    """Return a script that passes everything on to ``port``, and back."""

    def script(conversation: Conversation) -> None:
        with socket.create_connection(("127.0.0.1", port)) as onward:
            back = threading.Thread(target=_pump, args=(onward, conversation.sock))
            back.start()
            _pump(conversation.sock, onward)
            back.join()

    return script


def _pump(source: socket.socket, sink: socket.socket) -> None:
    """Pass on what comes, until either side ends; then end the other."""
    with suppress(OSError):
        while piece := source.recv(65536):
            sink.sendall(piece)
    for sock in (source, sink):
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


def _listening(address: Address) -> socket.socket:
    if isinstance(address, int):
        return socket.create_server(("127.0.0.1", address), backlog=16)
    address.unlink(missing_ok=True)
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(str(address))
    sock.listen(16)
    return sock
