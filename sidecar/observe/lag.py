"""Lag of one partition, in records and in seconds: never negative, never a guess. What is not known is None.

*Records* is the log end offset minus the first offset that has no outcome yet, so what is buffered or in flight still counts as
lag. The log end is asked for now and then and may be older than our own position; the position is then the better log end.

*Seconds* is the age of the oldest record without an outcome, by the record's own timestamp:

================================== =====================================================================================
where that record is               seconds
================================== =====================================================================================
here (buffered or in flight)       exact
still in Kafka                     now minus the timestamp of the last polled record: an upper bound while records come in order
nowhere: caught up                 0
still in Kafka, nothing polled yet None
================================== =====================================================================================

Timestamps are whatever the producer set: one in the future counts as now, a negative one means that there is none (None).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sidecar.core.snapshot import PartitionView
from sidecar.runtime.report import LogEnds


@dataclass(frozen=True, slots=True)
class Lag:
    """How far behind a partition is; None where it is not known."""

    records: int | None
    seconds: float | None


def end_of(log_ends: LogEnds | None, view: PartitionView) -> int | None:
    """Return the log end offset of ``view`` as last asked for; None while unknown."""
    return None if log_ends is None else log_ends.offsets.get(view.tp)


def lag_of(view: PartitionView, log_end: int | None, wall_ms: int) -> Lag:
    """Return the lag of ``view`` at ``wall_ms`` (Unix time), given the log end offset as last asked for."""
    records = _records(view, log_end)
    if view.oldest_wall_ms is not None:
        return Lag(records, age_seconds(view.oldest_wall_ms, wall_ms))
    if records == 0:
        return Lag(0, 0.0)
    if records is None or view.last_wall_ms is None:
        return Lag(records, None)
    return Lag(records, age_seconds(view.last_wall_ms, wall_ms))


def total_lag(lags: Iterable[Lag]) -> Lag:
    """Return the sum of the records and the largest of the seconds, of those that are known."""
    known = list(lags)
    records = [lag.records for lag in known if lag.records is not None]
    return Lag(sum(records) if records else None, max((lag.seconds for lag in known if lag.seconds is not None), default=None))


def age_seconds(timestamp_ms: int, wall_ms: int) -> float | None:
    """Return the age of a record at ``wall_ms``: 0 for a timestamp in the future, None for one that is no time at all."""
    if timestamp_ms < 0:
        return None
    return max(0, wall_ms - timestamp_ms) / 1000


def _records(view: PartitionView, log_end: int | None) -> int | None:
    first = view.committable if view.committable is not None else view.position
    if first is None or log_end is None:
        return None
    return max(log_end, view.position or 0, first) - first
