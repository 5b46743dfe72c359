"""A play of some minutes (or, for a test, half of one) in which everything happens that the dashboards show.

Two sidecars of one group with the strategy ``drop_oldest`` and a small buffer, an application between them, and a steady producer:

===== ==========================================================================================================
act   what happens
===== ==========================================================================================================
1, 2  all is well
3     a spike, while the application has become slow: the buffer overflows, and records are dropped
4, 5  it catches up
6, 7  the application is down: the breaker opens, partitions are held, lag grows
8-10  it is back, but slow, so that catching up takes longer than what a slope is taken over
11    the second pod is replaced: it drains, and the group rebalances
12    all is well again
===== ==========================================================================================================

An act that is there for something lasts until Prometheus has seen that, however long it takes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.dashboard.steady import Steady
from tests.parts.app import Application
from tests.parts.behaviour import slow
from tests.parts.environ import sidecar_environ
from tests.parts.kafka import RealKafka
from tests.parts.process import SidecarProcess
from tests.parts.prometheus import Prometheus, Target
from tests.parts.topics import create_topic
from tests.parts.waiting import wait_for

NAMESPACE = "payments"
SCRAPE = 1.0
"""Seconds between two scrapes."""

USUAL, SPIKE = 150.0, 2500.0
"""Records a second and topic."""

LONG = 60.0
"""Seconds within which all that is to be seen is."""

SHED = 'sidecar_records_dropped_total{pod="billing-1", reason="drop_oldest"} > 0'
HELD = 'sidecar_breaker_state{pod="billing-1", state="open"} == 1 and on(pod) sidecar_hold_seconds_total{reason="breaker"} > 0'
CATCHING_UP = "sum(deriv(sidecar_lag_records[6s])) < 0 and max(sidecar_lag_seconds) > 1"

SETTINGS: Mapping[str, str] = {
    "BUFFER__STRATEGY": "drop_oldest",
    "BUFFER__MAX_MESSAGES": "2000",
    "FLUSH__MAX_BATCH": "50",
    "FLUSH__MAX_IN_FLIGHT": "4",
    "KAFKA__SESSION_TIMEOUT_MS": "6000",
}


@dataclass(frozen=True, slots=True)
class Played:
    """What is there when the play is over: the Prometheus that watched it, from when to when (Unix time), and who played.

    ``pod`` was there all the time, and ``page`` is what it served in the end.
    """

    prometheus: Prometheus
    begin: float
    end: float
    group: str
    pod: str
    page: str


@contextmanager
def play(kafka: RealKafka, folder: Path, act: float, topics: Mapping[str, int], group: str) -> Iterator[Played]:
    """Play all twelve acts, ``act`` seconds each."""
    for topic, partitions in topics.items():
        create_topic(kafka.bootstrap, topic, partitions)
    with ExitStack() as stage:
        app = stage.enter_context(Application(slow(0.01)))
        prometheus = stage.enter_context(Prometheus(folder / "prometheus"))
        environ = sidecar_environ(kafka.bootstrap, ",".join(topics), app.url, KAFKA__GROUP_ID=group, **SETTINGS)
        cast = _Cast(stage, prometheus, environ, folder)
        first = cast.enter("billing-1")
        first.wait_ready()
        second = cast.enter("billing-2")
        second.wait_ready()
        steady = stage.enter_context(Steady(kafka.bootstrap, topics, USUAL))
        begin = time.time()
        _acts(app, steady, cast, second, act)
        yield Played(prometheus, begin, time.time(), group, "billing-1", first.get("/metrics")[1])


class _Cast:
    """The sidecars, each watched under the name of its pod."""

    def __init__(self, stage: ExitStack, prometheus: Prometheus, environ: Mapping[str, str], folder: Path) -> None:
        self._stage = stage
        self._prometheus = prometheus
        self._environ = environ
        self._folder = folder

    def enter(self, pod: str) -> SidecarProcess:
        sidecar = self._stage.enter_context(SidecarProcess(self._environ, self._folder))
        labels = {"namespace": NAMESPACE, "pod": pod, "container": "kafka-sidecar"}
        self._prometheus.scrape(Target(sidecar.port, labels))
        return sidecar

    def see(self, expression: str) -> None:
        """Return when Prometheus sees ``expression``, in more than one scrape."""
        wait_for(lambda: self._prometheus.query(expression), f"Prometheus sees {expression}", LONG)
        _for(2 * SCRAPE)

    def leave(self, sidecar: SidecarProcess, pod: str) -> None:
        """End it as a pod ends: its own preStop hook drains, and it stays to be scraped until SIGTERM comes."""
        sidecar.post("/drain?terminal&wait")
        self.see(f'sidecar_drains_total{{pod="{pod}", result="drained"}} == 1')
        sidecar.sigterm()
        sidecar.wait_exit()
        self._prometheus.forget(sidecar.port)


def _acts(app: Application, steady: Steady, cast: _Cast, second: SidecarProcess, act: float) -> None:
    _for(2 * act)
    steady.rate, app.behave = SPIKE, slow(0.25)
    _for(act)
    cast.see(SHED)
    steady.rate, app.behave = USUAL, slow(0.01)
    _for(2 * act)
    app.go_down()
    _for(2 * act)
    cast.see(HELD)
    steady.rate, app.behave = USUAL / 8, slow(1.0)
    app.come_back()
    _for(3 * act)
    cast.see(CATCHING_UP)
    steady.rate, app.behave = USUAL, slow(0.01)
    cast.leave(second, "billing-2")
    cast.enter("billing-3").wait_ready()
    _for(2 * act)


def _for(seconds: float) -> None:
    """Let an act last: what is watched here is time itself."""
    threading.Event().wait(seconds)
