from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from structlog.testing import capture_logs

from sidecar.http.access import Access
from sidecar.http.actions import TOLD_EVERY, Actions, action_routes
from sidecar.http.server import AdminServer
from sidecar.runtime.commands import Order
from sidecar.runtime.report import DrainView, Report
from tests.parts.waiting import wait_for
from tests.unit.http.one_server import ONE_SERVER
from tests.unit.observe.reports import BOOKS, NOW, a_partition, a_report, a_snapshot

TOKEN = "correct-horse"  # noqa: S105 -- an example
BUSY = a_snapshot(a_partition(committable=90, committed=90), buffer_records=10, books=replace(BOOKS, buffered=7, in_flight=3))


class FakeLoop:
    """Obeys at once, and reports what a test wants it to."""

    def __init__(self) -> None:
        self.orders: list[Order] = []
        self.report: Report | None = a_report()
        self.deaf = False

    def give(self, order: Order) -> int:
        self.orders.append(order)
        if not self.deaf:
            self.say(a_report())
        return len(self.orders)

    def say(self, report: Report) -> None:
        self.report = replace(report, ticket=len(self.orders))


@dataclass
class Answer:
    code: int
    text: str

    @property
    def document(self) -> Any:
        return json.loads(self.text)


@contextmanager
def acting(
    longest_wait: float = 30.0, token: str | None = None, clock: Callable[[], float] = lambda: NOW
) -> Iterator[tuple[FakeLoop, AdminServer]]:
    loop = FakeLoop()
    known = None if token is None else lambda: token
    actions = Actions(loop.give, lambda: loop.report, longest_wait, known, clock=clock)
    with ONE_SERVER.serving(Starlette(routes=list(action_routes(actions)))) as server:
        yield loop, server


def ask(server: AdminServer, path: str, method: str = "POST", **headers: str) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        connection.request(method, path, headers={name.replace("_", "-"): text for name, text in headers.items()})
        response = connection.getresponse()
        return Answer(response.status, response.read().decode())
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("method", "path", "order"),
    [
        ("POST", "/drain", Order.QUIESCE),
        ("GET", "/drain", Order.QUIESCE),
        ("POST", "/drain?terminal", Order.DRAIN),
        ("GET", "/drain?terminal=true&wait=0s", Order.DRAIN),
        ("POST", "/pause", Order.PAUSE),
        ("POST", "/resume", Order.RESUME),
    ],
)
def test_each_action_is_one_order(method: str, path: str, order: Order) -> None:
    with acting() as (loop, server):
        assert ask(server, path, method).code == 200
        assert loop.orders == [order]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/pause"),
        ("GET", "/resume"),
        ("HEAD", "/drain"),
        ("PUT", "/drain"),
        ("DELETE", "/drain?terminal"),
        ("HEAD", "/pause"),
    ],
)
def test_no_other_method_does_anything(method: str, path: str) -> None:
    with acting() as (loop, server):
        assert ask(server, path, method).code == 405
        assert loop.orders == []


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/drain?wait=soon", "wait: 'soon' is not a duration: write a number and a unit, like 500ms, 30s, 5m or 1h\n"),
        ("/drain?wait=2d", "wait: '2d' is too long: write 1d or less\n"),
        ("/drain?terminal=no", "terminal: 'no' is not understood: write ?terminal, or leave it out\n"),
        ("/drain?now", "/drain has no parameter 'now'; it has: terminal, wait\n"),
        ("/pause?terminal", "/pause has no parameter 'terminal'; it has: wait\n"),
        ("/resume?wait", "/resume has no parameter 'wait'; it has: none\n"),
    ],
)
def test_what_is_not_understood_is_told_and_nothing_is_done(path: str, sentence: str) -> None:
    with acting() as (loop, server):
        assert ask(server, path) == Answer(400, sentence)
        assert loop.orders == []


