"""One HTTP/1.1 connection that is kept, on which every wait ends at one deadline.

The standard library's client does HTTP; what it lacks is here: its time-out is one per read, so an answer that drips would never
end. No redirect is followed and no proxy of the environment is used. Looking up a name is the one wait that the
deadline does not cut: the system's resolver has its own limits.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

from sidecar.core.errors import WriterUnavailable
from sidecar.writers.http_target import Target

MAX_ANSWER = 64 * 1024
"""The longest body of an answer that is read, in bytes."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. ``body`` is that of a 2xx answer, None where it is longer than :data:`MAX_ANSWER`; others are not read."""

    status: int
    content_type: str = ""
    retry_after: str | None = None
    body: bytes | None = b""


class Connection:
    """A connection to ``target`` that is made when it is needed, and kept while the server keeps it."""

    def __init__(self, target: Target, tls: ssl.SSLContext | None) -> None:
        self._target = target
        self._tls = tls
        self._client: http.client.HTTPConnection | None = None
        self._heard = 0

    def open(self, deadline: float) -> None:
        """Connect where there is no connection; raises WriterUnavailable, or TimeoutError at ``deadline``."""
        if self._client is None:
            client = _client(self._target, self._tls)
            client.sock = _dial(self._target, self._tls, deadline)
            self._client = client

    def post(self, body: bytes, headers: Mapping[str, str], deadline: float) -> Answer:
        """Send one request and return its answer.

        Raises WriterUnavailable when no connection can be made. Whether the request was acted on is unknown after the others: TimeoutError
        at ``deadline``, OSError when the connection is lost, http.client.HTTPException when the answer is cut short or not HTTP.
        """
        if self._client is not None:
            try:
                return self._exchange(self._client, body, headers, deadline)
            except (BrokenPipeError, ConnectionResetError):
                # A server may close an idle connection at the very moment when it is used again. Not a byte of an answer came
                # then, and the request goes out once more, on a new connection.
                if self._heard:
                    raise
        self.open(deadline)
        return self._exchange(cast("http.client.HTTPConnection", self._client), body, headers, deadline)

    def close(self) -> None:
        """Close the socket; may be called twice."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _exchange(self, client: http.client.HTTPConnection, body: bytes, headers: Mapping[str, str], deadline: float) -> Answer:
        plain = client.sock
        wire = _Wire(plain, deadline)
        client.sock = cast("socket.socket", wire)
        keep = False
        try:
            with suppress(BrokenPipeError, ConnectionResetError):  # it may have answered (413) before it closed: read that first
                client.request("POST", self._target.path, body, headers)
            response = client.getresponse()
            answer, keep = _read(response), not response.will_close and response.isclosed()
        finally:
            self._heard = wire.received
            client.sock = plain
            if not keep:
                self.close()
        return answer


class _Wire:
    """A socket as the standard library's client uses it, with a deadline for everything and a count of the bytes received."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self.received = 0
        self._sock = sock
        self._deadline = deadline

    def sendall(self, data: bytes) -> None:
        # Not socket.sendall: on a TLS socket that gives each piece the whole time-out.
        rest = memoryview(data)
        while rest:
            self._arm()
            rest = rest[self._sock.send(rest) :]

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Received(self))

    def receive_into(self, buffer: memoryview) -> int:
        self._arm()
        count = self._sock.recv_into(buffer)
        self.received += count
        return count

    def close(self) -> None:
        """Do nothing: the client closes before it has read the body, the :class:`Connection` after."""

    def _arm(self) -> None:
        self._sock.settimeout(_remaining(self._deadline))


class _Received(io.RawIOBase):
    """The bytes that come in on a wire, as a stream."""

    def __init__(self, wire: _Wire) -> None:
        self._wire = wire

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._wire.receive_into(buffer)


def _client(target: Target, tls: ssl.SSLContext | None) -> http.client.HTTPConnection:
    """Return the standard library's client, which must not connect on its own."""
    if tls is None:
        client = http.client.HTTPConnection(target.host, target.port or None)
    else:
        client = http.client.HTTPSConnection(target.host, target.port, context=tls)
    client.auto_open = 0
    return client


def _read(response: http.client.HTTPResponse) -> Answer:
    """Read what matters of an answer: the body of a success, and of the rest the head only."""
    body: bytes | None = b""
    if 200 <= response.status < 300:  # noqa: PLR2004 -- that is what 2xx means
        body = response.read(MAX_ANSWER + 1)
        if len(body) > MAX_ANSWER:
            body = None
        elif response.length:
            raise http.client.IncompleteRead(body, response.length)
    content_type = response.headers.get_content_type() if "Content-Type" in response.headers else ""
    return Answer(response.status, content_type, response.getheader("Retry-After"), body)


def _dial(target: Target, tls: ssl.SSLContext | None, deadline: float) -> socket.socket:
    """Return a connected socket, encrypted where ``tls`` is given."""
    try:
        sock = _dial_unix(target.socket_path, deadline) if target.socket_path else _dial_tcp(target, deadline)
        try:
            return sock if tls is None else tls.wrap_socket(sock, server_hostname=target.host)
        except BaseException:
            sock.close()
            raise
    except TimeoutError:
        raise TimeoutError(f"no connection to {target.name} in time") from None
    except OSError as error:
        raise WriterUnavailable(f"no connection to {target.name}: {error.strerror or type(error).__name__}") from error


def _dial_unix(path: str, deadline: float) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    try:
        sock.settimeout(_remaining(deadline))
        sock.connect(path)
    except BaseException:
        sock.close()
        raise
    return sock


def _dial_tcp(target: Target, deadline: float) -> socket.socket:
    """Connect to the first address of the host that answers; all of them share the time."""
    failure: OSError = OSError(0, "the name has no address")
    for *_, address in socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM):
        try:
            sock = socket.create_connection(address[:2], _remaining(deadline))  # type: ignore[arg-type]  # TCP: host and port
        except OSError as error:
            failure = error
            continue
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock
    raise failure


def _remaining(deadline: float) -> float:
    """Return the seconds left; raises TimeoutError when there are none."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
