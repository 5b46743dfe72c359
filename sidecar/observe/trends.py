"""Trends: what a row of reports tells that one report cannot: rates, and since when something has not moved.

Pure: fed with frozen reports about once a second (:mod:`sidecar.observe.pulse` does, on a thread of its own), and time is
``Report.made_at``. It remembers the reports of the last :data:`WINDOW` seconds and a few numbers per assigned partition.
What is not known yet is None.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from sidecar.core.records import TopicPartition
from sidecar.core.snapshot import BooksView, PartitionView
from sidecar.observe.lag import end_of
from sidecar.runtime.report import FlushCounts, LogEnds, Report

Key = TypeVar("Key")

WINDOW = 20.0
"""Seconds over which rates are taken."""

SHORT_WINDOW = 5.0
"""Seconds over which the rates of a chart's newest point are taken: two answers about log ends are in it."""


@dataclass(frozen=True, slots=True)
class Rates:
    """What happened between two reports, ``seconds`` apart (0: there is one report only, and nothing is known).

    Records a second: ``arriving`` in Kafka (log ends, of all partitions where they are known), ``polled``, ``delivered``, ``dropped`` by reason;
    ``ended_of`` by topic, whatever came of them but that they were given back; ``dropped_of`` by topic and reason.
    ``flush_seconds`` and ``flush_records`` are the means of the flushes that the downstream took, ``flush_p50`` and ``flush_p99`` quantiles
    of their seconds (between the bounds of a bucket: read them as about). ``loop`` has the share of each doing.
    """

    seconds: float
    arriving: float | None = None
    polled: float | None = None
    delivered: float | None = None
    dropped: Mapping[str, float] = field(default_factory=dict)
    ended_of: Mapping[str, float] = field(default_factory=dict)
    dropped_of: Mapping[tuple[str, str], float] = field(default_factory=dict)
    flushes: float | None = None
    flush_seconds: float | None = None
    flush_records: float | None = None
    flush_p50: float | None = None
    flush_p99: float | None = None
    rebalances: int = 0
    loop: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PartitionTrend:
    """One partition. ``*_for`` are seconds.

    ``assigned_for``: in this epoch. ``quiet_for``: no record was polled. ``unfetched_for``: Kafka has records for us, nothing holds
    the partition, and none is polled. ``no_outcome_for``: there are records without an outcome, nothing holds the partition, and none gets one.
    ``arriving``, ``polled``, ``settled``: offsets a second at the log's end, at our position, and at the first one without an outcome.
    ``unanswered_for``: records are in flight for the first time, and none got its outcome.
    """

    assigned_for: float
    quiet_for: float
    unfetched_for: float
    no_outcome_for: float
    arriving: float | None
    polled: float | None
    settled: float | None
    unanswered_for: float = 0.0


@dataclass(frozen=True, slots=True)
class Trend:
    """The trends at the last report: ``rates`` over :data:`WINDOW`, ``latest`` over :data:`SHORT_WINDOW`."""

    rates: Rates
    latest: Rates
    partitions: Mapping[TopicPartition, PartitionTrend]


NOTHING_KNOWN = Trend(Rates(0.0), Rates(0.0), {})


@dataclass(slots=True)
class _Marks:
    """Since when things about a partition are as they are."""

    epoch: int
    assigned_at: float
    position: int | None
    position_at: float
    fetchable_at: float
    settled: int | None
    settled_at: float
    answered_at: float


@dataclass(frozen=True, slots=True)
class _Frame:
    report: Report
    ends: LogEnds | None
    views: Mapping[TopicPartition, PartitionView]


class Trends:
    """Collects reports. Used by one thread."""

    def __init__(self) -> None:
        """Begin with nothing known."""
        self._frames: deque[_Frame] = deque()
        self._marks: dict[TopicPartition, _Marks] = {}

    def add(self, report: Report, ends: LogEnds | None) -> Trend:
        """Take in a report (the same one again changes nothing) and return the trends up to it."""
        frames = self._frames
        if not frames or frames[-1].report is not report:
            frames.append(_Frame(report, ends, {view.tp: view for view in report.engine.partitions}))
            while report.made_at - frames[0].report.made_at > WINDOW:
                frames.popleft()
            marks, now = self._marks, report.made_at
            self._marks = {view.tp: _marked(marks.get(view.tp), view, ends, now) for view in report.engine.partitions}
        old, new = frames[0], frames[-1]
        recent = next(frame for frame in frames if new.report.made_at - frame.report.made_at <= SHORT_WINDOW)
        trends = {tp: _partition(tp, marks, old, new) for tp, marks in self._marks.items()}
        return Trend(_rates(old, new), _rates(recent, new), trends)


def _marked(marks: _Marks | None, view: PartitionView, ends: LogEnds | None, now: float) -> _Marks:
    """Move the marks of a partition to what its present view says."""
    if marks is None or marks.epoch != view.epoch:
        return _Marks(view.epoch, now, view.position, now, now, view.committable, now, now)
    end = end_of(ends, view)
    fetched = view.position if view.position is not None else view.committable
    in_kafka = end is not None and fetched is not None and end > fetched
    if view.position != marks.position:
        marks.position, marks.position_at = view.position, now
    if marks.position_at == now or view.holds or not in_kafka:
        marks.fetchable_at = now
    if not view.in_flight or view.retry is not None or view.committable != marks.settled:
        marks.answered_at = now
    if view.holds or view.committable != marks.settled or not (in_kafka or view.buffered or view.in_flight):
        marks.settled, marks.settled_at = view.committable, now
    return marks


