"""The composition root: builds every part from the settings, wires them, runs them, takes them down. It decides nothing."""

from __future__ import annotations

import gc
import socket
import sys
import time
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from queue import SimpleQueue
from random import Random

import structlog

from sidecar.core.config import EngineConfig
from sidecar.core.engine import Engine
from sidecar.core.errors import ConfigurationError
from sidecar.http.actions import Actions
from sidecar.http.live import Live
from sidecar.http.pages import Sources, admin_pages
from sidecar.http.probes import Readiness
from sidecar.http.server import AdminServer
from sidecar.kafka.address import Address
from sidecar.kafka.build import Tell, Wanted, build_consumer, build_dead_letters, build_log_offsets
from sidecar.kafka.consumer import KafkaFenced
from sidecar.kafka.overflow import build_overflow
from sidecar.observe.flow_status import flow_status
from sidecar.observe.kafka_log import KafkaLog
from sidecar.observe.last_events import LastEvents
from sidecar.observe.live import About, Also, frame, hello
from sidecar.observe.log_actions import Log
from sidecar.observe.metrics import Identity, make_registry
from sidecar.observe.metrics import Sources as MetricSources
from sidecar.observe.pulse import Pulse
from sidecar.observe.scene import Scene
from sidecar.observe.status import books_of, status
from sidecar.observe.trends import Trend
from sidecar.observe.watch import Watch
from sidecar.runtime.app_health import AppHealthWatch, Checking
from sidecar.runtime.control import Control, Durations, Gate
from sidecar.runtime.dead_letters import DeadLetterProducer
from sidecar.runtime.driver import Driver, Hands
from sidecar.runtime.flushers import Flushers, Outcome
from sidecar.runtime.log_ends import LogEndsWatch
from sidecar.runtime.loop import ExitStatus, Loop, StopRequest
from sidecar.runtime.marker import Marker
from sidecar.runtime.membership import Membership
from sidecar.runtime.orders import Orders
from sidecar.runtime.overflow import OverflowProducer
from sidecar.runtime.report import LogEnds, Report
from sidecar.runtime.stored_offsets import StoredOffsetsReader
from sidecar.runtime.watchdog import Bounds, Watchdog
from sidecar.settings import (
    Settings,
    consumer_config,
    engine_config,
    fingerprint,
    has_max_age,
    has_overflow,
    login_changed,
    max_poll_interval,
    memory_limit,
    writer_kind,
)
from sidecar.writers.health import health_check

VERSION = version("kafka-sidecar")

SWITCH_INTERVAL = 0.0005
"""Seconds a thread may keep the interpreter from another; the default of 5 ms would halve the loop's rate beside a busy flusher."""

COLLECT_EVERY = 50_000
"""Allocations between two garbage collections. Records are held in few large lists and in no cycles: collecting often only costs."""

HEARTBEAT_LIMIT = 30.0
"""Seconds without a report after which the liveness probe fails."""

STALL_LIMIT = 120.0
"""Seconds without a step of the loop after which the process gives up, unless ``max.poll.interval.ms`` is shorter."""

REVOKE_SHARE = 0.2
REVOKE_LONGEST = 10.0
"""How long a revocation waits for flushes: this share of ``max.poll.interval.ms``, at most so many seconds."""

FLUSHERS_GRACE = 0.5
LETTERS_GRACE = 0.5

GRACE_MARGIN = 10.0
"""Seconds of the pod's grace period, beyond the drain, that an application needs to stop."""

USUAL_STOP = 30.0
"""Seconds that a pod's grace period is taken to last beyond the drain where it is not known: Kubernetes' own default for an application."""


