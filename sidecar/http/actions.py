"""What can be done over HTTP: drain, pause, resume. docs/ACTIONS.md is the contract.

An action is an order to the loop. It is answered when the loop has carried it out, which is seen from its reports, or with ``wait`` when nothing
is left here; every wait ends after the drain's time-out at the latest. Orders may be given again and by many: all wait for the same thing.

Who may not is told so, and so is the log: a kubelet does not look at the answer to a hook, and a hook that lacks the token would fail in silence.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from sidecar.http.access import Access
from sidecar.http.following import Following
from sidecar.runtime.commands import Order
from sidecar.runtime.report import Report
from sidecar.settings import units

OBEYED_WITHIN = 5.0
"""Seconds that the loop gets to carry an order out; it takes a tenth of one unless something is wrong with it."""

TOLD_EVERY = 10.0
"""Seconds between two lines of the log about refusals: anyone can be refused at any rate."""

SAID = ("", "1", "true")

_log = structlog.get_logger("sidecar")


@dataclass(frozen=True, slots=True)
class Actions:
    """What the actions need.

    ``give`` gives an order to the loop and returns its ticket, ``report`` returns the latest report; ``longest_wait`` is in seconds, ``token`` returns that of
    ``SIDECAR_HTTP__TOKEN`` (None: there is none). ``clock`` is the one of ``Report.made_at``.
    """

    give: Callable[[Order], int]
    report: Callable[[], Report | None]
    longest_wait: float
    token: Callable[[], str] | None = None
    obeyed_within: float = OBEYED_WITHIN
    clock: Callable[[], float] = time.monotonic


def action_routes(actions: Actions) -> list[Route]:
    """Return the routes of the actions."""
    doing = _Doing(actions)
    routes = [
        Route(
            "/drain", doing.endpoint(doing.drain, {"wait", "terminal"}), methods=["GET", "POST"]
        ),  # a kubelet's httpGet can only GET
        Route("/pause", doing.endpoint(doing.pause, {"wait"}), methods=["POST"]),
        Route("/resume", doing.endpoint(doing.resume, set()), methods=["POST"]),
    ]
    for route in routes:
        (route.methods or set()).discard("HEAD")  # which comes with GET, and must change nothing
    return routes


class _Refused(Exception):  # noqa: N818 -- an answer
    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class _Doing:
    def __init__(self, actions: Actions) -> None:
        self._actions = actions
        self._access = Access(actions.token)
        self._reports = Following(actions.report)
        self._told_at = float("-inf")

    def endpoint(
        self, act: Callable[[Request], Awaitable[dict[str, object]]], known: set[str]
    ) -> Callable[[Request], Awaitable[Response]]:
        """Return ``act`` as an endpoint for those who may, with the parameters ``known``."""

        async def endpoint(request: Request) -> Response:
            refusal = self._access.refusal(request)
            if refusal is not None:
                self._tell(request, refusal)
                return _sentence(403, refusal)
            unknown = sorted(request.query_params.keys() - known)
            if unknown:
                return _sentence(
                    400, f"{request.url.path} has no parameter {unknown[0]!r}; it has: {', '.join(sorted(known)) or 'none'}"
                )
            try:
                return Response(msgspec.json.encode(await act(request)) + b"\n", media_type="application/json")
            except _Refused as refused:
                return _sentence(refused.code, str(refused))

        return endpoint

    async def drain(self, request: Request) -> dict[str, object]:
        """Quiesce, or drain for good."""
        wait, terminal = self._wait(request), _is_terminal(request)
        report = await self._obeyed(Order.DRAIN if terminal else Order.QUIESCE)
        if wait:
            report = await self._reports.until(_is_over, wait) or self._latest(report)
        return _drained(report, self._actions.clock()) | {"longest_wait": self._actions.longest_wait}

    async def pause(self, request: Request) -> dict[str, object]:
        """Hold everything until it is resumed; what is here is delivered meanwhile."""
        wait = self._wait(request)
        self._refuse_while_draining()
        report = await self._obeyed(Order.PAUSE)
        if wait:
            report = await self._reports.until(lambda latest: latest.engine.is_settled, wait) or self._latest(report)
        return _held(report)

    async def resume(self, _request: Request) -> dict[str, object]:
        """Lift a pause and a quiesce."""
        self._refuse_while_draining()
        return _held(await self._obeyed(Order.RESUME))

    async def _obeyed(self, order: Order) -> Report:
        """Give an order; return a report of after it. A drain that is on already is what it comes to, even while the loop does its last commit."""
        ticket = self._actions.give(order)
        within = self._actions.obeyed_within
        report = await self._reports.until(lambda latest: latest.ticket >= ticket or latest.engine.draining, within)
        if report is None:
            raise _Refused(503, f"the consumer loop has not answered for {within:g} s; it will do this when it does")
        return report

    def _tell(self, request: Request, refusal: str) -> None:
        now = self._actions.clock()
        if now - self._told_at >= TOLD_EVERY:
            self._told_at = now
            client = None if request.client is None else request.client.host
            _log.warning("action.refused", path=request.url.path, client=client, reason=refusal)

    def _latest(self, default: Report) -> Report:
        return self._actions.report() or default

    def _refuse_while_draining(self) -> None:
        report = self._actions.report()
        if report is not None and report.engine.draining:
            raise _Refused(409, "the process drains, and does not come back from that")

    def _wait(self, request: Request) -> float:
        """Return the seconds to wait at most; 0 where nothing was said."""
        text = request.query_params.get("wait")
        if text is None:
            return 0.0
        longest = self._actions.longest_wait
        try:
            return longest if text in SAID else min(units.wait(text), longest)
        except ValueError as error:
            raise _Refused(400, f"wait: {error}") from error


def _is_terminal(request: Request) -> bool:
    text = request.query_params.get("terminal")
    if text is not None and text not in SAID:
        raise _Refused(400, f"terminal: {text!r} is not understood: write ?terminal, or leave it out")
    return text is not None


def _is_over(report: Report) -> bool:
    """Whether there is nothing to wait for any more: it is done, or it was lifted."""
    return report.drain is None or report.drain.done_at is not None


def _drained(report: Report, now: float) -> dict[str, object]:
    drain, books = report.drain, report.engine.books
    expired = drain is not None and drain.expired
    return {
        "drained": not (books.buffered or books.in_flight or expired),
        "committed": report.engine.is_settled and (drain is None or drain.committed),
        "buffered": books.buffered,
        "in_flight": books.in_flight,
        "seconds": 0.0 if drain is None else round((now if drain.done_at is None else drain.done_at) - drain.began_at, 3),
        "kind": "quiesce" if drain is None else drain.kind,
    }


def _held(report: Report) -> dict[str, object]:
    books = report.engine.books
    return {"holds": dict(report.engine.asked_holds), "buffered": books.buffered, "in_flight": books.in_flight}


def _sentence(code: int, text: str) -> Response:
    return PlainTextResponse(f"{text}\n", status_code=code)
