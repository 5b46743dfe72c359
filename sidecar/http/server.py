"""The admin server's thread: an ASGI application on uvicorn, beside a main thread that has other work.

A client that takes nothing of what it is sent for so many seconds is cut off by the kernel, with whatever was meant for it; a
sleeping laptop holds nothing here.

uvicorn installs its signal handlers on the main thread only, so here it installs none. The thread is a daemon: it never keeps the process alive.
"""

from __future__ import annotations

import socket
import threading
from typing import Self

import uvicorn
from starlette.types import ASGIApp

from sidecar.core.errors import ConfigurationError

STALLED_AFTER = 10.0

GRACE = 1
"""Seconds that requests under way may take at the stop."""


class AdminServer:
    """Serves ``app`` on ``host``:``port`` (0: any free port) between :meth:`start` and :meth:`stop`; a context manager."""

    def __init__(self, app: ASGIApp, host: str, port: int, stalled_after: float = STALLED_AFTER) -> None:
        self.port = port
        self._stalled_after = stalled_after
        self._host = host
        self._server = uvicorn.Server(_config(app))
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Bind and begin to serve; afterwards :attr:`port` is the bound one. Raises ConfigurationError when it cannot be bound."""
        listener = _bind(self._host, self.port, self._stalled_after)
        self.port = listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, args=(listener,), name="admin-http", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop serving and wait for the thread; does nothing when it never started, may be called twice."""
        if self._thread is not None:
            self._server.should_exit = True
            self._thread.join(GRACE + 5)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    def _serve(self, listener: socket.socket) -> None:
        with listener:
            self._server.run(sockets=[listener])


def _config(app: ASGIApp) -> uvicorn.Config:
    """Return a server that logs through the process's own logging and believes no proxy."""
    return uvicorn.Config(
        app,
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE,
    )


def _bind(host: str, port: int, stalled_after: float) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        msg = f"SIDECAR_HTTP__LISTEN: cannot listen on {host}:{port} ({error}); choose a free port of this machine, or 0 for any"
        raise ConfigurationError(msg) from error
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux has it; accepted connections inherit it
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(stalled_after * 1000))
    return listener
