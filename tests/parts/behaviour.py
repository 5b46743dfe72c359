"""How the application of the tests treats a request: functions from :class:`Request` to :class:`Reply`.

They cover the HTTP contract between the sidecar and an application, and the breaches of it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Request:
    """One request; header names are in lower case. ``lines`` are the decoded lines of the body."""

    number: int
    headers: Mapping[str, str]
    lines: Sequence[Any]

    @property
    def idempotency_key(self) -> str | None:
        """The name that the sidecar gives to exactly these records."""
        return self.headers.get("idempotency-key")


@dataclass(frozen=True, slots=True)
class Reply:
    """What to answer. ``refused`` are the records, by (topic, partition, offset), that were not taken in spite of a 2xx.

    With ``endless`` the body goes on until the client leaves; with ``hang_up`` the connection is cut without an answer.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    refused: frozenset[tuple[str, int, int]] = frozenset()
    endless: bool = False
    hang_up: bool = False


Behaviour = Callable[[Request], Reply]


def accept(_request: Request) -> Reply:
    """Take every record."""
    return Reply()


def answer(status: int, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Behaviour:
    """Answer every request with this."""
    reply = Reply(status, headers or {}, body)
    return lambda _request: reply


def error_page(status: int) -> Behaviour:
    """Answer with a page of HTML, as proxies do."""
    return answer(status, {"Content-Type": "text/html"}, b"<!doctype html><h1>Something went wrong</h1>" * 100)


def endless_body(_request: Request) -> Reply:
    """Answer 200 with a body that never ends."""
    return Reply(endless=True)


def hang_up(_request: Request) -> Reply:
    """Read the request and cut the connection."""
    return Reply(hang_up=True)


def failing(failures: Iterable[tuple[str, int, int]], action: str, error: str = "not wanted") -> Behaviour:
    """Take all records but those at (topic, partition, offset), each of which is answered with ``action``."""
    wanted = frozenset(failures)

    def behave(request: Request) -> Reply:
        hit = wanted & {(line["topic"], line["partition"], line["offset"]) for line in request.lines}
        entries = [
            {"topic": topic, "partition": partition, "offset": offset, "action": action, "error": error}
            for topic, partition, offset in sorted(hit)
        ]
        body = json.dumps({"failures": entries}).encode()
        return Reply(200, {"Content-Type": "application/json"}, body, refused=hit)

    return behave


def slow(seconds: float, then: Behaviour = accept) -> Behaviour:
    """Take ``seconds`` for each request: the work of a slow application."""
    never = threading.Event()

    def behave(request: Request) -> Reply:
        never.wait(seconds)
        return then(request)

    return behave


def taking(count: int, then: Behaviour) -> Behaviour:
    """Take the first ``count`` requests, and treat all later ones as ``then`` does: what is to happen under load finds some, however quick all are."""
    return lambda request: Reply() if request.number < count else then(request)


def held_until(gate: threading.Event, then: Behaviour = accept) -> Behaviour:
    """Answer nothing until ``gate`` is set (by the test, at its end too: the server's threads wait for it)."""

    def behave(request: Request) -> Reply:
        gate.wait()
        return then(request)

    return behave