def test_without_wait_the_answer_tells_what_is_still_here() -> None:
    with acting() as (loop, server):
        loop.deaf = True
        with ThreadPoolExecutor() as clients:
            answer = clients.submit(ask, server, "/drain?terminal")
            wait_for(lambda: loop.orders, "it is ordered")
            loop.say(a_report(BUSY, drain=DrainView("terminal", NOW - 2.5, None)))
            assert answer.result(30).document == {
                "drained": False,
                "committed": False,
                "buffered": 7,
                "in_flight": 3,
                "seconds": 2.5,
                "kind": "terminal",
                "longest_wait": 30.0,
            }


@pytest.mark.parametrize(
    ("done", "drained"),
    [
        (DrainView("quiesce", NOW - 4, NOW - 1), True),
        (DrainView("terminal", NOW - 4, NOW - 1, expired=True), False),
        (None, True),
    ],
    ids=["done", "expired", "lifted meanwhile"],
)
def test_all_who_wait_are_answered_when_it_is_over(done: DrainView | None, *, drained: bool) -> None:
    with acting() as (loop, server), ThreadPoolExecutor(16) as clients:
        loop.deaf = True
        answers = [clients.submit(ask, server, "/drain?wait=20s") for _ in range(16)]
        wait_for(lambda: len(loop.orders) == 16, "all of them are ordered")
        loop.say(a_report(BUSY, drain=DrainView("quiesce", NOW - 4, None)))
        assert not any(answer.done() for answer in answers)
        loop.say(a_report(drain=done))
        for answer in answers:
            document = answer.result(30).document
            assert (document["drained"], document["committed"]) == (drained, True)
            assert document["seconds"] == (0.0 if done is None else 3.0)


def test_a_drain_whose_last_commit_was_refused_is_told_though_no_partition_is_left() -> None:
    with acting() as (loop, server):
        loop.deaf = True
        gone = replace(a_snapshot(draining=True), partitions=())
        loop.report = a_report(gone, drain=DrainView("terminal", NOW - 4, NOW - 1, committed=False))
        document = ask(server, "/drain?terminal&wait").document
        assert (document["drained"], document["committed"]) == (True, False)


def test_a_wait_ends_with_its_time_and_never_lasts_longer_than_a_drain_may() -> None:
    with acting(longest_wait=0.2) as (loop, server):
        loop.deaf = True
        loop.report = a_report(BUSY, drain=DrainView("quiesce", NOW, None), ticket=99)
        for wait in ("wait=100ms", "wait", "wait=1h"):
            assert ask(server, f"/drain?{wait}").document["drained"] is False


def test_a_pause_waits_until_nothing_is_here_and_tells_what_holds() -> None:
    with acting() as (loop, server), ThreadPoolExecutor() as clients:
        loop.deaf = True
        answer = clients.submit(ask, server, "/pause?wait")
        wait_for(lambda: loop.orders, "it is ordered")
        loop.say(a_report(BUSY))
        assert not answer.done()
        loop.say(a_report(a_snapshot(asked_holds={"operator": "POST /pause"})))
        assert answer.result(30).document == {"holds": {"operator": "POST /pause"}, "buffered": 0, "in_flight": 0}


def test_a_loop_that_does_not_obey_is_told() -> None:
    loop = FakeLoop()
    loop.deaf = True
    actions = Actions(loop.give, lambda: loop.report, longest_wait=30.0, obeyed_within=0.05)
    with ONE_SERVER.serving(Starlette(routes=list(action_routes(actions)))) as server:
        sentence = "the consumer loop has not answered for 0.05 s; it will do this when it does\n"
        assert ask(server, "/pause") == Answer(503, sentence)


@pytest.mark.parametrize("path", ["/drain", "/drain?terminal"])
def test_a_drain_that_is_on_is_joined_while_the_loop_is_busy_with_its_end(path: str) -> None:
    with acting() as (loop, server):
        loop.deaf = True
        loop.report = a_report(a_snapshot(draining=True), drain=DrainView("terminal", NOW - 3, None))
        document = ask(server, path).document
        assert (document["kind"], document["seconds"]) == ("terminal", 3.0)