def _partition(tp: TopicPartition, marks: _Marks, old: _Frame, new: _Frame) -> PartitionTrend:
    now, view, before = new.report.made_at, new.views[tp], old.views.get(tp)
    seconds = now - old.report.made_at
    if before is None or before.epoch != view.epoch or seconds <= 0:
        polled = settled = None
    else:
        polled = _rate(before.position, view.position, seconds)
        settled = _rate(before.committable, view.committable, seconds)
    return PartitionTrend(
        assigned_for=now - marks.assigned_at,
        quiet_for=now - marks.position_at,
        unfetched_for=now - marks.fetchable_at,
        no_outcome_for=now - marks.settled_at,
        arriving=_arriving(tp, old.ends, new.ends),
        polled=polled,
        settled=settled,
        unanswered_for=now - marks.answered_at,
    )


def _arriving(tp: TopicPartition, old: LogEnds | None, new: LogEnds | None) -> float | None:
    """Return how fast the log of ``tp`` grew between two answers about its end."""
    if old is None or new is None or new.asked_at <= old.asked_at:
        return None
    return _rate(old.offsets.get(tp), new.offsets.get(tp), new.asked_at - old.asked_at)


def _rate(old: int | None, new: int | None, seconds: float) -> float | None:
    return None if old is None or new is None else max(0, new - old) / seconds


def _rates(old: _Frame, new: _Frame) -> Rates:
    before, after = old.report, new.report
    seconds = after.made_at - before.made_at
    if seconds <= 0:
        return Rates(0.0)
    growths = [growth for tp in new.views if (growth := _arriving(tp, old.ends, new.ends)) is not None]
    flushes, flushing, flushed = _taken(before.flushes, after.flushes)
    dropped_of = _growth(before.engine.books.dropped, after.engine.books.dropped, seconds)
    dropped: dict[str, float] = {}
    for (_topic, reason), rate in dropped_of.items():
        dropped[reason] = dropped.get(reason, 0.0) + rate
    doing = {name: spent - before.loop_seconds.get(name, 0.0) for name, spent in after.loop_seconds.items()}
    return Rates(
        seconds=seconds,
        arriving=sum(growths) if growths else None,
        polled=(sum(after.engine.books.polled.values()) - sum(before.engine.books.polled.values())) / seconds,
        delivered=(sum(after.engine.books.delivered.values()) - sum(before.engine.books.delivered.values())) / seconds,
        dropped=dict(sorted(dropped.items())),
        ended_of=_growth(_ended(before.engine.books), _ended(after.engine.books), seconds),
        dropped_of=dropped_of,
        flushes=flushes / seconds,
        flush_seconds=flushing / flushes if flushes else None,
        flush_records=flushed / flushes if flushes else None,
        flush_p50=_quantile(0.5, before.flushes, after.flushes),
        flush_p99=_quantile(0.99, before.flushes, after.flushes),
        rebalances=sum(after.rebalances.values()) - sum(before.rebalances.values()),
        loop={name: spent / seconds for name, spent in doing.items()},
    )


TAKEN = ("delivered", "partial")
"""Outcomes of flushes whose duration is the downstream's pace; a refused connection is quick and says nothing."""


def _taken(before: FlushCounts, after: FlushCounts) -> tuple[int, float, float]:
    """Return how many flushes the downstream took, how long they were, and the records of a mean flush times their number."""
    count = sum(after.duration_buckets[name][-1][1] - before.duration_buckets[name][-1][1] for name in TAKEN)
    seconds = sum(after.duration_sum[name] - before.duration_sum[name] for name in TAKEN)
    every = after.batch_buckets[-1][1] - before.batch_buckets[-1][1]
    mean = (after.batch_sum - before.batch_sum) / every if every else 0.0
    return count, seconds, mean * count


def _quantile(share: float, before: FlushCounts, after: FlushCounts) -> float | None:
    """Return the seconds within which ``share`` of the flushes in between were taken; None when there were none.

    Linear within a bucket, as Prometheus does it; in the last one, which has no upper bound, its lower one.
    """
    rows = [(before.duration_buckets[name], after.duration_buckets[name]) for name in TAKEN]
    counts = [(bound, sum(new[at][1] - old[at][1] for old, new in rows)) for at, (bound, _) in enumerate(rows[0][1])]
    wanted, low, below = share * counts[-1][1], 0.0, 0
    for bound, count in counts:
        if count >= wanted and count > below:
            return low if bound == float("inf") else low + (bound - low) * (wanted - below) / (count - below)
        low, below = bound, count
    return None


def _ended(books: BooksView) -> Counter[str]:
    ended = Counter(books.delivered) + Counter(books.dead_lettered)
    for (topic, _reason), count in books.dropped.items():
        ended[topic] += count
    return ended


def _growth(before: Mapping[Key, int], after: Mapping[Key, int], seconds: float) -> dict[Key, float]:
    return {key: (count - before.get(key, 0)) / seconds for key, count in after.items()}
