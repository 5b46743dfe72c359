from __future__ import annotations

import http.client
import json
import re
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from sidecar.core.errors import ConfigurationError
from sidecar.http.actions import Actions
from sidecar.http.live import Live
from sidecar.http.pages import PAGES, Sources, admin_pages
from sidecar.http.probes import Readiness
from sidecar.http.server import AdminServer
from sidecar.observe.drop_record import DropRecord
from sidecar.observe.flow_status import flow_status
from sidecar.observe.metrics import Identity, ReportCollector
from sidecar.observe.metrics import Sources as MetricSources
from sidecar.observe.scene import Scene
from sidecar.observe.spans import Spans
from sidecar.observe.status import status
from sidecar.observe.trends import NOTHING_KNOWN
from sidecar.runtime.report import Report
from tests.parts.waiting import free_port
from tests.unit.http.one_server import ONE_SERVER, server_threads
from tests.unit.observe.reports import NOW, NOW_MS, a_report, log_ends


@dataclass
class Answer:
    code: int
    kind: str
    body: str


def sources(report: Callable[[], Report | None], now: float = NOW) -> Sources:
    registry = CollectorRegistry()
    values = MetricSources(report, lambda: log_ends(100), lambda: NOTHING_KNOWN, Spans)
    registry.register(ReportCollector(values, Identity("1.2.3", "billing", "c0ffee"), drain_timeout=25.0))
    return Sources(
        report=report,
        status=lambda latest: status(Scene(latest, log_ends(100), now), NOW_MS),
        flow=lambda latest: flow_status(latest, now),
        drops=DropRecord(lambda: 0.0).document,
        registry=registry,
        live=Live(dict, dict),
        readiness=Readiness.LATCHED,
        heartbeat_limit=30.0,
        clock=lambda: now,
    )


def pages(report: Callable[[], Report | None], now: float = NOW) -> Starlette:
    return admin_pages(sources(report, now), Actions(lambda _order: 0, report, longest_wait=1.0))


@contextmanager
def serving(report: Report | None, now: float = NOW) -> Iterator[AdminServer]:
    with ONE_SERVER.serving(pages(lambda: report, now)) as server:
        yield server


def ask(server: AdminServer, path: str, method: str = "GET", **headers: str) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        return Answer(response.status, response.headers["content-type"], response.read().decode())
    finally:
        connection.close()


def codes(server: AdminServer) -> dict[str, int]:
    return {path: ask(server, path).code for path in PAGES}


def test_a_healthy_process_answers_on_every_page() -> None:
    with serving(a_report()) as server:
        assert codes(server) == dict.fromkeys(PAGES, 200)


def test_a_process_whose_loop_has_not_started_is_alive_and_not_ready() -> None:
    with serving(None) as server:
        assert codes(server) == {
            "/startupz": 503,
            "/livez": 200,
            "/readyz": 503,
            "/metrics": 200,
            "/status": 503,
            "/status/drops": 200,
            "/status/flow": 503,
        }
        assert json.loads(ask(server, "/status").body) == {"phase": "starting"}


def test_a_stuck_loop_fails_the_liveness_probe() -> None:
    with serving(a_report(), now=NOW + 31.0) as server:
        answer = ask(server, "/livez")
        assert answer.code == 503
        assert "no heartbeat" in answer.body


def test_a_failing_probe_says_why() -> None:
    with serving(a_report(joined=False, trouble="no broker answers")) as server:
        assert ask(server, "/readyz") == Answer(503, "text/plain; charset=utf-8", "no broker answers\n")


def test_the_status_is_json() -> None:
    with serving(a_report()) as server:
        answer = ask(server, "/status")
        assert answer.kind == "application/json"
        assert json.loads(answer.body)["why"]["verdict"] == "ok"


def test_metrics_come_in_the_format_that_is_asked_for() -> None:
    with serving(a_report()) as server:
        plain = ask(server, "/metrics")
        assert plain.kind.startswith("text/plain; version=")
        assert 'sidecar_records_polled_total{topic="orders"} 100.0' in plain.body
        modern = ask(server, "/metrics", Accept="application/openmetrics-text; version=1.0.0")
        assert modern.kind.startswith("application/openmetrics-text; version=1.0.0")
        assert modern.body.endswith("# EOF\n")


