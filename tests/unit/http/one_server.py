"""One admin server for the tests that do not ask how it starts or ends: to end takes uvicorn a tenth of a second, which is more than all that most of them do."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.types import ASGIApp, Receive, Scope, Send

from sidecar.http.server import AdminServer


def server_threads() -> set[threading.Thread]:
    """Return the threads of all admin servers of this process."""
    return {thread for thread in threading.enumerate() if thread.name == "admin-http"}


class OneServer:
    """Serves one application after another; it starts with the first."""

    def __init__(self) -> None:
        self._app: ASGIApp | None = None
        self._server: AdminServer | None = None

    @contextmanager
    def serving(self, app: ASGIApp) -> Iterator[AdminServer]:
        """Serve ``app``."""
        assert self._app is None, "one at a time"
        if self._server is None:
            server = AdminServer(self._present, "127.0.0.1", 0)
            server.start()
            self._server = server
        self._app = app
        try:
            yield self._server
        finally:
            self._app = None

    def stop(self) -> None:
        """End it."""
        if self._server is not None:
            self._server.stop()

    async def _present(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self._app is not None, "a request came between two tests"
        await self._app(scope, receive, send)


ONE_SERVER = OneServer()
