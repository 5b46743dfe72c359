"""Reports built by hand: an idle, healthy process with one caught-up partition, of which a test changes what it is about."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sidecar.core.cost_fit import Cost
from sidecar.core.decisions import Dial
from sidecar.core.records import Chunk, TopicPartition
from sidecar.core.snapshot import BooksView, FlowView, PartitionView, SearchView, Snapshot
from sidecar.observe.flush_stats import FlushStats
from sidecar.runtime.report import LogEnds, Report

ORDERS = TopicPartition("orders", 0)
NOW_MS = 1_700_000_000_000
NOW = 1000.0

BOOKS = BooksView(
    polled={"orders": 100},
    delivered={"orders": 90},
    dead_lettered={},
    dropped={("orders", "sample"): 6},
    released={("orders", "revoked"): 4},
    buffered=0,
    in_flight=0,
    unaccounted=0,
)

FLOW = FlowView(
    batch_records=500,
    interval=0.1,
    concurrency_limit=8,
    allowed=8,
    max_in_flight=8,
    per_partition=1,
    flushes_in_flight=0,
    retrying=0,
    last_failure=None,
    breaker="closed",
    breaker_reason=None,
    next_probe_in=None,
)

SEARCH = SearchView(
    cost=Cost(0.004, 0.000_002, 0.000_000_1, 200.0, 2000.0, 0.008, 0.001),
    turns={(dial.value, way): 0 for dial in Dial for way in ("up", "down")},
)


def a_partition(**changes: Any) -> PartitionView:
    """Return ``orders[0]``, everything below 100 delivered."""
    view = PartitionView(
        tp=ORDERS,
        epoch=1,
        position=100,
        committed=100,
        committable=100,
        buffered=0,
        in_flight=0,
        oldest_wall_ms=None,
        last_wall_ms=NOW_MS - 60_000,
        holds=(),
        stopped=None,
        stopped_by=None,
        suspects=0,
        retry=None,
    )
    return replace(view, **changes)


def a_snapshot(*partitions: PartitionView, flow: FlowView = FLOW, **changes: Any) -> Snapshot:
    """Return an engine with these partitions (none given: one that is caught up)."""
    snapshot = Snapshot(
        state="normal",
        utilization=0.0,
        buffer_records=0,
        buffer_bytes=0,
        max_messages=50_000,
        max_bytes=1 << 26,
        books=BOOKS,
        partitions=partitions or (a_partition(),),
        flow=flow,
        search=SEARCH,
        transitions={("normal", "elevated"): 2},
        holds=3,
        pauses=1,
        draining=False,
    )
    return replace(snapshot, **changes)


def a_report(engine: Snapshot | None = None, **changes: Any) -> Report:
    """Return a running process with this engine."""
    report = Report(
        phase="running",
        joined=True,
        assigned_now=True,
        trouble=None,
        wall_ms=NOW_MS,
        made_at=NOW,
        engine=a_snapshot() if engine is None else engine,
        flushes=FlushStats().counts(),
        commits={"ok": 7, "failed": 0},
        rebalances={"assigned": 1},
        loop_seconds={"poll": 12.5},
        unreadable_headers={},
        missed_offsets={},
        fetched_bytes=0,
        refetched_bytes=0,
        last_delivery_wall=NOW_MS / 1000 - 2,
        memory_limit=1 << 28,
    )
    return replace(report, **changes)


def log_ends(*offsets: int) -> LogEnds:
    """Return the log ends of ``orders[0]``, ``orders[1]``, and so on."""
    return LogEnds({TopicPartition("orders", number): end for number, end in enumerate(offsets)}, asked_at=NOW - 3)


def a_chunk(*timestamps: int) -> Chunk:
    """Return a chunk whose records have these timestamps."""
    count = len(timestamps)
    nothing: list[bytes | None] = [None] * count
    return Chunk(ORDERS, 1, range(count), timestamps, nothing, nothing, None, count, 0, NOW, NOW_MS)
