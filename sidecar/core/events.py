"""What happens to the engine: with :mod:`sidecar.core.actions`, the whole of what the sidecar does.

A shell tells the engine each event once, in the order in which it happened, on the thread that owns the engine.

=================== ==============================================================================================
Assigned            partitions are ours now, in a new epoch, from these positions
Moved               the log of a partition was cut: it goes on further back, in a new epoch
RevokeBegun         partitions will be taken away: no more intake or flushes of them, what is in flight may finish
Revoked             they are gone: fence them, give back the rest (what is committable was committed before this)
Lost                they have been gone for a while: fence, give back, never commit
Polled              records came
Advanced            the client's position passed offsets that hold no record (aborted, transaction markers)
PartitionFailed     a partition cannot go on by policy (its offset is out of range)
FlushFinished       a flush came to a result
CommitFinished      the broker answered a commit
Located             the downstream told the offsets that it keeps
DeadLetterFinished  the dead-letter topic's broker answered for one record
DivertFinished      an overflow topic's broker answered for a chunk
DrainRequested      finish everything until the deadline, take nothing more
HoldAsked           take nothing of any partition, for a reason from outside, until it is lifted
HoldLifted          that reason is gone
Tick                time passed: see ``Engine.next_due``
=================== ==============================================================================================
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sidecar.core.hold_reasons import HoldReason
from sidecar.core.records import Chunk, TopicPartition
from sidecar.core.results import Result


@dataclass(frozen=True, slots=True)
class Assigned:
    """``starts``: the offset each new partition begins at; None where only its first record will tell.

    ``fresh`` are those of them that had no committed offset: where they start is committed at once, since another
    start of the process would find another end of the log, and pass over what came between. Where the downstream keeps offsets, they decide (see Located).
    """

    starts: Mapping[TopicPartition, int | None]
    fresh: Collection[TopicPartition] = ()


@dataclass(frozen=True, slots=True)
class Moved:
    """The log was cut: a partition goes on at ``offset``, below its position, in a new epoch, and whatever the downstream keeps.

    Where records below ``offset`` have no outcome yet, it goes on at the first of them. It is resumed there, in any case.
    """

    tp: TopicPartition
    offset: int


@dataclass(frozen=True, slots=True)
class Located:
    """``offsets`` are the next ones by what the downstream keeps, None where it keeps none; ``epochs`` those of the Locate that asked."""

    offsets: Mapping[TopicPartition, int | None]
    epochs: Mapping[TopicPartition, int]


@dataclass(frozen=True, slots=True)
class RevokeBegun:
    """The revocation callback was entered."""

    partitions: Sequence[TopicPartition]


@dataclass(frozen=True, slots=True)
class Revoked:
    """The revocation callback is about to return."""

    partitions: Sequence[TopicPartition]


@dataclass(frozen=True, slots=True)
class Lost:
    """The group went on without us."""

    partitions: Sequence[TopicPartition]


@dataclass(slots=True)
class Polled:
    """The chunks of one poll, at most one per partition."""

    chunks: Sequence[Chunk]


@dataclass(frozen=True, slots=True)
class Advanced:
    """Positions of the client, by partition."""

    positions: Mapping[TopicPartition, int]


@dataclass(frozen=True, slots=True)
class PartitionFailed:
    """``reason`` is for people."""

    tp: TopicPartition
    reason: str


@dataclass(frozen=True, slots=True)
class FlushFinished:
    """``flight`` is the number from :class:`~sidecar.core.actions.StartFlush`; ``seconds`` is how long the writer took."""

    flight: int
    result: Result
    seconds: float


@dataclass(frozen=True, slots=True)
class CommitFinished:
    """``error`` is None on success. ``epochs`` says whose offsets these were."""

    offsets: Mapping[TopicPartition, int]
    epochs: Mapping[TopicPartition, int]
    error: str | None


@dataclass(frozen=True, slots=True)
class DeadLetterFinished:
    """``number`` is that of :class:`~sidecar.core.actions.DeadLetter`; ``error`` is None once the record is acknowledged by all replicas in sync."""

    number: int
    error: str | None


@dataclass(frozen=True, slots=True)
class DivertFinished:
    """``number`` is that of :class:`~sidecar.core.actions.Divert`; ``error`` is None once all its records are acknowledged by all replicas in sync."""

    number: int
    error: str | None


@dataclass(frozen=True, slots=True)
class DrainRequested:
    """``deadline`` is on the clock of ``now``."""

    deadline: float


@dataclass(frozen=True, slots=True)
class HoldAsked:
    """``reason`` is one of :data:`~sidecar.core.hold_reasons.ASKED`; ``why`` is for people; at ``until`` (on the clock of ``now``) it lifts itself.

    Asked for again, the later end of the two counts (None: without end). A quiesce also flushes what is here at once.
    """

    reason: HoldReason
    why: str
    until: float | None = None


@dataclass(frozen=True, slots=True)
class HoldLifted:
    """Nothing happens when the reason was not asked for."""

    reason: HoldReason


@dataclass(frozen=True, slots=True)
class Tick:
    """Nothing but time passed."""


Event = (
    Assigned
    | Moved
    | Located
    | RevokeBegun
    | Revoked
    | Lost
    | Polled
    | Advanced
    | PartitionFailed
    | FlushFinished
    | CommitFinished
    | DeadLetterFinished
    | DivertFinished
    | DrainRequested
    | HoldAsked
    | HoldLifted
    | Tick
)
