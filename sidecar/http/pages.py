"""The pages of the admin server, as an ASGI application: read-only, made from the latest report. What can be done is in the actions."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from sidecar.http import assets
from sidecar.http.actions import Actions, action_routes
from sidecar.http.exposition import Exposition
from sidecar.http.live import Live
from sidecar.http.probes import Answer, Readiness, liveness, readiness, startup
from sidecar.runtime.report import Report

PAGES = {
    "/startupz": "startup probe",
    "/livez": "liveness probe",
    "/readyz": "readiness probe",
    "/metrics": "metrics for Prometheus",
    "/status": "what it does, and why it is behind, as JSON",
    "/status/drops": "what was dropped, by offset ranges, as JSON",
    "/status/flow": "how it comes to batch sizes, the interval and the concurrency, as JSON",
}


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the pages get what they show; everything is called from the server's thread.

    ``report`` returns the latest report (None: there is none yet), ``status`` and ``flow`` make the documents of one, ``drops`` that of the
    dropped ranges, ``registry`` has the metrics, ``live`` the stream of the page at ``/``. ``heartbeat_limit`` is in seconds: the liveness probe fails when the report is older.
    ``clock`` is the monotonic clock of ``Report.made_at``.
    """

    report: Callable[[], Report | None]
    status: Callable[[Report], dict[str, object]]
    flow: Callable[[Report], dict[str, object]]
    drops: Callable[[], dict[str, object]]
    registry: CollectorRegistry
    live: Live
    readiness: Readiness
    heartbeat_limit: float
    clock: Callable[[], float] = time.monotonic


def admin_pages(sources: Sources, actions: Actions) -> Starlette:
    """Return the application that serves every page of :data:`PAGES`, the live page at ``/`` with its files and its stream, and the actions."""
    pages = _Pages(sources)
    endpoints = {
        "/": pages.index,
        "/assets/{name}": pages.asset,
        "/startupz": pages.startupz,
        "/livez": pages.livez,
        "/readyz": pages.readyz,
        "/metrics": pages.metrics,
        "/status": pages.status,
        "/status/drops": pages.drops,
        "/status/flow": pages.flow,
    }
    routes = [Route(path, _endpoint(page)) for path, page in endpoints.items()]
    routes += [Route("/events", sources.live, methods=["GET"]), *action_routes(actions)]
    return Starlette(routes=routes, exception_handlers={404: _not_found})


class _Pages:
    """One method a page; each is short and never waits, so all run on the server's own thread."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._assets = assets.load()
        self._exposition = Exposition(sources.registry, sources.report, sources.clock)

    def index(self, _request: Request) -> Response:
        return self._assets[assets.INDEX]

    def asset(self, request: Request) -> Response:
        found = self._assets.get(request.path_params["name"])
        if found is None:
            raise HTTPException(404)
        return found

    def startupz(self, _request: Request) -> Response:
        return _probe(startup(self._sources.report()))

    def livez(self, _request: Request) -> Response:
        sources = self._sources
        return _probe(liveness(sources.report(), sources.clock(), sources.heartbeat_limit))

    def readyz(self, _request: Request) -> Response:
        return _probe(readiness(self._sources.report(), self._sources.readiness))

    def metrics(self, request: Request) -> Response:
        page = self._exposition.page(request.headers.get("accept", ""))
        return Response(page.body, headers={"content-type": page.content_type})

    def status(self, _request: Request) -> Response:
        return self._document(self._sources.status)

    def flow(self, _request: Request) -> Response:
        return self._document(self._sources.flow)

    def drops(self, _request: Request) -> Response:
        return _json(self._sources.drops(), 200)

    def _document(self, of: Callable[[Report], dict[str, object]]) -> Response:
        report = self._sources.report()
        return _json({"phase": "starting"}, 503) if report is None else _json(of(report), 200)


def _endpoint(page: Callable[[Request], Response]) -> Callable[[Request], Awaitable[Response]]:
    """Make ``page`` a coroutine: Starlette runs a plain function on a pool of further threads."""

    async def endpoint(request: Request) -> Response:
        return page(request)

    return endpoint


def _probe(answer: Answer) -> Response:
    return PlainTextResponse(f"{answer.text}\n", status_code=200 if answer.yes else 503)


def _json(document: dict[str, object], code: int) -> Response:
    body = msgspec.json.format(msgspec.json.encode(document), indent=2)
    return Response(body + b"\n", status_code=code, media_type="application/json")


async def _not_found(request: Request, _error: Exception) -> Response:
    text = f"there is no page {request.url.path}; there are: / {' '.join(PAGES)}\n"
    return PlainTextResponse(text, status_code=404)