class App:
    """One sidecar: everything between the settings and the exit status."""

    def __init__(self, settings: Settings, stop: StopRequest, log: Log) -> None:
        """Build all parts; nothing is started. Raises ConfigurationError when the settings cannot work."""
        log = self._events = LastEvents(log, time.time)
        properties = consumer_config(settings)
        kind = writer_kind(settings, lambda: client.membership)
        outcomes: SimpleQueue[Outcome] = SimpleQueue()
        config = engine_config(settings)
        engine = Engine(config, Random())  # noqa: S311 -- spreads retries, keeps no secret
        kafka_log = KafkaLog(log, time.monotonic)
        letters = settings.dead_letter.topic
        copies = letters is not None or has_overflow(settings)
        wanted = Wanted(
            settings.topics,
            settings.start,
            settings.on_offset_out_of_range,
            with_headers=kind.needs_headers or copies,
            with_timestamps=kind.needs_timestamps or copies or has_max_age(settings),
            with_place=kind.commits_with_records,
            starts_told=kind.stored_offsets is not None,
            login=login_changed(settings),
        )
        self._watch = Watch(log, time.time)
        self._offsets = build_log_offsets(properties, login_changed(settings))
        client = build_consumer(properties, wanted, self._offsets, engine.epoch, Tell(kafka_log.trouble, kafka_log.out_of_range))
        self._flushers = Flushers(
            kind.create,
            threads=config.flush.max_in_flight,
            timeout=settings.writer.timeout,
            clock=time.monotonic,
            outcomes=outcomes,
        )
        self._reader = (
            None if kind.stored_offsets is None else StoredOffsetsReader(kind.stored_offsets, outcomes.put, time.monotonic)
        )
        self._letters = None if letters is None else _dead_letters(settings, letters, outcomes)
        self._overflow = _overflow(settings, outcomes)
        locate = None if self._reader is None else self._reader.ask
        hands = Hands(
            self._flushers.submit,
            locate,
            None if self._letters is None else self._letters.send,
            None if self._overflow is None else self._overflow.send,
        )
        driver = Driver(engine, client, hands, outcomes, self._watch, time.monotonic)
        poll_interval = max_poll_interval(settings)
        membership = Membership(driver, min(REVOKE_LONGEST, REVOKE_SHARE * poll_interval))
        self._log = log
        self._marker = _marker(settings)
        control = Control(driver, Durations(settings.drain_timeout, _pod_end(settings)), self._gate(settings))
        self._loop = Loop(driver, membership, control, stop, memory_limit(settings), time.time)
        bounds = Bounds(settings.drain_timeout, min(STALL_LIMIT, poll_interval))
        self._watchdog = Watchdog(lambda: self._loop.beat, lambda: control.draining_since, stop, bounds, time.monotonic)
        self._log_ends = LogEndsWatch(self._offsets, self._watch.assigned, time.monotonic)
        self._pulse = Pulse(lambda: self._watch.report, lambda: self._log_ends.latest)
        self._app_health = _app_health(settings, outcomes)
        orders = Orders(outcomes.put, self._mark)
        token = None if settings.http.token is None else settings.http.token.get_secret_value
        actions = Actions(orders.give, lambda: self._watch.report, settings.drain_timeout, token)
        self._live = self._make_live(settings, kind.name, config)
        self._server = AdminServer(admin_pages(self._sources(settings), actions), settings.http.host, settings.http.port)
        self._grace_problem = _grace_problem(settings)

    @property
    def report(self) -> Report | None:
        """The latest report; None before the first. Any thread may ask."""
        return self._watch.report

    def run(self) -> ExitStatus:
        """Run until the drain is over. Raises ConfigurationError when the admin server's address, or a topic's pattern, cannot work."""
        with ExitStack() as running:
            running.enter_context(self._server)
            self._log.info("sidecar.started", version=VERSION, admin_port=self._server.port)
            if self._grace_problem is not None:
                self._log.error("grace_period.too_short", reason=self._grace_problem)
            for part in (self._flushers, self._log_ends, self._watchdog, self._pulse):
                part.start()
            if self._app_health is not None:
                self._app_health.start()
                running.callback(self._app_health.stop)
            if self._reader is not None:
                self._reader.start()
                running.callback(self._reader.stop)
            if self._letters is not None:
                self._letters.start()
                running.callback(self._letters.close, LETTERS_GRACE)
            if self._overflow is not None:
                self._overflow.start()
                running.callback(self._overflow.close, LETTERS_GRACE)
            running.callback(self._flushers.stop, FLUSHERS_GRACE)
            running.callback(self._log_ends.stop)
            running.callback(self._watchdog.cancel)
            running.callback(self._pulse.stop)
            running.callback(self._live.close)
            outcome = self._run_loop()
        self._log.info("sidecar.stopped", status=int(outcome), reason=outcome.name.lower(), books=self._books())
        return outcome

    def _gate(self, settings: Settings) -> Gate:
        """Return what stands before the group; a marker that means nothing any more is taken away."""
        left = None if self._marker is None else self._marker.seconds_left(time.time())
        if self._marker is not None and left == 0:
            self._marker.clear()
        if not left:
            return Gate(settings.app.health_url is not None)
        self._log.warning("drain.marked", marker=settings.drain_marker, seconds_left=round(left, 1))
        return Gate(settings.app.health_url is not None, time.monotonic() + left)

    def _mark(self) -> None:
        """Leave the marker: the pod is on its way out."""
        if self._marker is not None:
            try:
                self._marker.write(time.time())
            except OSError as error:
                self._log.error("drain.not_marked", marker=str(self._marker.path), reason=error.strerror)

    def _books(self) -> dict[str, object] | None:
        """Return the books as the last report has them."""
        report = self._watch.report
        return None if report is None else books_of(report.engine.books)

    def _run_loop(self) -> ExitStatus:
        """Run the loop; what it cannot go on after is logged, and the exit status says whether a restart may mend it."""
        try:
            return self._loop.run()
        except ConfigurationError:
            raise
        except KafkaFenced as fenced:
            self._log.error("kafka.fenced", reason=str(fenced))
            return ExitStatus.STOPPED
        except Exception:  # noqa: BLE001 -- the last stop: logged with its stack, and the exit status tells
            structlog.get_logger("sidecar").exception("sidecar.failed")
            return ExitStatus.FAILED

    def _scene(self, report: Report) -> Scene:
        return Scene(report, self._log_ends.latest, time.monotonic(), self._pulse.trend)

    def _make_live(self, settings: Settings, writer: str, config: EngineConfig) -> Live:
        low, high = config.low_watermark, config.high_watermark
        about = About(VERSION, socket.gethostname(), settings.kafka.group_id, settings.topics, writer, low, high)
        also = Also(config.policy, self._watch.drops.last, lambda: self._events.latest)

        def now() -> dict[str, object]:
            report = self._watch.report
            if report is None:
                return {"phase": "starting"}
            return frame(self._scene(report), also, int(time.time() * 1000))

        return Live(lambda: hello(about, self._pulse.points), now)

    def _sources(self, settings: Settings) -> Sources:
        def log_ends() -> LogEnds:
            return self._log_ends.latest

        def trend() -> Trend:
            return self._pulse.trend

        return Sources(
            report=lambda: self._watch.report,
            status=lambda report: status(self._scene(report), int(time.time() * 1000)),
            flow=lambda report: flow_status(report, time.monotonic()),
            drops=self._watch.drops.document,
            registry=make_registry(
                MetricSources(lambda: self._watch.report, log_ends, trend, lambda: self._watch.spans),
                Identity(VERSION, settings.kafka.group_id, fingerprint(settings)),
                drain_timeout=settings.drain_timeout,
                per_partition=settings.metrics.per_partition,
            ),
            live=self._live,
            readiness=Readiness(settings.readiness),
            heartbeat_limit=HEARTBEAT_LIMIT,
        )


