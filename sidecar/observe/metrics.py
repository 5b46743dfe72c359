"""The metrics, made from the latest report when somebody scrapes. Nothing is counted here, so nothing costs per record.

Everything is made from frozen values that the loop's thread has published, on the thread that asks: a scrape cannot make the loop wait.
"""

from __future__ import annotations

import math
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from sidecar.core.backpressure import TRANSITIONS, State
from sidecar.core.books import DropReason, ReleaseReason
from sidecar.core.breaker import BreakerState
from sidecar.core.snapshot import BooksView, PartitionView
from sidecar.observe import metric_defs as defs
from sidecar.observe.drop_record import DIVERTED, INTENT
from sidecar.observe.lag import Lag, end_of, lag_of
from sidecar.observe.metric_defs import MetricDef
from sidecar.observe.spans import Spans
from sidecar.observe.trends import Trend
from sidecar.observe.verdicts import Scene, explain
from sidecar.runtime.report import FlushCounts, LogEnds, Report

Sample = tuple[tuple[str, ...], float]
"""Label values, in the order of the definition, and the value."""

_MOVES = sorted({(old.value, new.value) for old, row in TRANSITIONS.items() for new in row.values() if new is not old})


@dataclass(frozen=True, slots=True)
class Identity:
    """What this process is: the version of its program, its consumer group, and the hash of its settings."""

    version: str
    group: str
    config_hash: str


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the values come from; each is called at each scrape. ``report`` is None before the first one."""

    report: Callable[[], Report | None]
    log_ends: Callable[[], LogEnds | None]
    trend: Callable[[], Trend]
    spans: Callable[[], Spans]


def make_registry(sources: Sources, identity: Identity, *, drain_timeout: float, per_partition: bool = True) -> CollectorRegistry:
    """Return a registry of its own with this process's metrics and the Python runtime's."""
    registry = CollectorRegistry()
    registry.register(ReportCollector(sources, identity, drain_timeout=drain_timeout, per_partition=per_partition))
    for runtime in (ProcessCollector, PlatformCollector, GCCollector):
        runtime(registry=registry)
    return registry


class ReportCollector(Collector):
    """Builds metric families from the latest report; before the first one there is only who this is.

    ``drain_timeout`` is in seconds. ``per_partition`` False folds the series by partition to their topic.
    ``wall`` returns Unix time in seconds, ``clock`` is the monotonic clock of ``Report.made_at``.
    """

    def __init__(  # noqa: PLR0913 -- two clocks, two facts, one switch
        self,
        sources: Sources,
        identity: Identity,
        *,
        drain_timeout: float,
        per_partition: bool = True,
        wall: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sources = sources
        self._identity = identity
        self._drain_timeout = drain_timeout
        self._clock = clock
        self._per_partition = per_partition
        self._wall = wall

    def collect(self) -> Iterator[Metric]:
        """Yield every family. Called by the registry on each scrape, on the scraping thread."""
        identity = self._identity
        yield _family(defs.BUILD_INFO, [((identity.version,), 1)])
        yield _family(defs.CONFIG_INFO, [((identity.group, identity.config_hash), 1)])
        yield _single(defs.DRAIN_TIMEOUT, self._drain_timeout)
        report = self._sources.report()
        if report is None:
            return
        yield from _spans(self._sources.spans())
        yield from _books(report)
        yield from _pressure(report)
        yield from _flushes(report.flushes)
        yield from _flow(report)
        yield from _kafka(report)
        yield from self._partitions(report, self._sources.log_ends())

    def _partitions(self, report: Report, log_ends: LogEnds | None) -> Iterator[Metric]:
        wall_ms = int(self._wall() * 1000)
        lags = [(view, lag_of(view, end_of(log_ends, view), wall_ms)) for view in report.engine.partitions]
        scene = Scene(report, log_ends, self._clock(), self._sources.trend())
        whys = [(view, explain(view, scene)) for view in report.engine.partitions]
        if not self._per_partition:
            yield from _lag_by_topic(lags)
            yield _verdicts_by_topic(Counter((view.tp.topic, why.verdict.value) for view, why in whys))
            return
        yield _family(defs.LAG_RECORDS, [(_place(view), lag.records) for view, lag in lags if lag.records is not None])
        yield _family(defs.LAG_SECONDS, [(_place(view), lag.seconds) for view, lag in lags if lag.seconds is not None])
        yield _family(defs.VERDICT, [((*_place(view), why.verdict.value), 1) for view, why in whys])


def _family(definition: MetricDef, samples: Iterable[Sample], labels: tuple[str, ...] | None = None) -> Metric:
    """Build a counter or gauge; ``labels`` stands in for the definition's."""
    kind = CounterMetricFamily if definition.kind == "counter" else GaugeMetricFamily
    family = kind(definition.name, definition.help, labels=definition.labels if labels is None else labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family


def _single(definition: MetricDef, value: float) -> Metric:
    return _family(definition, [((), value)])


def _one_of(definition: MetricDef, names: Iterable[str], current: str) -> Metric:
    """Build a gauge that is 1 for the ``current`` one of ``names`` and 0 for the others."""
    return _family(definition, [((name,), float(name == current)) for name in names])


def _keyed(definition: MetricDef, counts: Mapping[str, float], known: Iterable[str] = ()) -> Metric:
    """Build a family with one label from ``counts``; those ``known`` are there even at 0."""
    return _family(definition, [((key,), counts.get(key, 0)) for key in sorted({*counts, *known})])


def _histogram(
    definition: MetricDef, rows: Iterable[tuple[tuple[str, ...], tuple[tuple[float, int], ...], float]]
) -> HistogramMetricFamily:
    """Build a histogram from rows of label values, cumulative buckets (the last bound is infinity) and the sum."""
    family = HistogramMetricFamily(definition.name, definition.help, labels=definition.labels)
    for values, buckets, total in rows:
        family.add_metric(values, [(_bound(bound), count) for bound, count in buckets], total)
    return family


def _bound(bound: float) -> str:
    return "+Inf" if math.isinf(bound) else str(bound)


def _books(report: Report) -> Iterator[Metric]:
    books = report.engine.books
    topics = {view.tp.topic for view in report.engine.partitions} | set(books.polled)
    yield _keyed(defs.POLLED, books.polled, topics)
    yield _keyed(defs.DELIVERED, books.delivered, topics)
    yield _keyed(defs.DEAD_LETTERED, books.dead_lettered, topics)
    yield _keyed(defs.UNREADABLE_HEADERS, report.unreadable_headers, topics)
    yield _keyed(defs.MISSED_OFFSETS, report.missed_offsets, topics)
    yield _family(defs.DROPPED, [*_lost(books, topics), *(((*key, DIVERTED), n) for key, n in books.diverted.items())])
    yield _family(defs.RELEASED, _with_zeros(books.released, topics, ReleaseReason))
    yield from _balance(books)


def _lost(books: BooksView, topics: Iterable[str]) -> Iterator[Sample]:
    """Yield what was dropped and is in no overflow topic."""
    for key, dropped in _with_zeros(books.dropped, topics, DropReason):
        yield (*key, INTENT[DropReason(key[1])]), dropped - books.diverted.get(key, 0)


def _balance(books: BooksView) -> Iterator[Metric]:
    yield _single(defs.BUFFERED, books.buffered)
    yield _single(defs.IN_FLIGHT, books.in_flight)
    yield _single(defs.UNACCOUNTED, books.unaccounted)


def _with_zeros(
    counts: Mapping[tuple[str, str], int], topics: Iterable[str], reasons: type[DropReason | ReleaseReason]
) -> list[tuple[tuple[str, str], int]]:
    every = {(topic, reason.value): 0 for topic in sorted(topics) for reason in reasons}
    return list((every | dict(counts)).items())


def _pressure(report: Report) -> Iterator[Metric]:
    engine = report.engine
    yield _single(defs.BUFFER_BYTES, engine.buffer_bytes)
    yield _single(defs.UTILIZATION, engine.utilization)
    yield _single(defs.MEMORY_LIMIT, report.memory_limit)
    yield _one_of(defs.STATE, [state.value for state in State], engine.state)
    yield _family(defs.TRANSITIONS, sorted((dict.fromkeys(_MOVES, 0) | dict(engine.transitions)).items()))
    yield _one_of(defs.BREAKER, [state.value for state in BreakerState], engine.flow.breaker)
    yield _single(defs.NEXT_PROBE, (engine.flow.next_probe_in or 0.0) if engine.flow.breaker == BreakerState.OPEN.value else 0.0)
    yield _single(defs.LETTERS_WAITING, sum(view.letters for view in engine.partitions))
    yield _single(defs.LETTERS_BLOCKED, sum(view.letter_trouble is not None for view in engine.partitions))
    yield _single(defs.LETTER_TOKENS, engine.flow.letter_tokens)
    yield _single(defs.OVERFLOW_WAITING, engine.overflow.records)
    yield _single(defs.OVERFLOW_BLOCKED, engine.overflow.trouble is not None)
    yield _single(defs.HOLDS, engine.holds)
    yield _single(defs.PAUSES, engine.pauses)
    yield _single(defs.FETCHED, report.fetched_bytes)
    yield _single(defs.REFETCHED, report.refetched_bytes)
    yield _keyed(defs.TOPIC_BUFFERED, _by_topic(engine.partitions))


def _by_topic(views: Iterable[PartitionView]) -> Mapping[str, int]:
    here: Counter[str] = Counter()
    for view in views:
        here[view.tp.topic] += view.here
    return here


def _flushes(flushes: FlushCounts) -> Iterator[Metric]:
    durations = flushes.duration_buckets.items()
    yield _histogram(defs.FLUSH_DURATION, [((name,), buckets, flushes.duration_sum[name]) for name, buckets in durations])
    yield _histogram(defs.FLUSH_BATCH, [((), flushes.batch_buckets, flushes.batch_sum)])
    yield _histogram(defs.RECORD_AGE, [((), flushes.age_buckets, flushes.age_sum)])


def _flow(report: Report) -> Iterator[Metric]:
    flow, search = report.engine.flow, report.engine.search
    yield _single(defs.FLUSH_TARGET, flow.batch_records)
    yield _single(defs.FLUSH_INTERVAL, flow.interval)
    yield _single(defs.FLUSH_CONCURRENCY, flow.concurrency_limit)
    yield _single(defs.FLUSH_MOST, flow.max_in_flight)
    yield _single(defs.FLUSH_QUEUE, search.queue)
    yield _family(defs.FLUSH_DECISIONS, sorted(search.turns.items()))
    if search.cost is not None:
        yield _single(defs.FLUSH_FIXED, search.cost.fixed)
        yield _single(defs.FLUSH_PER_RECORD, search.cost.per_record)
    if report.last_delivery_wall is not None:
        yield _single(defs.LAST_DELIVERY, report.last_delivery_wall)


def _spans(spans: Spans) -> Iterator[Metric]:
    yield _keyed(defs.HOLD_SECONDS, spans.hold_seconds)
    yield _keyed(defs.DRAINS, spans.drains)
    yield _single(defs.DRAIN_SECONDS, spans.drain_seconds)


def _kafka(report: Report) -> Iterator[Metric]:
    yield _single(defs.KAFKA_TROUBLE, report.trouble is not None)
    yield _single(defs.ASSIGNED, len(report.engine.partitions))
    yield _keyed(defs.COMMITS, report.commits)
    yield _keyed(defs.REBALANCES, report.rebalances)
    yield _keyed(defs.LOOP_SECONDS, report.loop_seconds)


def _place(view: PartitionView) -> tuple[str, str]:
    return view.tp.topic, str(view.tp.partition)


def _lag_by_topic(lags: Iterable[tuple[PartitionView, Lag]]) -> Iterator[Metric]:
    """Fold the lag of partitions to their topic: the sum of the records, the largest seconds; unknown ones are left out."""
    records: defaultdict[str, int] = defaultdict(int)
    seconds: defaultdict[str, float] = defaultdict(float)
    for view, lag in lags:
        if lag.records is not None:
            records[view.tp.topic] += lag.records
        if lag.seconds is not None:
            seconds[view.tp.topic] = max(seconds[view.tp.topic], lag.seconds)
    yield _family(defs.LAG_RECORDS, [((topic,), n) for topic, n in sorted(records.items())], labels=("topic",))
    yield _family(defs.LAG_SECONDS, [((topic,), age) for topic, age in sorted(seconds.items())], labels=("topic",))


def _verdicts_by_topic(counts: Mapping[tuple[str, str], int]) -> Metric:
    return _family(defs.VERDICT, sorted(counts.items()), labels=("topic", "verdict"))
