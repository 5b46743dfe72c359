"""What the engine is told at its start: limits, policies and times, as frozen values. Seconds and bytes throughout."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, field


class Strategy(enum.StrEnum):
    """What happens to the records of a topic when the buffer is full (see :mod:`sidecar.core.intake`)."""

    BLOCK = "block"
    DROP_OLDEST = "drop_oldest"
    DROP_NEWEST = "drop_newest"
    SAMPLE = "sample"


class Ordering(enum.Enum):
    """What is kept in order: the records of a partition, by one flush of it at a time; or nothing, with any number of flushes of it."""

    PARTITION = "partition"
    NONE = "none"


class OnPoison(enum.Enum):
    """What happens to a record that the downstream will never take, where there is no dead-letter topic."""

    STOP = "stop"
    DROP = "drop"


BURSTS = 4
"""How many times ``max_wait`` a burst may make records wait where nothing else is said."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The overload policy of a topic.

    ``sample_rate`` keeps 1 in N (None: as many as the downstream takes, see :mod:`sidecar.core.sampling`). ``max_block`` is how long a ``block`` partition may be
    held before its newest records are dropped (None: for ever). ``max_age`` drops records that are older than this, by their timestamps, when they are about to be
    flushed; ``max_wait`` those that were in the buffer for longer, and ``max_burst_wait`` is how long that may take before (see :mod:`sidecar.core.expiry`).
    ``priority`` orders eviction: the lowest goes first. ``weight`` is the share of the buffer and of what is delivered (None: by the priority).
    ``overflow_topic`` is where records go instead of being dropped (None: nowhere; see :mod:`sidecar.core.overflow`).
    """

    strategy: Strategy = Strategy.BLOCK
    sample_rate: int | None = 10
    max_block: float | None = None
    max_age: float | None = None
    priority: int = 0
    max_wait: float | None = None
    max_burst_wait: float | None = None
    weight: float | None = None
    overflow_topic: str | None = None

    @property
    def may_evict(self) -> bool:
        """Whether records that are queued may be dropped at once to make room: those of ``block`` never, and those with an overflow topic have to get there before."""
        return self.strategy is not Strategy.BLOCK and self.overflow_topic is None

    @property
    def share(self) -> float:
        """The weight, in relation to those of others. A step of priority is twice the share."""
        return 2.0**self.priority if self.weight is None else self.weight

    @property
    def burst_wait(self) -> float | None:
        """The interval that goes with ``max_wait``."""
        return self.max_burst_wait if self.max_burst_wait is not None or self.max_wait is None else BURSTS * self.max_wait


@dataclass(frozen=True, slots=True)
class FlushLimits:
    """Bounds of the flush control: records, bytes and seconds; the controller chooses within them, and begins with the ``first``."""

    first_batch: int = 500
    max_batch: int = 10_000
    max_batch_bytes: int = 8 * 1024 * 1024
    min_interval: float = 0.1
    max_interval: float = 30.0
    target_latency: float = 0.5
    max_in_flight: int = 8
    first_in_flight: int = 1
    timeout: float = 30.0


@dataclass(frozen=True, slots=True)
class RetryLimits:
    """Full-jitter backoff: attempt ``k`` waits a random time below ``min(max_wait, base * 2**(k-1))`` seconds.

    After ``max_attempts``, or ``max_elapsed`` seconds since the first failure, a record is dead-lettered, if the downstream answers others (None: never).
    """

    base: float = 0.1
    max_wait: float = 60.0
    max_attempts: int | None = None
    max_elapsed: float | None = None


@dataclass(frozen=True, slots=True)
class DeadLetterRules:
    """When a record may go to the dead-letter topic: ``burst`` at first, then one for ``earned_by`` deliveries.

    A larger part of a batch than ``max_share`` is no poison but a failure of the whole; 1 allows any.
    """

    burst: int = 10
    earned_by: int = 100
    max_share: float = 0.5


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """Everything that the engine is configured by.

    ``policy`` returns the policy of a topic; it is asked once per topic.
    ``dead_letters`` is None without a dead-letter topic; then ``on_poison`` says what becomes of poison.
    ``stored_offsets`` tells that the downstream keeps offsets, and says where partitions begin; ``commits_with_records`` that these are the group's own, in Kafka.
    An ``ordering`` of none goes only with a downstream that keeps no offsets: one that does takes records in order.
    ``pause_after`` is how long a hold of every partition means not polling before it means ``pause()``.
    """

    max_messages: int = 50_000
    max_bytes: int = 64 * 1024 * 1024
    high_watermark: float = 0.8
    low_watermark: float = 0.5
    policy: Callable[[str], Policy] = field(default=lambda _topic: Policy())
    flush: FlushLimits = FlushLimits()
    ordering: Ordering = Ordering.PARTITION
    retry: RetryLimits = RetryLimits()
    on_poison: OnPoison = OnPoison.STOP
    dead_letters: DeadLetterRules | None = None
    stored_offsets: bool = False
    commits_with_records: bool = False
    pause_after: float = 1.0
    commit_interval: float = 1.0
