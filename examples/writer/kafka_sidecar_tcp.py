"""``tcp://host:port``: each record's value is a line, an empty line ends a batch, and the server answers each batch with a line.

============== ========== =====================================================================
answer         result     why
============== ========== =====================================================================
``ok``         Delivered
``bad N``      Poison     the server will never take the N-th line (from 1), and took none
``busy``       Retriable  it has no time now
``no``         Systemic   it does not know our token
lost, or late  Retriable  nobody knows what was taken: the batch is repeated
no connection  Systemic   no other batch would come through either
============== ========== =====================================================================

A record without a value, an empty one, and one with a line break cannot be a line: Poison, before anything is sent.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

from sidecar import Batch, ConfigurationError, Delivered, FailureAction, Poison, RecordFailure, Result, Retriable, Systemic
from sidecar.core.errors import WriterUnavailable
from sidecar.writers.options import Option, Options, Value
from sidecar.writers.protocol import Scheme, Surroundings, WriterKind

OPTIONS: Options = {"token": Option("secret", "", "sent as the first line of each connection")}

LONGEST_ANSWER = 1000


class TcpWriter:
    """One connection, which is opened when it is first needed, and again after it was lost."""

    def __init__(self, host: str, port: int, token: str) -> None:
        self._address = (host, port)
        self._token = token
        self._socket: socket.socket | None = None

    def connect(self, deadline: float) -> None:
        self._opened(deadline)

    def write(self, batch: Batch, attempt: int, deadline: float) -> Result:  # noqa: ARG002 -- this protocol does not tell it
        unfit = tuple(_unfit(batch))
        if unfit:
            return Poison(unfit[0].error, unfit)
        try:
            answer = self._ask(batch, deadline)
        except WriterUnavailable as error:
            return Systemic(str(error))
        except OSError as error:
            self.close()
            return Retriable(f"no answer ({type(error).__name__})")
        return self._meaning(answer, batch)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _ask(self, batch: Batch, deadline: float) -> str:
        opened = self._opened(deadline)
        opened.sendall(b"".join(value + b"\n" for chunk in batch.chunks for value in chunk.values if value) + b"\n")
        answer = b""
        while not answer.endswith(b"\n"):
            opened.settimeout(max(0.001, deadline - time.monotonic()))
            piece = opened.recv(LONGEST_ANSWER)
            if not piece or len(answer) > LONGEST_ANSWER:
                raise ConnectionError
            answer += piece
        return answer.decode(errors="replace").strip()

    def _opened(self, deadline: float) -> socket.socket:
        if self._socket is None:
            try:
                self._socket = socket.create_connection(self._address, max(0.001, deadline - time.monotonic()))
                self._socket.sendall(self._token.encode() + b"\n")
            except OSError as error:
                self.close()
                raise WriterUnavailable(
                    f"no connection to tcp://{self._address[0]}:{self._address[1]} ({error.strerror})"
                ) from error
        self._socket.settimeout(max(0.001, deadline - time.monotonic()))
        return self._socket

    def _meaning(self, answer: str, batch: Batch) -> Result:
        match answer.split():
            case ["ok"]:
                return Delivered()
            case ["bad", number] if number.isdecimal() and 1 <= int(number) <= batch.records:
                return Poison(
                    "the server will never take it", (_failure(batch, int(number) - 1, "the server will never take it"),)
                )
            case ["busy"]:
                return Retriable("the server is busy", too_many=True)
            case ["no"]:
                self.close()  # a new connection is asked for its token again
                return Systemic("the server does not know the token: set SIDECAR_WRITER__TOKEN")
            case _:
                return Systemic("the server answers what no server of this protocol does")  # not what: it may quote a record


def kind(url: str, options: Mapping[str, Value], _surroundings: Surroundings) -> WriterKind:
    parts = urlsplit(url)
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or not port or parts.path not in ("", "/") or parts.username is not None:
        raise ConfigurationError("SIDECAR_WRITER__URL: write tcp://host:port, and nothing else")
    token = str(options["token"])
    return WriterKind(f"tcp://{host}:{port}", lambda: TcpWriter(host, port, token), max_in_flight=None, needs_headers=False)


SCHEME = Scheme("tcp://host:port", OPTIONS, kind)
"""What the entry point names."""


def _unfit(batch: Batch) -> list[RecordFailure]:
    values = [value for chunk in batch.chunks for value in chunk.values]
    return [
        _failure(batch, index, "it is no line: empty, or with a line break")
        for index, value in enumerate(values)
        if not value or b"\n" in value
    ]


def _failure(batch: Batch, index: int, error: str) -> RecordFailure:
    """Name the record at ``index`` of the batch by its place in Kafka."""
    places = [(chunk.tp, offset) for chunk in batch.chunks for offset in chunk.offsets]
    return RecordFailure(*places[index], FailureAction.REJECT, error)
