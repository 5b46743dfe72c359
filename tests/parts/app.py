"""The application beside the sidecar, as tests want it: an HTTP server in a thread that takes records, or misbehaves.

Each request is treated by the behaviour of the moment (:mod:`tests.parts.behaviour`). Records count as taken when the
reply says so, in the order of the replies.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self

from tests.parts.behaviour import Behaviour, Reply, Request, accept
from tests.parts.bodies import lines_of
from tests.parts.server import Server
from tests.parts.waiting import free_port

Place = tuple[str, int]
"""Topic and partition."""


class Taken(NamedTuple):
    """A record as the application got it: its offset and the decoded line of the body."""

    offset: int
    line: Mapping[str, Any]


class Application:
    """An application on a port of its own; a context manager. Its port stays the same over :meth:`go_down`."""

    def __init__(self, behave: Behaviour = accept) -> None:
        self.behave = behave
        self.port = free_port()
        self.health = Reply(200, {"Content-Type": "text/plain"}, b"ok\n")
        self._book = _Book()
        self._server: Server | None = Server(self.port, self._judge, lambda: self.health)

    @property
    def url(self) -> str:
        """Where it takes records."""
        return f"http://127.0.0.1:{self.port}/records"

    @property
    def health_url(self) -> str:
        """Where it tells that it is healthy: :attr:`health` is what it answers."""
        return f"http://127.0.0.1:{self.port}/healthz"

    @property
    def requests(self) -> Sequence[Request]:
        """All requests so far, without their lines."""
        with self._book.lock:
            return tuple(self._book.requests)

    @property
    def connections(self) -> int:
        """How many connections are open; each ends when its client is gone and its last request is treated."""
        return 0 if self._server is None else self._server.connections

    @property
    def taken(self) -> Mapping[Place, Sequence[Taken]]:
        """The records taken so far by partition, in the order in which they were taken, duplicates included."""
        with self._book.lock:
            return {place: tuple(records) for place, records in self._book.taken.items()}

    @property
    def ids(self) -> Sequence[int]:
        """The numbers of ``{"id": n}`` values taken so far, duplicates included."""
        with self._book.lock:
            return tuple(self._book.ids)

    @property
    def duplicates(self) -> int:
        """How many records were taken beyond the first time."""
        ids = self.ids
        return len(ids) - len(set(ids))

    def assert_in_order(self) -> None:
        """Assert that each partition's offsets came for the first time in ascending order; repeats may go back."""
        for place, records in self.taken.items():
            seen: set[int] = set()
            highest = -1
            for offset, _ in records:
                assert offset in seen or offset > highest, f"{place}: offset {offset} came first after {highest}"
                seen.add(offset)
                highest = max(highest, offset)

    def go_down(self) -> None:
        """Refuse connections from now on, and cut those that are open."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def come_back(self) -> None:
        """Listen again on the same port."""
        if self._server is None:
            self._server = Server(self.port, self._judge, lambda: self.health)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.go_down()

    def _judge(self, headers: Mapping[str, str], body: bytes) -> Reply:
        """Ask the behaviour of the moment, and note what came of it."""
        request = self._book.note(headers, lines_of(headers, body))
        reply = self.behave(request)
        if 200 <= reply.status < 300 and not reply.hang_up:
            self._book.take(request.lines, reply.refused)
        return reply


class _Book:
    """What the application got, under one lock."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.requests: list[Request] = []
        self.taken: dict[Place, list[Taken]] = defaultdict(list)
        self.ids: list[int] = []

    def note(self, headers: Mapping[str, str], lines: Sequence[Any]) -> Request:
        with self.lock:
            number = len(self.requests)
            self.requests.append(Request(number, headers, ()))
        return Request(number, headers, lines)

    def take(self, lines: Sequence[Any], refused: frozenset[tuple[str, int, int]]) -> None:
        with self.lock:
            for line in lines:
                if not isinstance(line, dict) or "offset" not in line:
                    self._take_value(line)
                elif (line["topic"], line["partition"], line["offset"]) not in refused:
                    self.taken[line["topic"], line["partition"]].append(Taken(line["offset"], line))
                    self._take_value(line.get("value"))

    def _take_value(self, value: object) -> None:
        if isinstance(value, dict) and isinstance(value.get("id"), int):
            self.ids.append(value["id"])
