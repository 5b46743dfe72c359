"""What the live page is told: once what stays, then every second what changes. Plain JSON types; no payloads, no secrets.

A frame is the whole truth of its moment, so that a viewer may miss any number of them. Partitions are rows rather than objects, since there may be
hundreds a second; their columns are the fields of :class:`Row`, which the page is told at the beginning.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple

from sidecar.core.config import Policy
from sidecar.core.snapshot import PartitionView, SearchView
from sidecar.observe.flow_status import cost_of, decision_of
from sidecar.observe.lag import Lag, end_of, lag_of, total_lag
from sidecar.observe.last_events import LoggedEvent
from sidecar.observe.pulse import Point, point_of
from sidecar.observe.scene import Scene, Verdict, Why
from sidecar.observe.status import books_of
from sidecar.observe.topics import LastDrops, Shed, Topic, sheds, topics
from sidecar.observe.trends import PartitionTrend
from sidecar.observe.verdicts import explain, explain_process


@dataclass(frozen=True, slots=True)
class About:
    """What this process is, and the limits that the page draws."""

    version: str
    host: str
    group: str
    topics: Sequence[str]
    writer: str
    low_watermark: float
    high_watermark: float


@dataclass(frozen=True, slots=True)
class Also:
    """What a frame needs beside the scene: the policy of a topic, the last drops, and the last events."""

    policy: Callable[[str], Policy]
    drops: Callable[[], LastDrops]
    events: Callable[[], Sequence[LoggedEvent]]


class Row(NamedTuple):
    """One partition: rates in offsets a second, ``holds`` the reasons for which nothing is taken of it."""

    topic: str
    partition: int
    verdict: str
    sentence: str
    lag_seconds: float | None
    lag_records: int | None
    arriving: float | None
    settled: float | None
    buffered: int
    in_flight: int
    holds: tuple[str, ...]
    position: int | None
    committed: int | None
    log_end: int | None


def hello(about: About, points: Sequence[Point]) -> dict[str, object]:
    """Return what a viewer is told first."""
    return {
        "about": asdict(about),
        "verdicts": [verdict.value for verdict in Verdict],
        "columns": Row._fields,
        "topic_columns": Topic._fields,
        "shed_columns": Shed._fields,
        "series": Point._fields,
        "points": points,
    }


def frame(scene: Scene, also: Also, wall_ms: int) -> dict[str, object]:
    """Return the moment ``wall_ms`` (Unix time), which is the scene's now."""
    report, engine = scene.report, scene.report.engine
    whys = [explain(view, scene) for view in engine.partitions]
    lags = [lag_of(view, end_of(scene.log_ends, view), wall_ms) for view in engine.partitions]
    lag = total_lag(lags)
    return {
        "at": wall_ms / 1000,
        "phase": report.phase,
        "state": engine.state,
        "why": _why(explain_process(scene, whys)),
        "lag": {"seconds": lag.seconds, "records": lag.records},
        "rates": _rates(scene),
        "buffer": {
            "records": engine.buffer_records,
            "max_records": engine.max_messages,
            "bytes": engine.buffer_bytes,
            "max_bytes": engine.max_bytes,
            "utilization": engine.utilization,
        },
        "books": books_of(engine.books),
        "flow": asdict(engine.flow),
        "control": _control(engine.search, scene.now),
        "held": _held(engine.partitions),
        "trouble": report.trouble,
        "rebalances": sum(report.rebalances.values()),
        "heartbeat": max(0.0, scene.now - report.made_at),
        "delivered_at": report.last_delivery_wall,
        "point": point_of(report, lag, scene.trend),
        "partitions": [_row(*each, scene) for each in zip(engine.partitions, lags, whys, strict=True)],
        "topics": topics(scene, also.policy),
        "sheds": sheds(scene, also.drops()),
        "events": also.events(),
    }


def _why(why: Why) -> dict[str, object]:
    return {"verdict": why.verdict.value, "sentence": why.sentence, "evidence": dict(why.evidence)}


def _rates(scene: Scene) -> dict[str, object]:
    rates = scene.trend.latest
    return {
        "arriving": rates.arriving,
        "polled": rates.polled,
        "delivered": rates.delivered,
        "dropped": rates.dropped,
        "flushes": rates.flushes,
        "flush_p50": rates.flush_p50,
        "flush_p99": rates.flush_p99,
        "flush_records": rates.flush_records,
        "loop": rates.loop,
    }


def _control(search: SearchView, now: float) -> dict[str, object]:
    """Return what a flush costs, and the last decision; null where there is none."""
    last = decision_of(search.decisions[-1], now) if search.decisions else None
    return {"cost": cost_of(search.cost), "decision": last}


def _held(views: Sequence[PartitionView]) -> dict[str, object]:
    """Return how many partitions are held, and by what; one may be held by several reasons."""
    reasons = Counter(reason for view in views for reason in view.holds)
    return {"partitions": sum(bool(view.holds) for view in views), "reasons": dict(sorted(reasons.items()))}


UNKNOWN = PartitionTrend(0.0, 0.0, 0.0, 0.0, None, None, None)


def _row(view: PartitionView, lag: Lag, why: Why, scene: Scene) -> Row:
    trend = scene.trend.partitions.get(view.tp, UNKNOWN)
    return Row(
        view.tp.topic,
        view.tp.partition,
        why.verdict.value,
        why.sentence,
        lag.seconds,
        lag.records,
        trend.arriving,
        trend.settled,
        view.buffered,
        view.in_flight,
        view.holds,
        view.position,
        view.committed,
        end_of(scene.log_ends, view),
    )
