"""One HTTP/1.1 connection that is kept, on which every wait ends at one deadline.

The standard library's client does HTTP; what it lacks is here: its time-out is one per read, so an answer that drips would never
end. No redirect is followed and no proxy of the environment is used. A request is sent once: that a server has closed
the connection since the last answer is found out before, and what is lost after is for the caller to repeat. Looking up a name is the one
wait that the deadline does not cut: the system's resolver has its own limits.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import cast

from sidecar.core.results import LONGEST_TEXT
from sidecar.writers.http_socket import PATIENCE, AnsweredEarly, DeadlineSocket, Incoming, dial, is_stale
from sidecar.writers.http_target import Target

BEGINNING = 4 * LONGEST_TEXT
"""How much is read of an answer that is no success, in bytes: a character of UTF-8 has four at most."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. ``body`` is that of a 2xx answer, None where it is longer than asked for; of any other its beginning."""

    status: int
    content_type: str = ""
    retry_after: str | None = None
    body: bytes | None = b""


class TakenUnread(http.client.HTTPException):
    """The server says that it took a request of which it did not want the rest."""


Tls = Callable[[], ssl.SSLContext]
"""Returns what to encrypt a new connection with; raises WriterUnavailable."""


class Connection:
    """A connection to ``target`` that is made when it is needed, and kept while the server keeps it; encrypted where ``tls`` is given."""

    def __init__(self, target: Target, tls: Tls | None) -> None:
        self._target = target
        self._tls = tls
        self._client: http.client.HTTPConnection | None = None

    def open(self, deadline: float) -> None:
        """Connect where there is no connection; raises WriterUnavailable, or TimeoutError at ``deadline``."""
        self._opened(deadline)

    def post(self, body: Sequence[bytes], headers: Mapping[str, str], deadline: float, longest: int) -> Answer:
        """Send one request, its ``body`` piece by piece, and return its answer, with a body of at most ``longest`` bytes.

        Raises WriterUnavailable when no connection can be made. Whether the request was acted on is unknown after the others: TimeoutError
        at ``deadline``, OSError when the connection is lost, TakenUnread, another http.client.HTTPException when the answer is cut short or not HTTP.
        """
        length = {"Content-Length": str(sum(map(len, body)))}  # the library would not add them up
        return self._exchange("POST", body, {**headers, **length}, deadline, longest)

    def get(self, headers: Mapping[str, str], deadline: float) -> Answer:
        """Ask for what is there and return the answer without its body; raises as :meth:`post` does."""
        return self._exchange("GET", None, headers, deadline, 0)

    def _exchange(
        self, method: str, body: Sequence[bytes] | None, headers: Mapping[str, str], deadline: float, longest: int
    ) -> Answer:
        client = self._opened(deadline)
        wire = DeadlineSocket(client.sock, deadline)
        client.sock = cast("socket.socket", wire)
        keep = False
        try:
            whole = _send(client, method, self._target.path, body, headers)
            response = client.getresponse()
            answer = _read(response, wire, longest)
            keep = whole and response.isclosed() and not response.will_close
            if not whole and _is_success(answer.status):
                raise TakenUnread
        except TimeoutError:
            raise TimeoutError("no whole answer in time") from None
        finally:
            client.sock = wire.plain
            if not keep:
                self.close()
        return answer

    def close(self) -> None:
        """Close the socket; may be called twice."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _opened(self, deadline: float) -> http.client.HTTPConnection:
        if self._client is not None and is_stale(self._client.sock):
            self.close()
        if self._client is None:
            tls = None if self._tls is None else self._tls()
            client = _client(self._target, tls)
            client.sock = dial(self._target, tls, deadline)
            self._client = client
        return self._client


class _FinalAnswer(http.client.HTTPResponse):
    """The library takes an interim answer (102, 103) for the answer itself; the next request would then get this one's.

    And it takes the end of the connection for the end of the headers: a success would be one without the body that says what failed.
    """

    def begin(self) -> None:
        self._begin_whole()
        while 100 <= self.status < 200 and self.status != HTTPStatus.SWITCHING_PROTOCOLS:  # noqa: PLR2004 -- 1xx
            self.headers = self.msg = None  # type: ignore[assignment]  # as before the first call
            self._begin_whole()

    def _begin_whole(self) -> None:
        super().begin()
        if not cast("Incoming", self.fp).last_line:
            raise http.client.IncompleteRead(b"")


def _client(target: Target, tls: ssl.SSLContext | None) -> http.client.HTTPConnection:
    """Return the standard library's client, which must not connect on its own."""
    if tls is None:
        client = http.client.HTTPConnection(target.host, target.port)
    else:
        client = http.client.HTTPSConnection(target.host, target.port, context=tls)
    client.auto_open = 0
    client.response_class = _FinalAnswer
    return client


def _send(
    client: http.client.HTTPConnection, method: str, path: str, body: Sequence[bytes] | None, headers: Mapping[str, str]
) -> bool:
    """Send the request; return False where the server would not have all of it: it may have answered (413, an alert) before."""
    with suppress(BrokenPipeError, ConnectionResetError, ssl.SSLEOFError, AnsweredEarly):
        client.request(method, path, body, headers)
        return True
    return False


def _read(response: http.client.HTTPResponse, wire: DeadlineSocket, longest: int) -> Answer:
    """Read what matters of an answer: the body of a success, and of any other how it begins."""
    body = _whole(response, longest) if _is_success(response.status) else _beginning(response, wire)
    content_type = response.headers.get_content_type() if "Content-Type" in response.headers else ""
    return Answer(response.status, content_type, response.getheader("Retry-After"), body)


def _is_success(status: int) -> bool:
    return 200 <= status < 300  # noqa: PLR2004 -- that is what 2xx means


def _whole(response: http.client.HTTPResponse, longest: int) -> bytes | None:
    body = response.read(longest + 1)
    if len(body) > longest:
        return None
    if response.length:
        raise http.client.IncompleteRead(body, response.length)
    return body


def _beginning(response: http.client.HTTPResponse, wire: DeadlineSocket) -> bytes:
    """Read what comes soon: the status alone says what is to be done, so nothing that is wrong with the rest matters."""
    wire.hasten(PATIENCE)
    begun = b""
    with suppress(OSError, http.client.HTTPException):
        while len(begun) < BEGINNING and (piece := response.read1(BEGINNING - len(begun))):
            begun += piece
        if response.length == 0:
            response.read()  # of nothing: it ends the answer, and the connection can be kept
    return begun
