"""What a flush came to: the closed list of answers that a writer gives, each a value.

A writer never raises for a failure of the downstream; it maps the failure to one of these, and the engine
decides. ``reason`` is a short text for people: a status line or an error class, never a payload or a secret.

========== ============================================================= =========================================
result     meaning                                                       what the engine does
========== ============================================================= =========================================
Delivered  every record was taken                                        completes them
Partial    every record was taken but those named                        completes the others, acts on each failure
Retriable  none is known to be taken, the same batch may pass later       waits (full jitter, ``wait`` at least), repeats
Poison     none is known to be taken, one record at least never will be  isolates it, then dead-letters, stops or drops
TooLarge   none was taken, fewer records may pass                        repeats with half
Systemic   none was taken, no batch would be                             opens the breaker, holds the partitions
Fenced     none was taken: the downstream's own offsets are others       asks for those offsets, begins there again
========== ============================================================= =========================================
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from sidecar.core.records import TopicPartition


@dataclass(frozen=True, slots=True)
class Said:
    """What the downstream said of a failure, for the headers of a dead letter; never logged.

    ``status`` is its own code (an HTTP status, a SQLSTATE), ``text`` the beginning of its answer, :data:`LONGEST_TEXT` characters at most.
    """

    status: str = ""
    text: str = ""


LONGEST_TEXT = 256
"""How much of an answer is kept, in characters."""

NOTHING_SAID = Said()


class FailureAction(enum.Enum):
    """What the writer asks for one record that it did not take."""

    RETRY = "retry"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class RecordFailure:
    """One record that was not taken, by its place in Kafka."""

    tp: TopicPartition
    offset: int
    action: FailureAction
    error: str


@dataclass(frozen=True, slots=True)
class Delivered:
    """Every record of the batch was taken."""


@dataclass(frozen=True, slots=True)
class Partial:
    """Every record of the batch was taken except ``failures`` (never empty, each a record of the batch)."""

    failures: tuple[RecordFailure, ...]
    wait: float | None = None
    said: Said = NOTHING_SAID


@dataclass(frozen=True, slots=True)
class Retriable:
    """Nothing is known to be taken; the same batch may pass later, after ``wait`` seconds where the writer knows.

    ``too_many`` tells that the downstream limits the rate, even where it names no wait.
    """

    reason: str
    wait: float | None = None
    too_many: bool = False
    said: Said = NOTHING_SAID


@dataclass(frozen=True, slots=True)
class Poison:
    """Nothing is known to be taken; at least one record of the batch never will be.

    ``named`` are those that the writer knows by name (each a record of the batch, each to be rejected; empty: it knows none, and the
    batch is bisected). The others are sent again at once.
    """

    reason: str
    named: tuple[RecordFailure, ...] = ()
    said: Said = NOTHING_SAID


@dataclass(frozen=True, slots=True)
class TooLarge:
    """The batch was refused for its size."""

    reason: str


@dataclass(frozen=True, slots=True)
class Systemic:
    """No batch would pass now: the downstream is unreachable, or refuses us as a whole."""

    reason: str


@dataclass(frozen=True, slots=True)
class Fenced:
    """Nothing was taken: for ``tps`` (never empty, each of the batch) the offset that the downstream keeps is not the expected one.

    Another owner has written, or an answer to a write of our own was lost. See ``Batch.expected``.
    """

    tps: tuple[TopicPartition, ...]
    reason: str


Result = Delivered | Partial | Retriable | Poison | TooLarge | Systemic | Fenced
