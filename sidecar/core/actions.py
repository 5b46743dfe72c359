"""What the engine wants done, and what it wants known. Shells carry actions out in the order in which they come.

To be done:

=================== ==============================================================================================
StartFlush          give this batch to a flusher; its result comes back as FlushFinished
Pause               ``pause()`` these partitions; they stay paused until a Resume, or until they are revoked
Resume              ``resume()`` and ``seek()`` these partitions to these positions
Commit              commit these offsets asynchronously; the answer comes back as CommitFinished
Locate              ask the downstream for the offsets that it keeps of these partitions; the answer comes back as Located
DeadLetter          produce this record to the dead-letter topic; the answer comes back as DeadLetterFinished
Divert              produce these records to their overflow topic; the answer comes back as DivertFinished
Finish              the drain is over: commit what is committable, leave, exit
=================== ==============================================================================================

To be known (logged, counted; nothing depends on them):

=================== ==============================================================================================
Landed              these chunks were delivered
StateChanged        the backpressure state moved
BreakerChanged      the breaker moved
FlushFailed         a flush failed; when it will be tried again
Dropped             these offsets were dropped, and why
DivertFailed        these records are not in their overflow topic yet, and why
DeadLettered        this record is in the dead-letter topic
DeadLetterFailed    this record is not there yet, and why
Released            these records were given back uncommitted, and why
PartitionStopped    a partition is stopped by policy until a restart
HoldBegan           everything is held for a reason from outside
HoldEnded           that reason is gone
CommitFailed        a commit was refused
=================== ==============================================================================================
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sidecar.core.backpressure import State
from sidecar.core.books import DropReason, ReleaseReason
from sidecar.core.breaker import BreakerState
from sidecar.core.hold_reasons import HoldReason
from sidecar.core.records import Batch, Chunk, TopicPartition
from sidecar.core.results import Said


@dataclass(slots=True)
class StartFlush:
    """``attempt`` is 1 for the first try of this batch."""

    flight: int
    batch: Batch
    attempt: int


@dataclass(frozen=True, slots=True)
class Pause:
    """Partitions to pause in the client."""

    partitions: Sequence[TopicPartition]


@dataclass(frozen=True, slots=True)
class Resume:
    """Partitions to resume, each at its position (None: wherever the client stands)."""

    positions: Mapping[TopicPartition, int | None]


@dataclass(frozen=True, slots=True)
class CommitOffset:
    """``offset`` is the next one to read; ``epoch`` is ours, ``leader_epoch`` Kafka's (None: unknown)."""

    offset: int
    epoch: int
    leader_epoch: int | None


@dataclass(frozen=True, slots=True)
class Commit:
    """Offsets to commit, all of the current assignment."""

    offsets: Mapping[TopicPartition, CommitOffset]


@dataclass(frozen=True, slots=True)
class Locate:
    """Partitions, each with its epoch, which the answer must carry."""

    epochs: Mapping[TopicPartition, int]


class LetterReason(enum.Enum):
    """Why a record goes to the dead-letter topic."""

    POISON = "poison"
    RETRIES_EXHAUSTED = "retries_exhausted"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One record (``chunk`` holds nothing else) on its way to the dead-letter topic.

    ``number`` names it in the answer. ``error`` is for people and was logged; ``said`` is for the headers only. ``attempts`` is how often its batch was
    tried, ``failed_wall_ms`` the Unix time of its first failure.
    """

    number: int
    chunk: Chunk
    reason: LetterReason
    error: str
    said: Said
    attempts: int
    failed_wall_ms: int


@dataclass(frozen=True, slots=True)
class Divert:
    """Records of one chunk on their way to the overflow topic ``topic``; ``number`` names them in the answer."""

    number: int
    chunk: Chunk
    reason: DropReason
    topic: str


@dataclass(frozen=True, slots=True)
class Finish:
    """``expired`` tells that the deadline ended the drain before everything was flushed."""

    expired: bool


@dataclass(slots=True)
class Landed:
    """Chunks whose records were taken by the downstream, after ``seconds`` in the writer."""

    chunks: Sequence[Chunk]


@dataclass(frozen=True, slots=True)
class StateChanged:
    """``pressure`` is what moved it."""

    old: State
    new: State
    pressure: float


@dataclass(frozen=True, slots=True)
class BreakerChanged:
    """``probe_in`` is in seconds, when it opened."""

    old: BreakerState
    new: BreakerState
    reason: str | None
    probe_in: float | None


@dataclass(frozen=True, slots=True)
class FlushFailed:
    """``retry_in`` is in seconds; None when the records went back to the buffer instead."""

    flight: int
    records: int
    attempt: int
    reason: str
    retry_in: float | None


@dataclass(slots=True)
class Dropped:
    """Records of ``tp`` from ``start`` up to, not including, ``end``; ``overflow_topic`` is where they are instead (None: nowhere).

    Never changed, and yet not frozen: in a flood there is one for each chunk, and to make it would take twice as long.
    """

    tp: TopicPartition
    start: int
    end: int
    records: int
    reason: DropReason
    detail: str | None = None
    overflow_topic: str | None = None


@dataclass(frozen=True, slots=True)
class DivertFailed:
    """So many records of ``tp`` keep their room in the buffer; ``retry_in`` is in seconds."""

    tp: TopicPartition
    records: int
    overflow_topic: str
    error: str
    retry_in: float


@dataclass(frozen=True, slots=True)
class DeadLettered:
    """``error`` is why the downstream did not take it."""

    tp: TopicPartition
    offset: int
    reason: LetterReason
    error: str


@dataclass(frozen=True, slots=True)
class DeadLetterFailed:
    """Its partition waits. ``retry_in`` is in seconds; None while no delivery has earned it."""

    tp: TopicPartition
    offset: int
    error: str
    retry_in: float | None


@dataclass(frozen=True, slots=True)
class Released:
    """Records given back."""

    tp: TopicPartition
    records: int
    reason: ReleaseReason


@dataclass(frozen=True, slots=True)
class PartitionStopped:
    """``reason`` is for people and names the offset."""

    tp: TopicPartition
    reason: str


@dataclass(frozen=True, slots=True)
class HoldBegan:
    """``why`` is for people."""

    reason: HoldReason
    why: str


@dataclass(frozen=True, slots=True)
class HoldEnded:
    """``expired`` tells that its time was over, and nobody lifted it."""

    reason: HoldReason
    expired: bool


@dataclass(frozen=True, slots=True)
class CommitFailed:
    """The offsets are offered again at the next interval, if they are still ours."""

    partitions: Sequence[TopicPartition]
    error: str


Action = (
    StartFlush
    | Pause
    | Resume
    | Commit
    | Locate
    | DeadLetter
    | Divert
    | Finish
    | Landed
    | StateChanged
    | BreakerChanged
    | FlushFailed
    | Dropped
    | DivertFailed
    | DeadLettered
    | DeadLetterFailed
    | Released
    | PartitionStopped
    | HoldBegan
    | HoldEnded
    | CommitFailed
)
