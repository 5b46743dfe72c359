"""What the process says about itself: the engine's snapshot plus what only the shells know. Frozen; swapped whole.

The loop publishes a new report a few times a second by one reference assignment (atomic in
CPython), so readers on other threads need no lock and never see half of one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sidecar.core.records import TopicPartition
from sidecar.core.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class FlushCounts:
    """Totals of finished flushes for the metrics; cumulative histogram buckets are (upper bound, count <= bound)."""

    duration_buckets: Mapping[str, tuple[tuple[float, int], ...]]
    duration_sum: Mapping[str, float]
    batch_buckets: tuple[tuple[float, int], ...]
    batch_sum: float
    age_buckets: tuple[tuple[float, int], ...]
    age_sum: float


@dataclass(frozen=True, slots=True)
class DrainView:
    """A drain (``terminal``) or a quiesce: when it began, and when nothing was left (None: not yet), in monotonic seconds.

    A quiesce is done when everything is delivered and committed, a drain when the group is left, too; ``expired`` when its time was over
    before that, and the rest was given back. ``committed`` is False when a drain's last commit was refused.
    """

    kind: str
    began_at: float
    done_at: float | None
    expired: bool = False
    committed: bool = True


@dataclass(frozen=True, slots=True)
class Report:
    """The process at one moment.

    ``phase`` is one of ``starting``, ``waiting`` (for the application, before the group is joined), ``joining``, ``running``, ``draining``, ``drained``
    (out of the group, until SIGTERM), ``stopped``; ``waits_for`` tells what keeps it out of the group. ``joined`` latches at the
    first assignment. ``trouble`` is the current obstacle with Kafka for people (None: none is known).
    ``wall_ms`` is when it was made (Unix time), ``made_at`` the same on the monotonic clock: the age of the report is the loop's heartbeat.
    ``loop_seconds`` sums where the loop's time went, ``commits`` counts by result, ``rebalances`` by kind,
    ``unreadable_headers`` records and ``missed_offsets`` offsets by topic. ``drain`` is the drain or quiesce that is on,
    ``ticket`` that of the last order that was carried out.
    """

    phase: str
    joined: bool
    assigned_now: bool
    trouble: str | None
    wall_ms: int
    made_at: float
    engine: Snapshot
    flushes: FlushCounts
    commits: Mapping[str, int]
    rebalances: Mapping[str, int]
    loop_seconds: Mapping[str, float]
    unreadable_headers: Mapping[str, int]
    missed_offsets: Mapping[str, int]
    fetched_bytes: int
    refetched_bytes: int
    last_delivery_wall: float | None
    memory_limit: int
    waits_for: str | None = None
    drain: DrainView | None = None
    ticket: int = 0


@dataclass(frozen=True, slots=True)
class LogEnds:
    """Log end offsets as last asked for, and when (monotonic seconds). Partitions not listed are unknown."""

    offsets: Mapping[TopicPartition, int]
    asked_at: float