def test_the_page_links_every_other_one() -> None:
    with serving(a_report()) as server:
        body = ask(server, "/").body
        assert [path for path in PAGES if f'href="{path[1:]}"' not in body] == []


def test_the_page_and_all_of_its_files_are_served_by_the_server_itself() -> None:
    with serving(a_report()) as server:
        page = ask(server, "/")
        assert page.kind == "text/html; charset=utf-8"
        named = set(re.findall(r'(?:src|href)="(assets/[^"]+)"', page.body))
        scripts = [name for name in named if name.endswith(".js")]
        named |= {f"assets/{file}" for name in scripts for file in re.findall(r'from "\./([^"]+)"', ask(server, f"/{name}").body)}
        assert {name: ask(server, f"/{name}").code for name in named} == dict.fromkeys(named, 200)
        assert len(named) > 8


@pytest.mark.parametrize(
    "path", ["/assets/../pages.py", "/assets/%2e%2e/pages.py", "/assets/UPLOT.txt", "/assets/", "/assets/nothing.js"]
)
def test_no_other_file_is_served(path: str) -> None:
    with serving(a_report()) as server:
        assert ask(server, path).code == 404


def test_the_browser_may_ask_nobody_else_and_run_nothing_inline() -> None:
    with serving(a_report()) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.request("GET", "/")
        policy = connection.getresponse().headers["content-security-policy"]
        connection.close()
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "http" not in policy


def test_head_answers_like_get_without_a_body() -> None:
    with serving(a_report()) as server:
        for path in PAGES:
            answer = ask(server, path, "HEAD")
            assert (answer.code, answer.body) == (200, "")


def test_an_unknown_page_names_the_known_ones() -> None:
    with serving(a_report()) as server:
        answer = ask(server, "/healthz")
        assert answer.code == 404
        assert all(path in answer.body for path in PAGES)


def test_nothing_can_be_changed_over_it() -> None:
    with serving(a_report()) as server:
        assert ask(server, "/status", "POST").code == 405


def test_a_taken_port_is_an_error_that_names_the_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = AdminServer(pages(a_report), "127.0.0.1", port)
        with pytest.raises(ConfigurationError, match=rf"SIDECAR_HTTP__LISTEN: cannot listen on 127\.0\.0\.1:{port} .*in use"):
            server.start()
        server.stop()


def test_a_host_that_is_not_ours_is_an_error_that_names_the_setting() -> None:
    server = AdminServer(pages(a_report), "203.0.113.1", 0)
    with pytest.raises(ConfigurationError, match="SIDECAR_HTTP__LISTEN"):
        server.start()


def test_it_serves_from_a_daemon_thread_that_ends_with_the_stop() -> None:
    before = server_threads()
    with AdminServer(pages(a_report), "127.0.0.1", 0) as server:
        ask(server, "/livez")
        (thread,) = server_threads() - before
        assert thread.daemon
    assert not thread.is_alive()
    server.stop()


def test_it_is_woken_for_its_end_and_does_not_wait_for_the_next_date() -> None:
    before = server_threads()
    server = AdminServer(pages(a_report), "127.0.0.1", 0, tick=3600.0)
    server.start()
    ask(server, "/livez")
    server.stop()
    assert server_threads() == before


def test_the_port_is_free_again_after_the_stop() -> None:
    port = free_port()  # and not any: that would be one of those which the kernel gives to whoever connects meanwhile
    with AdminServer(pages(a_report), "127.0.0.1", port) as server:
        ask(server, "/livez")
    with AdminServer(pages(a_report), "127.0.0.1", port) as again:
        assert ask(again, "/livez").code == 200


def test_it_can_be_stopped_before_it_answered_anything() -> None:
    before = server_threads()
    with AdminServer(pages(a_report), "127.0.0.1", 0):
        pass
    assert server_threads() == before


def test_signal_handlers_are_left_alone() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with AdminServer(pages(a_report), "127.0.0.1", 0) as server:
        ask(server, "/livez")
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_failing_page_is_an_answer_and_does_not_end_the_server() -> None:
    def broken() -> Report | None:
        raise RuntimeError("broken")

    with ONE_SERVER.serving(pages(broken)) as server:
        assert ask(server, "/status").code == 500
        assert ask(server, "/").code == 200
