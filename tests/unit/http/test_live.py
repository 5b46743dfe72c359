from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from sidecar.http.connections import Bounds
from sidecar.http.live import Live
from sidecar.http.server import AdminServer
from tests.parts.waiting import wait_for
from tests.unit.http.one_server import server_threads

WAIT = 20.0


class Feed:
    """Counts what was made."""

    def __init__(self, size: int = 0) -> None:
        self.made = 0
        self.padding = "x" * size

    def hello(self) -> dict[str, object]:
        return {"about": "this"}

    def frame(self) -> dict[str, object]:
        self.made += 1
        return {"number": self.made, "padding": self.padding}


@contextmanager
def serving(live: Live, patience: float = 10.0) -> Iterator[AdminServer]:
    app = Starlette(routes=[Route("/events", live, methods=["GET"])])
    with AdminServer(app, "127.0.0.1", 0, Bounds(patience)) as server:
        try:
            yield server
        finally:
            live.close()


class Viewer:
    """A client that reads the stream event by event."""

    def __init__(self, server: AdminServer) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=WAIT)
        self._connection.request("GET", "/events")
        self.answer = self._connection.getresponse()

    def next(self) -> tuple[str, Any]:
        """Return the name and the data of the next event."""
        name = ""
        while line := self.answer.readline().decode().rstrip("\n"):
            key, _, value = line.partition(": ")
            if key == "event":
                name = value
            elif key == "data":
                self.answer.readline()
                return name, json.loads(value)
        raise EOFError

    def read_on(self) -> None:
        for _ in range(50):
            self.next()

    def close(self) -> None:
        self._connection.close()
        self.answer.close()


@pytest.fixture
def feed() -> Feed:
    return Feed()


def test_a_viewer_is_told_what_stays_and_then_frame_after_frame(feed: Feed) -> None:
    with serving(Live(feed.hello, feed.frame, every=0.1)) as server:
        viewer = Viewer(server)
        assert viewer.answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert viewer.next() == ("hello", {"about": "this"})
        assert [viewer.next()[1]["number"] for _ in range(3)] == [1, 2, 3]
        viewer.close()


def test_all_viewers_get_the_same_frame_made_once(feed: Feed) -> None:
    with serving(Live(feed.hello, feed.frame, every=1e9)) as server:
        viewers = [Viewer(server) for _ in range(5)]
        assert [[viewer.next() for _ in range(2)][1][1]["number"] for viewer in viewers] == [1] * 5
        assert feed.made == 1
        for viewer in viewers:
            viewer.close()


def test_nothing_is_made_while_nobody_looks(feed: Feed) -> None:
    live = Live(feed.hello, feed.frame, every=0.1)
    with serving(live) as server:
        viewer = Viewer(server)
        viewer.next()
        viewer.close()
        wait_for(lambda: live.viewers == 0, "the viewer is gone")
        made, other = feed.made, Feed()
        with serving(Live(other.hello, other.frame, every=0.1)) as clock:
            watching = Viewer(clock)
            for _ in range(4):  # three frames' time
                watching.next()
            watching.close()
        assert feed.made == made


def test_a_head_request_is_answered_at_once_and_is_no_viewer(feed: Feed) -> None:
    live = Live(feed.hello, feed.frame, every=0.1)
    with serving(live) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=WAIT)
        for _ in range(2):  # the second one is only answered when the first one is over
            connection.request("HEAD", "/events")
            answer = connection.getresponse()
            assert (answer.status, answer.read()) == (200, b"")
        connection.close()
        assert (live.viewers, feed.made) == (0, 0)


def test_more_viewers_than_allowed_are_refused_with_a_sentence_until_one_leaves(feed: Feed) -> None:
    live = Live(feed.hello, feed.frame, max_viewers=2)
    with serving(live) as server:
        viewers = [Viewer(server), Viewer(server)]
        late = Viewer(server)
        assert (late.answer.status, late.answer.headers["retry-after"]) == (503, "2")
        assert late.answer.read() == b"2 viewers are watching already, and that is the limit; /status tells the same, once\n"
        viewers.pop().close()
        wait_for(lambda: live.viewers == 1, "its place is free")
        again = Viewer(server)
        assert again.next()[0] == "hello"
        for viewer in (*viewers, late, again):
            viewer.close()


def test_a_viewer_that_takes_nothing_gets_no_queue_and_is_cut_off() -> None:
    feed = Feed(size=4_000_000)
    live = Live(feed.hello, feed.frame, every=0.1)
    with serving(live, patience=0.5) as server, socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect(("127.0.0.1", server.port))
        deaf.sendall(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_for(lambda: feed.made, "it is let in")
        wait_for(lambda: live.viewers == 0, "it is cut off", within=60.0)
        assert feed.made <= 3, "frames were made for one that does not take them"


def test_closing_lets_every_viewer_go_and_takes_no_new_one(feed: Feed) -> None:
    live = Live(feed.hello, feed.frame, every=0.1)
    with serving(live) as server:
        viewer = Viewer(server)
        viewer.next()
        live.close()
        with pytest.raises(EOFError):
            viewer.read_on()
        late = Viewer(server)
        assert (late.answer.status, late.answer.read()) == (503, b"the process ends\n")
        viewer.close()
        late.close()


def test_a_frame_that_cannot_be_made_ends_the_stream_and_not_the_server(feed: Feed, caplog: pytest.LogCaptureFixture) -> None:
    broken: list[Callable[[], dict[str, object]]] = [dict]

    def frame() -> dict[str, object]:
        return broken[-1]()

    live = Live(feed.hello, frame, every=0.1)
    with serving(live) as server:
        viewer = Viewer(server)
        viewer.next()
        broken.append(lambda: {"not": object()})
        with pytest.raises((EOFError, http.client.IncompleteRead)):
            viewer.read_on()
        viewer.close()
        broken.append(dict)
        again = Viewer(server)
        assert again.next()[0] == "hello"
        again.close()
    assert "Exception in ASGI application" in caplog.text


def test_a_thousand_at_once_are_answered_and_most_refused(feed: Feed) -> None:
    live, before = Live(feed.hello, feed.frame, every=0.1), server_threads()
    with ExitStack() as stack:
        server = stack.enter_context(serving(live))
        answers: list[bytes] = []
        for _ in range(10):
            crowd = [stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=WAIT)) for _ in range(100)]
            for one in crowd:
                one.sendall(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
            answers += [one.recv(12) for one in crowd]
            if len(answers) > 100:
                for one in crowd:
                    one.close()
        assert (answers.count(b"HTTP/1.1 200"), answers.count(b"HTTP/1.1 503")) == (20, 980)
        assert live.viewers == 20
    assert server_threads() == before
