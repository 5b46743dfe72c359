"""Totals of finished flushes, for the metrics: how long they took, how large they were, how old their records had become.

One thread owns a :class:`FlushStats` (the loop's); others see the frozen counts that it makes. Everything is work per flush or
per chunk. A chunk's ages are taken from its first and its last timestamp, and its records are spread evenly between the
two: exact for runs of one record and inside one bucket, an interpolation otherwise. Where all chunks of a flush are in one bucket
they are counted as one, which at the tail, with a record or two a chunk, costs an eighth.

A negative timestamp is no time: where one of the two is missing the other stands for both, and a chunk without either is left
out. The future counts as now.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate

from sidecar.core.records import Chunk
from sidecar.core.results import Delivered, Fenced, Partial, Poison, Result, Retriable, Systemic, TooLarge
from sidecar.observe.lag import age_seconds
from sidecar.runtime.report import FlushCounts

DURATION_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Seconds; the default target latency (0.5) and time-out (30) are bounds."""

BATCH_BOUNDS = (1.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0, 5000.0, 10000.0, 25000.0)
"""Records; the default first (500) and largest (10,000) batch are bounds."""

AGE_BOUNDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 14400.0, 86400.0)
"""Seconds; reaches a day because a backlog's records are that old."""

_OUTCOMES: dict[type[Result], str] = {
    Delivered: "delivered",
    Partial: "partial",
    Retriable: "retriable",
    Poison: "poison",
    TooLarge: "too_large",
    Systemic: "systemic",
    Fenced: "fenced",
}

OUTCOMES = tuple(_OUTCOMES.values())
"""Every outcome that a flush can have."""


def outcome_of(result: Result) -> str:
    """Return the name under which a flush with this result is counted."""
    return _OUTCOMES[type(result)]


class Histogram:
    """Counts of values by bucket, and their sum."""

    __slots__ = ("_bounds", "_counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        """Begin empty; ``bounds`` ascend, the bucket above the last one is added."""
        self._bounds = (*bounds, float("inf"))
        self._counts = [0] * len(self._bounds)
        self.sum = 0.0

    def add(self, value: float, times: int = 1) -> None:
        """Count ``value`` as often as ``times``."""
        self._counts[bisect_left(self._bounds, value)] += times
        self.sum += value * times

    def spread(self, low: float, high: float, times: int) -> None:
        """Count ``times`` values that lie evenly between ``low`` and ``high``."""
        first, last = bisect_left(self._bounds, low), bisect_left(self._bounds, high)
        self.sum += (low + high) / 2 * times
        below = 0
        for index in range(first, last):
            upto = round((self._bounds[index] - low) / (high - low) * times)
            self._counts[index] += upto - below
            below = upto
        self._counts[last] += times - below

    def holds_both(self, low: float, high: float) -> bool:
        """Whether ``low`` and ``high`` are in one bucket that has an upper bound."""
        return high <= self._bounds[-2] and bisect_left(self._bounds, low) == bisect_left(self._bounds, high)

    def cumulative(self) -> tuple[tuple[float, int], ...]:
        """Return (bound, count of values <= bound) of each bucket; the last bound is infinity."""
        return tuple(zip(self._bounds, accumulate(self._counts), strict=True))


class FlushStats:
    """Accumulates what finished flushes tell."""

    def __init__(self) -> None:
        """Begin with every outcome at zero."""
        self._durations = {outcome: Histogram(DURATION_BOUNDS) for outcome in OUTCOMES}
        self._batches = Histogram(BATCH_BOUNDS)
        self._ages = Histogram(AGE_BOUNDS)

    def flush(self, outcome: str, seconds: float, records: int) -> None:
        """Count one call of the writer: its outcome (one of :data:`OUTCOMES`, else KeyError), duration and batch size."""
        self._durations[outcome].add(seconds)
        self._batches.add(records)

    def landed(self, chunks: Iterable[Chunk], wall_ms: int) -> None:
        """Count the ages of records delivered at ``wall_ms`` (Unix time)."""
        columns = [chunk.timestamps for chunk in chunks]
        edges = [stamps[0] for stamps in columns] + [stamps[-1] for stamps in columns]
        if not edges:
            return
        oldest, youngest = age_seconds(min(edges), wall_ms), age_seconds(max(edges), wall_ms)
        if oldest is not None and youngest is not None and self._ages.holds_both(youngest, oldest):
            self._ages.spread(youngest, oldest, sum(map(len, columns)))
            return
        for stamps in columns:
            ages = [age for age in (age_seconds(stamps[0], wall_ms), age_seconds(stamps[-1], wall_ms)) if age is not None]
            if ages:
                self._ages.spread(min(ages), max(ages), len(stamps))

    def counts(self) -> FlushCounts:
        """Return the totals so far."""
        return FlushCounts(
            duration_buckets={outcome: histogram.cumulative() for outcome, histogram in self._durations.items()},
            duration_sum={outcome: histogram.sum for outcome, histogram in self._durations.items()},
            batch_buckets=self._batches.cumulative(),
            batch_sum=self._batches.sum,
            age_buckets=self._ages.cumulative(),
            age_sum=self._ages.sum,
        )
