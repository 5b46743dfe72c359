"""The admin server's thread: an ASGI application on uvicorn, beside a main thread that has other work.

uvicorn installs its signal handlers on the main thread only, so here it installs none. The thread is a daemon: it never keeps the process alive.

What it is sent is bounded: heads by :data:`LONGEST_HEAD`, bodies by :data:`LONGEST_BODY` (none is ever read), connections by :mod:`sidecar.http.connections`.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Self

import uvicorn
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from sidecar.core.errors import ConfigurationError
from sidecar.http.connections import Bounds, affordable, bounded_by

GRACE = 1
"""Seconds that requests under way may take at the stop."""

TICK = 1.0
"""Seconds between two dates of answers."""

LONGEST_HEAD = 16 * 1024
LONGEST_BODY = 64 * 1024
"""Bytes."""


class _RestfulServer(uvicorn.Server):
    """Wakes up once a second, for the date of its answers, and when it is to end; uvicorn itself looks ten times a second, which is a third of what a sidecar at rest takes of the CPU."""

    def __init__(self, config: uvicorn.Config, tick: float) -> None:
        super().__init__(config)
        self._tick = tick
        self._wake: Callable[[], object] = _nobody_waits

    async def main_loop(self) -> None:
        """Replace uvicorn's. Whoever asks for the end before it can wake this up has set ``should_exit`` before the first look at it."""
        ending, loop = asyncio.Event(), asyncio.get_running_loop()
        self._wake = lambda: loop.call_soon_threadsafe(ending.set)
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                await asyncio.wait_for(ending.wait(), self._tick)

    def end(self) -> None:
        """Have it end; for other threads."""
        self.should_exit = True
        with suppress(RuntimeError):  # its loop is closed: it has ended
            self._wake()


class AdminServer:
    """Serves ``app`` on ``host``:``port`` (0: any free port) between :meth:`start` and :meth:`stop`; a context manager."""

    def __init__(self, app: ASGIApp, host: str, port: int, bounds: Bounds | None = None, tick: float = TICK) -> None:
        """Renew the date of answers every ``tick`` seconds."""
        self.port = port
        self._host = host
        self._server = _RestfulServer(_config(_refusing_long_bodies(app), bounds or affordable()), tick)
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Bind and begin to serve; afterwards :attr:`port` is the bound one. Raises ConfigurationError when it cannot be bound."""
        listener = _bind(self._host, self.port)
        self.port = listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, args=(listener,), name="admin-http", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop serving and wait for the thread; does nothing when it never started, may be called twice."""
        if self._thread is not None:
            self._server.end()
            self._thread.join(GRACE + 5)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    def _serve(self, listener: socket.socket) -> None:
        with listener:
            self._server.run(sockets=[listener])


def _nobody_waits() -> None:
    """Wake nobody."""


def _refusing_long_bodies(app: ASGIApp) -> ASGIApp:
    """Answer 413 to requests that announce a long body; what is sent without a length is cut off after the answer."""

    async def bounded(scope: Scope, receive: Receive, send: Send) -> None:
        length = Headers(scope=scope).get("content-length", "0")  # digits, or the parser has refused it
        if int(length) > LONGEST_BODY:
            refusal = PlainTextResponse(f"a request takes no body here, and none above {LONGEST_BODY} bytes\n", 413)
            await refusal(scope, receive, send)
        else:
            await app(scope, receive, send)

    return bounded


def _config(app: ASGIApp, bounds: Bounds) -> uvicorn.Config:
    """Return a server that logs through the process's own logging and believes no proxy."""
    return uvicorn.Config(
        app,
        loop="asyncio",
        http=bounded_by(bounds),
        h11_max_incomplete_event_size=LONGEST_HEAD,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE,
    )


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        msg = f"SIDECAR_HTTP__LISTEN: cannot listen on {host}:{port} ({error}); choose a free port of this machine, or 0 for any"
        raise ConfigurationError(msg) from error
