"""The live page's stream: server-sent events, a frame a second, made once for all viewers.

There are at most :data:`MAX_VIEWERS`; who comes beyond that is refused with a sentence. A frame is never queued: while one is still on its way
to a slow viewer that viewer misses the next ones, and one that takes nothing at all is cut off by the kernel (see :mod:`sidecar.http.server`). Runs on
the server's thread; only :meth:`Live.close` may be called from another one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import Any

import msgspec
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

MAX_VIEWERS = 20

EVERY = 1.0
"""Seconds between two frames."""

AGAIN = 2
"""Seconds after which the page comes back when it was cut off."""

_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


class Live:
    """An ASGI endpoint. ``hello`` makes the first message to a viewer, ``frame`` what all are told every so many seconds: JSON types."""

    def __init__(
        self,
        hello: Callable[[], dict[str, object]],
        frame: Callable[[], dict[str, object]],
        max_viewers: int = MAX_VIEWERS,
        every: float = EVERY,
    ) -> None:
        self.viewers = 0
        self._hello = hello
        self._make = frame
        self._max_viewers = max_viewers
        self._every = every
        self._frame = b""
        self._tick = -1
        self._closed = False
        self._closing: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request: stream until the viewer leaves, or this is closed."""
        if self._closed or self.viewers >= self._max_viewers:
            await self._refuse(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        if scope["method"] == "GET":
            self.viewers += 1
            try:
                await self._serve(receive, send)
            finally:
                self.viewers -= 1
        await send({"type": "http.response.body", "body": b""})

    def close(self) -> None:
        """Let all viewers go and take no new ones. May be called from any thread, and again."""
        self._closed = True
        if self._loop is not None and self._closing is not None:
            self._loop.call_soon_threadsafe(self._closing.set)

    async def _serve(self, receive: Receive, send: Send) -> None:
        """Stream until the viewer is gone, or this is closed."""
        if self._closing is None:
            self._loop, self._closing = asyncio.get_running_loop(), asyncio.Event()
        over = [asyncio.create_task(_gone(receive)), asyncio.create_task(self._closing.wait())]
        try:
            await self._stream(over, send)
        finally:
            for task in over:
                task.cancel()

    async def _stream(self, over: Collection[asyncio.Task[Any]], send: Send) -> None:
        """Send until one of ``over`` is done."""
        clock = asyncio.get_running_loop().time
        first = f"retry: {AGAIN * 1000}\n".encode() + _event("hello", self._hello())
        await send({"type": "http.response.body", "body": first, "more_body": True})
        while not any(task.done() for task in over):
            tick = int(clock() // self._every)
            await send({"type": "http.response.body", "body": self._frame_of(tick), "more_body": True})
            await asyncio.wait(over, timeout=(tick + 1) * self._every - clock(), return_when=asyncio.FIRST_COMPLETED)

    def _frame_of(self, tick: int) -> bytes:
        """Return the frame of this second; the first viewer that asks makes it, the others get the same bytes."""
        if tick > self._tick:
            self._frame = _event("frame", self._make())
            self._tick = tick
        return self._frame

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        text = f"{self._max_viewers} viewers are watching already, and that is the limit; /status tells the same, once\n"
        if self._closed:
            text = "the process ends\n"
        headers = {"retry-after": str(AGAIN), "connection": "close"}
        await PlainTextResponse(text, status_code=503, headers=headers)(scope, receive, send)


async def _gone(receive: Receive) -> None:
    """Return when the viewer has left."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _event(name: str, document: dict[str, object]) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), msgspec.json.encode(document))
