"""The live page on a stage: the real admin server and the real page, told reports that the test makes up, one a second of their own time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from prometheus_client import CollectorRegistry

from sidecar.core.config import Policy
from sidecar.core.records import TopicPartition
from sidecar.core.snapshot import PartitionView, RetryView
from sidecar.http.actions import Actions
from sidecar.http.live import EVERY, Live
from sidecar.http.pages import Sources, admin_pages
from sidecar.http.probes import Readiness
from sidecar.http.server import AdminServer
from sidecar.observe.drop_record import DropRecord
from sidecar.observe.flow_status import flow_status
from sidecar.observe.last_events import LastEvents
from sidecar.observe.live import About, Also, frame, hello
from sidecar.observe.pulse import Pulse
from sidecar.observe.scene import Scene
from sidecar.observe.status import status
from sidecar.runtime.report import LogEnds, Report
from tests.unit.observe.reports import FLOW, NOW, NOW_MS, a_partition, a_report, a_snapshot

ABOUT = About("1.2.3", "pod-7", "billing", ("orders",), "http://localhost:8080/records", 0.5, 0.8)
TOKEN = "the-right-token"  # noqa: S105 -- a test's
FAILED = RetryView("answered 503 Service Unavailable", attempts=3, next_in=8.0, limited=False)


class Quiet:
    """A log that nobody reads."""

    def info(self, event: str, **fields: object) -> object:
        """Say nothing."""

    def warning(self, event: str, **fields: object) -> object:
        """Say nothing."""

    def error(self, event: str, **fields: object) -> object:
        """Say nothing."""


class Stage:
    """What the page shows, a frame ``every`` so many seconds; :meth:`tell` moves time on by a second.

    ``silence`` is how long the consumer loop has said nothing since, in seconds.
    """

    def __init__(self, max_viewers: int = 20, every: float = EVERY) -> None:
        self.report: Report | None = None
        self.ends = LogEnds({}, NOW)
        self.policies: dict[str, Policy] = {}
        self.drops = DropRecord(lambda: self.wall_ms / 1000)
        self.events = LastEvents(Quiet(), lambda: self.wall_ms / 1000)
        self.seconds = 0
        self.silence = 0.0
        self.pulse = Pulse(lambda: self.report, lambda: self.ends)
        self.live = Live(lambda: hello(ABOUT, self.pulse.points), self._frame, max_viewers, every)

    @property
    def wall_ms(self) -> int:
        """Unix time of the last report."""
        return NOW_MS + self.seconds * 1000

    def tell(self, *views: PartitionView, log_end: int = 1_000, **changes: Any) -> None:
        """Publish a report with these partitions; ``changes`` are of the engine's snapshot or of the report."""
        self.seconds += 1
        of_report = {name: changes.pop(name) for name in list(changes) if name in Report.__dataclass_fields__}
        engine = a_snapshot(*views, **changes)
        self.report = a_report(engine, wall_ms=self.wall_ms, made_at=NOW + self.seconds, **of_report)
        self.ends = LogEnds(dict.fromkeys((view.tp for view in views), log_end), NOW + self.seconds - 0.5)
        self.pulse.beat()

    def _frame(self) -> dict[str, object]:
        report = self.report
        also = Also(lambda topic: self.policies.get(topic, Policy()), self.drops.last, lambda: self.events.latest)
        return {"phase": "starting"} if report is None else frame(self._scene(report), also, self.wall_ms)

    def _scene(self, report: Report) -> Scene:
        return Scene(report, self.ends, report.made_at + self.silence, self.pulse.trend)

    @contextmanager
    def serving(self, port: int = 0) -> Iterator[AdminServer]:
        """Serve it."""
        sources = Sources(
            report=lambda: self.report,
            status=lambda report: status(self._scene(report), self.wall_ms),
            flow=lambda report: flow_status(report, NOW + self.seconds),
            drops=self.drops.document,
            registry=CollectorRegistry(),
            live=self.live,
            readiness=Readiness.LATCHED,
            heartbeat_limit=30.0,
            clock=lambda: NOW + self.seconds,
        )
        actions = Actions(lambda _order: 0, lambda: self.report, longest_wait=1.0, token=lambda: TOKEN)
        with AdminServer(admin_pages(sources, actions), "127.0.0.1", port) as server:
            try:
                yield server
            finally:
                self.live.close()


def partition(number: int, topic: str = "orders", **changes: Any) -> PartitionView:
    """Return a partition that is delivered to its end at offset 1,000."""
    return a_partition(
        **{"tp": TopicPartition(topic, number), "position": 1_000, "committed": 1_000, "committable": 1_000, **changes}
    )


def failing(number: int, late: float, at: int, **changes: Any) -> PartitionView:
    """Return one whose flush fails: ``late`` seconds behind at ``at`` (Unix ms)."""
    oldest = at - int(late * 1000)
    return partition(number, committable=900, committed=900, in_flight=100, oldest_wall_ms=oldest, retry=FAILED, **changes)


def twelve(stage: Stage) -> Sequence[PartitionView]:
    """Return twelve partitions, three of which fail: 41, 42 and 43 seconds behind at the next report."""
    at = stage.wall_ms + 1000
    bad = {3: 42.0, 7: 43.0, 11: 41.0}
    return [failing(n, bad[n], at) if n in bad else partition(n) for n in range(12)]


SLOW = replace(FLOW, flushes_in_flight=8, batch_records=1_234)
