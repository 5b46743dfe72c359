"""The admin server's connections, each with an end: what uvicorn leaves to a proxy in front of it, and a pod has none.

A port that anyone in the cluster can reach must not be held open for nothing. So a connection is cut when for :data:`PATIENCE` no whole request has come
(a client that sends a byte now and then), or what was answered is not taken; and when there are more connections than the process can
afford files for, the oldest of those that have asked for nothing makes room, so that probes always get through. Where all of them work, the new one is refused.
"""

from __future__ import annotations

import asyncio
import resource
from dataclasses import dataclass

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

PATIENCE = 10.0
"""Seconds; a connection is looked at twice in it, so it takes up to half as much again."""

MOST = 2048
"""Connections at once, at most; no more than half of the files that the process may open: Kafka and the application need theirs."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long nothing may come of a connection, in seconds, and how many there may be."""

    patience: float = PATIENCE
    most: int = MOST


def affordable() -> Bounds:
    """Return the bounds for this process."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return Bounds(most=MOST if files == resource.RLIM_INFINITY else min(MOST, files // 2))


def bounded_by(bounds: Bounds) -> type[H11Protocol]:
    """Return uvicorn's protocol with an end to each connection."""

    class Bounded(_Bounded):
        _bounds = bounds

    return Bounded


class _Bounded(H11Protocol):
    _bounds: Bounds
    _timer: asyncio.TimerHandle | None = None
    _signs: tuple[object, ...] = ()
    _same = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in the base class
        super().connection_made(transport)
        self.since = self.loop.time()
        self._look_later()
        if len(self.connections) > self._bounds.most:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """Do not read the rest of a request that is answered already."""
        super().on_response_complete()
        if self.conn.their_state is h11.SEND_BODY:
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP; the request that it was to be the body of is not answered any more. Where its answer is on its way that just ends."""
        if self.cycle is not None:
            self.cycle.disconnected = True
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        else:
            self.transport.abort()

    @property
    def is_waiting(self) -> bool:
        """Whether no whole request has come since the last answer."""
        return self.conn.their_state in (h11.IDLE, h11.SEND_BODY)

    @property
    def may_go(self) -> bool:
        """Whether it can make room for another one."""
        return self.is_waiting and not self.transport.is_closing()

    def _look_later(self) -> None:
        self._timer = self.loop.call_later(self._bounds.patience / 2, self._look)

    def _look(self) -> None:
        """End the connection when it looked the same twice before, and is to move."""
        has_unsent = self.transport.get_write_buffer_size() > 0
        signs = (self.cycle, self.is_waiting, has_unsent)
        self._same = self._same + 1 if signs == self._signs and (self.is_waiting or has_unsent) else 0
        self._signs = signs
        if self._same < 2:  # noqa: PLR2004 -- see above
            self._look_later()
        elif has_unsent or self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.abort()
        else:
            self._end(408, "Request Timeout", "no whole request has come")

    def _make_room(self) -> None:
        others = [other for other in self.connections if isinstance(other, _Bounded) and other is not self and other.may_go]
        if others:
            min(others, key=lambda other: other.since).transport.abort()
        else:
            self._end(503, "Service Unavailable", f"there are {self._bounds.most} connections, and all of them work")

    def _end(self, code: int, phrase: str, sentence: str) -> None:
        head = f"HTTP/1.1 {code} {phrase}\r\ncontent-type: text/plain\r\ncontent-length: {len(sentence) + 1}\r\nconnection: close"
        self.transport.write(f"{head}\r\n\r\n{sentence}\n".encode("ascii"))
        self.transport.close()