def _pod_end(settings: Settings) -> float:
    """Return how long the end of the pod takes at most, in seconds."""
    return settings.grace_period or settings.drain_timeout + USUAL_STOP


def _grace_problem(settings: Settings) -> str | None:
    """Return what is wrong with the pod's grace period, with the sum; None where nothing is, or it is not known."""
    needed = settings.drain_timeout + GRACE_MARGIN
    if settings.grace_period is None or settings.grace_period >= needed:
        return None
    return (
        f"SIDECAR_GRACE_PERIOD ({settings.grace_period:g}s) is less than SIDECAR_DRAIN_TIMEOUT ({settings.drain_timeout:g}s) and {GRACE_MARGIN:g}s "
        f"for the application to stop: raise terminationGracePeriodSeconds to {needed:g} or more, or lower SIDECAR_DRAIN_TIMEOUT"
    )


def _dead_letters(settings: Settings, topic: str, outcomes: SimpleQueue[Outcome]) -> DeadLetterProducer:
    address = Address(topic, settings.topics)
    return build_dead_letters(consumer_config(settings), address, settings.kafka.group_id, outcomes.put, login_changed(settings))


def _overflow(settings: Settings, outcomes: SimpleQueue[Outcome]) -> OverflowProducer | None:
    if not has_overflow(settings):
        return None
    group = settings.kafka.group_id
    return build_overflow(consumer_config(settings), group, settings.topics, login_changed(settings), outcomes.put)


def _marker(settings: Settings) -> Marker | None:
    if settings.drain_marker is None:
        return None
    marker = Marker(Path(settings.drain_marker), _pod_end(settings))
    marker.check()
    return marker


def _app_health(settings: Settings, queue: SimpleQueue[Outcome]) -> AppHealthWatch | None:
    app = settings.app
    if app.health_url is None:
        return None
    checking = Checking(app.health_interval, app.health_timeout, app.healthy_after)
    return AppHealthWatch(health_check(app.health_url), checking, queue.put)


def run(settings: Settings, stop: StopRequest) -> ExitStatus:
    """Run a sidecar in this process, on this thread."""
    app = App(settings, stop, structlog.get_logger("sidecar"))
    tune_interpreter()
    return app.run()


def tune_interpreter() -> None:
    """Set the interpreter up for one thread that takes records and a few that serialise them."""
    sys.setswitchinterval(SWITCH_INTERVAL)
    gc.set_threshold(COLLECT_EVERY, 50, 50)
    gc.freeze()
