"""What the engine says about itself: frozen values, made by the owning thread, read by every other one.

Metrics, ``/status``, probes and logs are made from these and never from live state.
Times are seconds of the monotonic clock unless a name says otherwise; ``*_wall_ms`` is Unix time in ms.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sidecar.core.cost_fit import Cost
from sidecar.core.decisions import Decision
from sidecar.core.hold_reasons import HoldReason
from sidecar.core.records import TopicPartition


@dataclass(frozen=True, slots=True)
class BooksView:
    """Where every polled record went. By topic, or by (topic, reason); ``unaccounted`` must be 0. ``diverted`` are those of the dropped ones that are in an overflow topic."""

    polled: Mapping[str, int]
    delivered: Mapping[str, int]
    dead_lettered: Mapping[str, int]
    dropped: Mapping[tuple[str, str], int]
    released: Mapping[tuple[str, str], int]
    buffered: int
    in_flight: int
    unaccounted: int
    diverted: Mapping[tuple[str, str], int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RetryView:
    """A flush that failed and is tried again: what came of the last attempt, and when the next one is (None: it is under way).

    ``attempts`` were made and failed; ``limited`` tells that the downstream limits the rate, or asked for this wait.
    """

    failure: str
    attempts: int
    next_in: float | None
    limited: bool


@dataclass(frozen=True, slots=True)
class PartitionView:
    """One assigned partition.

    ``position`` is the offset after the last polled record (None before the first and where no start is known),
    ``committed`` the last offset whose commit was acknowledged in this epoch, ``committable`` the lowest offset without an outcome.
    ``oldest_wall_ms`` is the timestamp of the oldest record without an outcome that is here (None: none is here),
    ``last_wall_ms`` that of the last polled record, or of the first that was refused or given back. ``holds`` names the reasons for which no records are taken
    (empty: not held), ``stopped`` says for people why a policy stopped it and ``stopped_by`` names the policy.
    ``letters`` of its records are on their way to the dead-letter topic, ``letter_trouble`` is what stands in the way (None: nothing).
    ``diverting`` are on their way to an overflow topic. ``suspects`` records at its head are being searched for poison, ``retry`` is the failed flush that keeps it waiting.
    """

    tp: TopicPartition
    epoch: int
    position: int | None
    committed: int | None
    committable: int | None
    buffered: int
    in_flight: int
    oldest_wall_ms: int | None
    last_wall_ms: int | None
    holds: tuple[str, ...]
    stopped: str | None
    stopped_by: str | None
    suspects: int
    retry: RetryView | None
    letters: int = 0
    letter_trouble: str | None = None
    diverting: int = 0
    overflow_trouble: str | None = None

    @property
    def here(self) -> int:
        """Records that were polled and have no outcome yet."""
        return self.buffered + self.in_flight + self.diverting

    @property
    def is_settled(self) -> bool:
        """Whether there is nothing to commit. Where the downstream keeps offsets there may not be for long: it has not told one, or one that is behind Kafka's."""
        if self.committable is None or HoldReason.POSITION.value in self.holds:
            return True
        return self.committed is not None and self.committable <= self.committed


@dataclass(frozen=True, slots=True)
class SearchView:
    """How the flush control comes to what it chooses.

    ``cost`` is what a flush costs that does not wait (None: not known yet), ``base`` the median latency without a queue, as a multiple of that (or in seconds while the cost is
    not known; None: not measured yet), ``slowdown`` how many times as long flushes took in the last whole window, and ``queue`` how many of them wait downstream by that. ``probing`` tells that a drain
    probe is on, ``ceiling`` what the concurrency does not exceed for a while. The present window is open since ``window_began`` (None: before the first flush) and has seen ``window_flushes``.
    ``decisions`` are the latest, oldest first; ``turns`` counts all of them by (dial, direction).
    """

    cost: Cost | None = None
    base: float | None = None
    slowdown: float = 1.0
    queue: float = 0.0
    probing: bool = False
    ceiling: int | None = None
    window_began: float | None = None
    window_flushes: int = 0
    decisions: tuple[Decision, ...] = ()
    turns: Mapping[tuple[str, str], int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FlowView:
    """The flush control and the breaker: what they chose and why nothing moves, if nothing moves. ``letter_tokens`` are dead letters that may be sent now.

    ``concurrency_limit`` flushes may be in flight at once by choice, ``allowed`` at this moment (fewer in a drain probe), ``max_in_flight`` by the settings, ``per_partition``
    of one partition.
    """

    batch_records: int
    interval: float
    concurrency_limit: int
    allowed: int
    max_in_flight: int
    per_partition: int
    flushes_in_flight: int
    retrying: int
    last_failure: str | None
    breaker: str
    breaker_reason: str | None
    next_probe_in: float | None
    letter_tokens: int = 0


@dataclass(frozen=True, slots=True)
class OverflowView:
    """``records`` are on their way to overflow topics, ``trouble`` is what stands in the way (None: nothing)."""

    records: int = 0
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The whole engine at one moment.

    ``state`` is the backpressure state, ``utilization`` the pressure (1.0 = full), ``transitions`` counts
    by (from, to). ``holds``/``pauses`` count partitions that were held/paused since the start. ``asked_holds`` are the holds of everything
    that were asked for from outside, each with why, for people. ``search`` is how the flush control came to what ``flow`` shows.
    """

    state: str
    utilization: float
    buffer_records: int
    buffer_bytes: int
    max_messages: int
    max_bytes: int
    books: BooksView
    partitions: tuple[PartitionView, ...]
    flow: FlowView
    transitions: Mapping[tuple[str, str], int]
    holds: int
    pauses: int
    draining: bool
    search: SearchView = SearchView()
    overflow: OverflowView = OverflowView()
    asked_holds: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_settled(self) -> bool:
        """Whether nothing is here any more, and everything that may be committed is acknowledged."""
        return not self.buffer_records and all(view.is_settled for view in self.partitions)
