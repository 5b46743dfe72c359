"""What the parts of the engine share: the assigned partitions, the flights, and one of each machine.

Everything here belongs to the engine and is changed by its parts only; nothing outside :mod:`sidecar.core` reads it.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from random import Random

from sidecar.core.actions import Action, BreakerChanged, DeadLetter, Dropped, LetterReason, PartitionStopped, Released
from sidecar.core.backpressure import Backpressure
from sidecar.core.books import Books, DropReason, ReleaseReason
from sidecar.core.breaker import Breaker, BreakerSignal, BreakerState
from sidecar.core.buffer import BoundedBuffer
from sidecar.core.config import DeadLetterRules, EngineConfig, Policy
from sidecar.core.diversions import Diversions
from sidecar.core.flush_control import FlushControl, Launch
from sidecar.core.hold_reasons import HoldReason
from sidecar.core.ledger import Ledger
from sidecar.core.ration import Ration
from sidecar.core.records import Batch, Chunk, TopicPartition
from sidecar.core.retry import RetryBudget
from sidecar.core.shares import Shares
from sidecar.core.steady_clock import SteadyClock


class StopKind(enum.Enum):
    """Which policy stopped a partition."""

    POISON = "poison"
    OFFSET_OUT_OF_RANGE = "offset_out_of_range"
    FENCED = "fenced"


@dataclass(slots=True)
class Suspect:
    """Records at the head of a partition among which one is poison: bisection in progress.

    ``left`` records are suspect. At least one of the first ``bad`` is poison (0: it is not known where). A batch of suspects
    holds nothing else: all of them while nothing is known, then half of the bad ones, until one is left. With ``known`` the last of the ``bad`` was named:
    first those before it, then itself. ``reason``, ``attempts`` and ``failed_at`` are for its dead letter: what was tried so far, since when.
    """

    left: int
    bad: int
    reason: LetterReason
    attempts: int
    failed_at: float
    known: bool = False

    @property
    def cap(self) -> int:
        """How many records the next batch may take."""
        if self.known:
            return max(1, self.bad - 1)
        return max(1, self.bad // 2) if self.bad else self.left


@dataclass(slots=True)
class Partition:
    """One assigned partition in one epoch.

    ``refused`` is the accounted size of a polled record that did not fit; until there is
    room for it the partition is paused and will be sought back to its position.
    ``strayed`` tells that the client stands elsewhere than the ledger: it gave records that were given back unseen, or the downstream told another
    offset. It ends when the partition is sought.
    ``unplaced`` tells that the offset which the downstream keeps is not known yet: nothing is taken until then (``asked``: it was asked for). ``stored`` is that
    offset, None where there is none; ``fences`` counts how often in a row another one was found there. ``assignment`` is the epoch in which the client was
    assigned it.
    ``held_since`` is since when it is held for want of room, ``standing_since`` since when its queue was not empty, where the time in it is bounded (see :mod:`sidecar.core.expiry`).
    ``last_timestamp`` is that of the last polled record; where later ones were refused or given back, that of the first of those.
    ``requested`` is the last offset that a commit was asked for, ``committed`` the last that was acknowledged.
    """

    tp: TopicPartition
    epoch: int
    policy: Policy
    ledger: Ledger
    revoking: bool = False
    stopped: str | None = None
    stopped_by: StopKind | None = None
    suspect: Suspect | None = None
    refused: int = 0
    strayed: bool = False
    held_since: float | None = None
    standing_since: float | None = None
    last_timestamp: int | None = None
    requested: int | None = None
    committed: int | None = None
    assignment: int = 0
    unplaced: bool = False
    asked: bool = False
    stored: int | None = None
    fences: int = 0


@dataclass(slots=True)
class Flight:
    """A batch that was given to a flusher, or waits for its next attempt (``due`` is then a time).

    ``probe`` marks the one whose answer the half-open breaker waits for; ``filled`` that the batch was as large as allowed;
    ``suspect`` that poison is searched for among its records; ``launch`` is how things stood when its latest attempt began;
    ``fixed`` that ``due`` is not brought forward: the downstream asked for that wait, or it was brought forward already.
    ``failure`` is what came of its last attempt (None: this is the first), ``limited`` that the downstream limits the rate, ``failed_at`` when the first
    attempt failed; ``recheck`` is the letter of its one record, which is tried once more; ``mass`` that too many of its records were refused for it to be poison.
    """

    number: int
    batch: Batch
    attempt: int
    probe: bool
    filled: bool
    launch: Launch
    suspect: bool = False
    due: float | None = None
    fixed: bool = False
    failure: str | None = None
    limited: bool = False
    failed_at: float | None = None
    mass: bool = False
    recheck: DeadLetter | None = None


@dataclass(slots=True)
class Letter:
    """A dead letter on its way; see :mod:`sidecar.core.dead_letters`.

    ``rechecked`` tells that the record is to be tried once more, alone. ``due`` is when it is sent again after ``failure``, ``tries`` how often it was not acknowledged,
    ``paid`` that a token was spent on it.
    """

    letter: DeadLetter
    unproven: bool
    rechecked: bool = False
    sent: bool = False
    paid: bool = False
    tries: int = 0
    due: float | None = None
    failure: str | None = None

    @property
    def chunk(self) -> Chunk:
        """Its record."""
        return self.letter.chunk


@dataclass(frozen=True, slots=True)
class AskedHold:
    """A hold of everything that was asked for; ``until`` is when it lifts itself (None: never)."""

    why: str
    until: float | None


@dataclass(slots=True)
class EngineState:
    """The shared state.

    ``policy`` returns that of a topic. ``busy`` counts flights by partition, of any epoch, since order is kept across epochs; ``epochs`` remembers the last
    epoch of each partition ever assigned, ``fenced`` why its last assignment ended. ``overflowed`` tells that the
    present event brought more than fits, ``letters`` are the dead letters that are not acknowledged yet, ``rechecks`` those of them by partition whose records
    are to be tried once more, ``waits_for_letters`` the partitions of which nothing is
    flushed for them, each with what is wrong (None: nothing), ``may_divert`` tells that a partition with an overflow topic was assigned, ``delivered_at`` when records were last taken, ``holds_stale`` that a partition came, went, was stopped or had a record refused since the holds were last computed.
    """

    config: EngineConfig
    random: Random
    policy: Callable[[str], Policy]
    buffer: BoundedBuffer
    shares: Shares
    backpressure: Backpressure
    breaker: Breaker
    flow: FlushControl
    rules: DeadLetterRules
    ration: Ration
    budget: RetryBudget
    books: Books = field(default_factory=Books)
    clock: SteadyClock = field(default_factory=SteadyClock)
    diversions: Diversions = field(default_factory=Diversions)
    may_divert: bool = False
    partitions: dict[TopicPartition, Partition] = field(default_factory=dict)
    epochs: dict[TopicPartition, int] = field(default_factory=dict)
    flights: dict[int, Flight] = field(default_factory=dict)
    letters: dict[int, Letter] = field(default_factory=dict)
    rechecks: dict[TopicPartition, list[int]] = field(default_factory=dict)
    waits_for_letters: dict[TopicPartition, str | None] = field(default_factory=dict)
    delivered_at: float = float("-inf")
    busy: Counter[TopicPartition] = field(default_factory=Counter)
    fenced: dict[TopicPartition, ReleaseReason] = field(default_factory=dict)
    drain_deadline: float | None = None
    asked: dict[HoldReason, AskedHold] = field(default_factory=dict)
    overflowed: bool = False
    holds_stale: bool = False
    actions: list[Action] = field(default_factory=list)

    @classmethod
    def fresh(cls, config: EngineConfig, random: Random) -> EngineState:
        """Return the state of an engine that has seen nothing yet."""
        rules = config.dead_letters or DeadLetterRules()
        buffer = BoundedBuffer(config.max_messages, config.max_bytes)
        policy = cache(config.policy)
        return cls(
            config=config,
            random=random,
            policy=policy,
            buffer=buffer,
            shares=Shares(buffer, lambda topic: policy(topic).share),
            backpressure=Backpressure(config.low_watermark, config.high_watermark),
            breaker=Breaker(config.retry.max_wait, random),
            flow=FlushControl(config.flush, random),
            rules=rules,
            ration=Ration(rules.burst, rules.earned_by),
            budget=RetryBudget(),
        )

    @property
    def draining(self) -> bool:
        """Whether the engine only finishes what it has."""
        return self.drain_deadline is not None

    @property
    def hurries(self) -> bool:
        """Whether what is here is to leave at once: a drain, or a quiesce."""
        return self.draining or HoldReason.QUIESCE in self.asked

    def current(self, chunk: Chunk) -> Partition | None:
        """Return the partition that ``chunk`` belongs to, if it is still the same assignment."""
        partition = self.partitions.get(chunk.tp)
        return partition if partition is not None and partition.epoch == chunk.epoch else None

    def take_recheck(self, tp: TopicPartition) -> DeadLetter:
        """Take the letter of a record of ``tp`` that is to be tried once more; there is one."""
        number = self.rechecks[tp][0]
        self.forget_recheck(tp, number)
        return self.letters.pop(number).letter

    def forget_recheck(self, tp: TopicPartition, number: int) -> None:
        """Try a record no more."""
        self.rechecks[tp].remove(number)
        if not self.rechecks[tp]:
            del self.rechecks[tp]

    def drop(self, chunk: Chunk, reason: DropReason, detail: str | None = None, *, overflow_topic: str | None = None) -> None:
        """Give the records of ``chunk`` the outcome dropped; ``overflow_topic`` is where they are instead."""
        if overflow_topic is not None:
            self.books.diverted[chunk.tp.topic, reason] += chunk.records
        self.books.dropped[chunk.tp.topic, reason] += chunk.records
        self.actions.append(Dropped(chunk.tp, chunk.start, chunk.end, chunk.records, reason, detail, overflow_topic))

    def drop_some(self, chunk: Chunk, records: int, reason: DropReason) -> None:
        """Give ``records`` of the records in the range of ``chunk`` the outcome dropped."""
        if records:
            self.books.dropped[chunk.tp.topic, reason] += records
            self.actions.append(Dropped(chunk.tp, chunk.offsets[0], chunk.end, records, reason))

    def divert(self, partition: Partition, chunk: Chunk, reason: DropReason) -> None:
        """Send ``chunk``, which is in flight, to the overflow topic of ``partition``; it is dropped for ``reason`` once it is there."""
        topic = partition.policy.overflow_topic
        assert topic is not None, "it has an overflow topic"  # noqa: S101 -- our own mistake, never a user's
        self.diversions.add(chunk, reason, topic)
        self.holds_stale = True

    def release(self, chunk: Chunk, reason: ReleaseReason) -> None:
        """Give the records of ``chunk`` the outcome released."""
        partition, stamp = self.current(chunk), chunk.timestamps[0]
        if partition is not None and partition.last_timestamp is not None and stamp >= 0:
            partition.last_timestamp = min(partition.last_timestamp, stamp)
        self.books.release(chunk, reason)
        self.actions.append(Released(chunk.tp, chunk.records, reason))

    def stop(self, partition: Partition, kind: StopKind, reason: str) -> None:
        """Stop ``partition`` by policy: give back what is queued of it, take nothing more in this epoch."""
        partition.stopped, partition.stopped_by = reason, kind
        partition.suspect = None
        partition.refused = 0  # nothing waits for its room any more
        self.holds_stale = True
        for chunk in self.buffer.drop_partition(partition.tp):
            self.release(chunk, ReleaseReason.STOPPED)
        self.actions.append(PartitionStopped(partition.tp, reason))

    def begin(self, tp: TopicPartition, start: int | None) -> Partition:
        """Begin a new epoch of ``tp`` at ``start``, in the same assignment if there is one."""
        epoch = self.epochs[tp] = self.epochs.get(tp, 0) + 1
        old = self.partitions.get(tp)
        partition = Partition(
            tp, epoch, self.policy(tp.topic), Ledger(start), assignment=epoch if old is None else old.assignment
        )
        self.partitions[tp] = partition
        if partition.policy.overflow_topic is not None:
            self.may_divert = True
            self.books.may_divert(tp.topic, partition.policy)
        self.holds_stale = True
        return partition

    def expected(self, chunks: Iterable[Chunk]) -> dict[TopicPartition, int | None] | None:
        """Return what a downstream that keeps offsets should find before these chunks are written; None for one that keeps none."""
        if not self.config.stored_offsets:
            return None
        return {chunk.tp: self.partitions[chunk.tp].stored for chunk in chunks}

    def signal_breaker(self, signal: BreakerSignal, now: float, reason: str | None = None) -> None:
        """Move the breaker and say so."""
        breaker, old = self.breaker, self.breaker.state
        if breaker.signal(signal, now, reason):
            probe_in = breaker.probe_at - now if breaker.state is BreakerState.OPEN and breaker.probe_at is not None else None
            self.actions.append(BreakerChanged(old, breaker.state, breaker.reason, probe_in))
