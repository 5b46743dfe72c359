"""The ``/status`` document: one report as plain JSON types, in a fixed order, rounded for people. No payloads, no secrets.

What is not known is null. The totals of the books are over all topics; the metrics have them by topic. docs/STATUS.md tells
the fields.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from sidecar.core.breaker import BreakerState
from sidecar.core.snapshot import BooksView, PartitionView, Snapshot
from sidecar.observe.lag import Lag, end_of, lag_of, total_lag
from sidecar.observe.verdicts import Scene, Why, explain, explain_process
from sidecar.runtime.report import LogEnds, Report


def status(scene: Scene, wall_ms: int) -> dict[str, object]:
    """Describe the process at ``wall_ms`` (Unix time), which is the scene's now."""
    report, log_ends, now = scene.report, scene.log_ends, scene.now
    views = report.engine.partitions
    whys = [explain(view, scene) for view in views]
    lags = [lag_of(view, end_of(log_ends, view), wall_ms) for view in views]
    return {
        "phase": report.phase,
        "state": report.engine.state,
        "why": _why(explain_process(scene, whys)),
        "lag": _total_lag(lags),
        "books": books_of(report.engine.books),
        "buffer": _buffer(report.engine),
        "flow": _flow(report.engine),
        "breaker": _breaker(report.engine),
        "dead_letters": _dead_letters(report.engine),
        "overflow": {"waiting": report.engine.overflow.records, "trouble": report.engine.overflow.trouble},
        "kafka": _kafka(report, log_ends, now),
        "heartbeat_seconds": _rounded(now - report.made_at),
        "seconds_since_delivery": _since(report.last_delivery_wall, wall_ms),
        "memory_limit_bytes": report.memory_limit,
        "waits_for": report.waits_for,
        "holds": dict(report.engine.asked_holds),
        "drain": _drain(report, now),
        "partitions": [_partition(*row, end_of(log_ends, row[0])) for row in zip(views, lags, whys, strict=True)],
    }


def _drain(report: Report, now: float) -> dict[str, object] | None:
    drain = report.drain
    if drain is None:
        return None
    seconds = (now if drain.done_at is None else drain.done_at) - drain.began_at
    return {"kind": drain.kind, "done": drain.done_at is not None, "expired": drain.expired, "seconds": _rounded(seconds)}


def _why(why: Why) -> dict[str, object]:
    return {"verdict": why.verdict.value, "sentence": why.sentence, "evidence": dict(why.evidence)}


def _total_lag(lags: Iterable[Lag]) -> dict[str, object]:
    """Show the lag of all partitions together; null where no partition knows."""
    total = total_lag(lags)
    return {"records": total.records, "seconds": _rounded(total.seconds)}


def books_of(books: BooksView) -> dict[str, object]:
    """Return where the records went, over all topics; drops and releases by reason."""
    return {
        "polled": sum(books.polled.values()),
        "delivered": sum(books.delivered.values()),
        "dead_lettered": sum(books.dead_lettered.values()),
        "dropped": _by_reason(books.dropped),
        "diverted": _by_reason(books.diverted),
        "released": _by_reason(books.released),
        "buffered": books.buffered,
        "in_flight": books.in_flight,
        "unaccounted": books.unaccounted,
    }


def _by_reason(counts: Mapping[tuple[str, str], int]) -> dict[str, int]:
    totals: Counter[str] = Counter()
    for (_topic, reason), count in counts.items():
        totals[reason] += count
    return dict(sorted(totals.items()))


def _buffer(engine: Snapshot) -> dict[str, object]:
    return {
        "records": engine.buffer_records,
        "max_records": engine.max_messages,
        "bytes": engine.buffer_bytes,
        "max_bytes": engine.max_bytes,
        "utilization": _rounded(engine.utilization),
    }


def _flow(engine: Snapshot) -> dict[str, object]:
    flow = engine.flow
    return {
        "batch_records": flow.batch_records,
        "interval_seconds": _rounded(flow.interval),
        "flushes_in_flight": flow.flushes_in_flight,
        "concurrency_limit": flow.concurrency_limit,
        "retrying": flow.retrying,
        "last_failure": flow.last_failure,
    }


def _breaker(engine: Snapshot) -> dict[str, object]:
    flow = engine.flow
    next_probe = flow.next_probe_in if flow.breaker == BreakerState.OPEN.value else None
    return {"state": flow.breaker, "reason": flow.breaker_reason, "next_probe_seconds": _rounded(next_probe)}


def _dead_letters(engine: Snapshot) -> dict[str, object]:
    """Return what is on its way to the dead-letter topic, and what stands in the way."""
    troubles = sorted({view.letter_trouble for view in engine.partitions if view.letter_trouble is not None})
    waiting = sum(view.letters for view in engine.partitions)
    return {"waiting": waiting, "tokens": engine.flow.letter_tokens, "trouble": troubles[0] if troubles else None}


def _kafka(report: Report, log_ends: LogEnds | None, now: float) -> dict[str, object]:
    return {
        "joined": report.joined,
        "assigned": len(report.engine.partitions),
        "trouble": report.trouble,
        "commits": dict(sorted(report.commits.items())),
        "rebalances": dict(sorted(report.rebalances.items())),
        "holds": report.engine.holds,
        "pauses": report.engine.pauses,
        "log_ends_age_seconds": None if log_ends is None else _rounded(now - log_ends.asked_at),
    }


def _partition(view: PartitionView, lag: Lag, why: Why, log_end: int | None) -> dict[str, object]:
    return {
        "topic": view.tp.topic,
        "partition": view.tp.partition,
        "position": view.position,
        "committed": view.committed,
        "committable": view.committable,
        "log_end": log_end,
        "lag_records": lag.records,
        "lag_seconds": _rounded(lag.seconds),
        "buffered": view.buffered,
        "in_flight": view.in_flight,
        "diverting": view.diverting,
        "held": bool(view.holds),
        "holds": list(view.holds),
        "why": _why(why),
    }


def _since(wall: float | None, wall_ms: int) -> float | None:
    return None if wall is None else _rounded(max(0.0, wall_ms / 1000 - wall))


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
