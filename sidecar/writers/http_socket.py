"""The sockets below HTTP: how one is connected, told to be stale, and read and written with one deadline for everything."""

from __future__ import annotations

import errno
import http.client
import io
import socket
import ssl
import time
from collections.abc import Sequence
from typing import Any

from sidecar.core.errors import WriterUnavailable
from sidecar.writers.http_target import Target
from sidecar.writers.link_local import is_link_local, is_metadata_name

PATIENCE = 0.5
"""How long a server may leave a request unread, in seconds, before an answer that is there already counts as its answer; and how long
it may take over the words that go with a refusal."""


class AnsweredEarly(Exception):  # noqa: N818 -- what the server did, no mistake of anyone
    """The server has answered and does not read the rest of the request."""


class DeadlineSocket:
    """``plain`` as the standard library's client uses it; each call raises TimeoutError at ``deadline``."""

    def __init__(self, plain: socket.socket, deadline: float) -> None:
        self.plain = plain
        self._deadline = deadline

    def sendall(self, data: bytes) -> None:
        """Send ``data``; raises AnsweredEarly. Not socket.sendall: on a TLS socket that gives each piece the whole time-out."""
        rest = memoryview(data)
        while rest:
            self.plain.settimeout(min(PATIENCE, remaining(self._deadline)))
            try:
                rest = rest[self.plain.send(rest) :]
            except TimeoutError:
                if _has_answer(self.plain):
                    raise AnsweredEarly from None

    def hasten(self, seconds: float) -> None:
        """Let what comes from now on take ``seconds`` at most."""
        self._deadline = min(self._deadline, time.monotonic() + seconds)

    def makefile(self, _mode: str) -> Incoming:
        """Return the bytes that come in, as a stream."""
        return Incoming(_Received(self))

    def receive_into(self, buffer: memoryview) -> int:
        """Fill ``buffer`` with what has come; 0 at the end."""
        self.plain.settimeout(remaining(self._deadline))
        return self.plain.recv_into(buffer)

    def close(self) -> None:
        """Do nothing: the client closes before it has read the body, its owner after."""


class Incoming(io.BufferedReader):
    """What comes in, with what the library overlooks: ``last_line`` is empty where a head ended with the connection, and not by itself."""

    last_line = b""

    def readline(self, size: int | None = -1, /) -> bytes:
        """Read a line."""
        self.last_line = super().readline(size)
        return self.last_line

    def read(self, size: int | None = -1, /) -> bytes:
        """Read ``size`` bytes. A chunk says itself how long it is, and below zero would mean: all that ever comes."""
        if size is None or size < 0:
            raise http.client.IncompleteRead(b"")
        return super().read(size)


class _Received(io.RawIOBase):
    def __init__(self, wire: DeadlineSocket) -> None:
        self._wire = wire

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._wire.receive_into(buffer)


def dial(target: Target, tls: ssl.SSLContext | None, deadline: float) -> socket.socket:
    """Return a connected socket, encrypted where ``tls`` is given; raises WriterUnavailable, or TimeoutError at ``deadline`` or where others wait already."""
    try:
        sock = (
            _dial_tcp(target, deadline) if target.socket_path is None else _connect(socket.AF_UNIX, target.socket_path, deadline)
        )
        return sock if tls is None else _encrypted(sock, tls, target.host, deadline)
    except TimeoutError:
        raise TimeoutError(f"no connection to {target.name} in time") from None
    except BlockingIOError:  # of a unix socket: that does not wait, as TCP does
        raise TimeoutError(f"no connection to {target.name}: too many wait for it already") from None
    except OSError as error:
        raise WriterUnavailable(f"no connection to {target.name}: {error.strerror or type(error).__name__}") from error


def is_stale(sock: socket.socket) -> bool:
    """Tell whether no request can go out on this connection: it has ended, or brought what nobody asked for."""
    sock.settimeout(0)
    try:
        sock.recv(1)  # and not select: what is there to read from a TLS socket can be no more than session tickets
    except (BlockingIOError, ssl.SSLWantReadError):
        return False
    except OSError:
        return True
    return True


def remaining(deadline: float) -> float:
    """Return the seconds left; raises TimeoutError when there are none."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _dial_tcp(target: Target, deadline: float) -> socket.socket:
    """Connect to the first address of the host that is allowed and answers.

    It is the address that is judged, and connected to: what the name resolves to a moment later does not matter.
    """
    if not target.link_local and is_metadata_name(target.host):
        raise _not_allowed(target.host)
    found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    places = [(family, address) for family, *_, address in found]
    allowed = [place for place in places if target.link_local or not is_link_local(str(place[1][0]))]
    if places and not allowed:
        raise _not_allowed(str(places[-1][1][0]))
    return first_that_answers(allowed, deadline)


def first_that_answers(places: Sequence[tuple[int, Any]], deadline: float) -> socket.socket:
    """Connect to the first of ``places`` (family and address) that answers; each has its part of the time that is left, so one that does not leaves time for the next.

    The failure is named by no frame that it leads to: the batch of a caller would live on in such a cycle until a collection, and those are rare.
    """
    failure = OSError(0, "the name has no address")
    try:
        for number, (family, address) in enumerate(places):
            try:
                sock = _connect(family, address, time.monotonic() + remaining(deadline) / (len(places) - number))
            except OSError as error:
                failure = error
                continue
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
        raise failure
    finally:
        del failure


def _not_allowed(place: str) -> OSError:
    return OSError(errno.EACCES, f"{place} is link-local, or where a cloud gives out credentials, which is not allowed")


def _connect(family: int, address: Any, deadline: float) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(remaining(deadline))
        sock.connect(address)
    except BaseException:
        sock.close()
        raise
    return sock


def _encrypted(sock: socket.socket, tls: ssl.SSLContext, host: str, deadline: float) -> socket.socket:
    try:
        sock.settimeout(remaining(deadline))
        return tls.wrap_socket(sock, server_hostname=host)
    except BaseException:
        sock.close()
        raise


def _has_answer(sock: socket.socket) -> bool:
    """Tell whether bytes have come; never on a TLS socket, where they can be session tickets."""
    if isinstance(sock, ssl.SSLSocket):
        return False
    sock.settimeout(0)
    try:
        return bool(sock.recv(1, socket.MSG_PEEK))
    except OSError:  # BlockingIOError where there are none; what else is wrong, the next call tells
        return False
