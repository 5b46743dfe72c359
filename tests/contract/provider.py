"""A provider of OAuth 2.0 tokens, as tests want it: what it was asked, and what it answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import TracebackType
from typing import NamedTuple, Self
from urllib.parse import parse_qs

from tests.parts.behaviour import Reply
from tests.parts.server import Server
from tests.parts.waiting import free_port


class Asked(NamedTuple):
    """A request for a token."""

    authorization: str
    form: Mapping[str, list[str]]


class Provider:
    """Gives out ``token-1``, ``token-2``, ..., or answers with ``reply`` where there is one; a context manager."""

    def __init__(self, expires_in: object = 3600) -> None:
        self.reply: Reply | None = None
        self.asked: list[Asked] = []
        self._expires_in = expires_in
        self._port = free_port()
        self._server = Server(self._port, self._judge, Reply)

    @property
    def url(self) -> str:
        """Where it gives out tokens."""
        return f"http://127.0.0.1:{self._port}/token"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.close()

    def _judge(self, headers: Mapping[str, str], body: bytes) -> Reply:
        self.asked.append(Asked(headers["authorization"], parse_qs(body.decode())))
        if self.reply is not None:
            return self.reply
        token = {"access_token": f"token-{len(self.asked)}", "token_type": "Bearer", "expires_in": self._expires_in}
        return Reply(200, {"Content-Type": "application/json"}, json.dumps(token).encode())