@pytest.mark.parametrize("path", ["/pause", "/resume"])
def test_a_process_that_drains_is_not_paused_or_resumed(path: str) -> None:
    with acting() as (loop, server):
        loop.say(a_report(a_snapshot(draining=True)))
        assert ask(server, path) == Answer(409, "the process drains, and does not come back from that\n")
        assert loop.orders == []


def test_the_token_lets_in_and_nothing_else_does() -> None:
    with acting(token=TOKEN) as (loop, server):
        sent_on = {"X_Forwarded_For": "10.0.0.9"}
        sentence = "this needs the token of SIDECAR_HTTP__TOKEN, as Authorization: Bearer <token> or X-Sidecar-Token: <token>\n"
        refused: list[dict[str, str]] = [
            {},
            {"Authorization": "Bearer wrong-horse"},
            {"Authorization": f"Basic {TOKEN}"},
            {"X_Sidecar_Token": TOKEN[:-1]},
            {"X_Sidecar_Token": ""},
            {"Authorization": "Bearer caf\u00e9"},
        ]
        for headers in refused:
            assert ask(server, "/drain", **sent_on, **headers) == Answer(403, sentence)
        assert loop.orders == []
        for headers in ({"Authorization": f"Bearer {TOKEN}"}, {"authorization": f"bearer {TOKEN}"}, {"X_Sidecar_Token": TOKEN}):
            assert ask(server, "/drain", **sent_on, **headers).code == 200


def test_who_is_refused_is_in_the_log_and_cannot_fill_it() -> None:
    now = NOW

    with acting(token=TOKEN, clock=lambda: now) as (_, server), capture_logs() as logs:
        for _ in range(5):
            ask(server, "/drain?wait=25s", "GET", Via="a proxy", Authorization="Bearer a-wrong-one")
        now += TOLD_EVERY
        ask(server, "/pause", Via="a proxy")
    told = [(line["log_level"], line["event"], line["path"], line["client"]) for line in logs]
    assert told == [("warning", "action.refused", path, "127.0.0.1") for path in ("/drain", "/pause")]
    assert "a-wrong-one" not in str(logs)
    assert "this needs the token" in logs[0]["reason"]


@pytest.mark.parametrize(
    "header", ["Origin", "Sec_Fetch_Site", "X_Forwarded_For", "X_Forwarded_Proto", "Forwarded", "Via", "l5d_client_id"]
)
def test_loopback_is_no_proof_for_a_browser_or_behind_a_proxy(header: str) -> None:
    with acting() as (loop, server):
        answer = ask(server, "/drain?terminal", **{header: "something"})
        assert answer.code == 403
        assert answer.text.startswith("this is for programs of the pod over loopback only; set SIDECAR_HTTP__TOKEN")
        assert loop.orders == []


def test_loopback_is_no_proof_where_it_was_reached_by_the_name_of_another() -> None:
    names = ("stands-for-loopback.example:9877", "127.0.0.1.example", "localhost.", "10.1.2.3", "[::1", "")
    with acting() as (loop, server):
        assert [ask(server, "/drain?terminal", "GET", Host=name).code for name in names] == [403] * len(names)
        assert loop.orders == []


def test_a_program_of_the_pod_may_call_loopback_by_each_of_its_names() -> None:
    names = ("127.0.0.1", "127.0.0.1:9877", "localhost:9877", "LOCALHOST", "[::1]:9877")
    with acting() as (_, server):
        assert [ask(server, "/drain", Host=name).code for name in names] == [200] * len(names)


@pytest.mark.parametrize(
    ("host", "allowed"),
    [("127.0.0.1", True), ("::1", True), ("127.0.0.6", False), ("10.1.2.3", False), ("::ffff:10.1.2.3", False)],
)
def test_without_a_token_only_the_pod_itself_may(host: str, *, allowed: bool) -> None:
    request = Request({"type": "http", "method": "POST", "path": "/drain", "headers": [], "client": (host, 1)})
    assert (Access(None).refusal(request) is None) is allowed
