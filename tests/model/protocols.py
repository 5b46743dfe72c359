"""The commit protocol as a list of decisions, and ours. Those that are known to be wrong are in :mod:`tests.model.wrong`."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Commits(enum.Enum):
    """Which offset is committed to Kafka."""

    AFTER_OUTCOMES = "the first without an outcome"
    AFTER_POLL = "the position of the poll"


class Rejected(enum.Enum):
    """What becomes of a record that the downstream will never take."""

    DEAD_LETTER = "it is isolated, and sent to the dead-letter topic"
    SKIPPED = "its batch is dropped, and the next one goes on"


class Letters(enum.Enum):
    """Who waits for the acknowledgement of a dead letter."""

    ALL_WAIT = "the commit to Kafka and the next flush"
    COMMIT_WAITS = "the commit to Kafka alone"
    NOBODY_WAITS = "nobody"


class Offset(enum.Enum):
    """How a downstream that keeps offsets writes one."""

    COMPARE_AND_SET = "only where it finds the expected one"
    BLIND = "whatever is there"
    GREATEST = "the greater one of the two"
    NOT_KEPT = "not at all"


class Expects(enum.Enum):
    """Which offset a flush must find, where it is compared."""

    STORED = "the one that this owner last read or wrote"
    FIRST = "that of its first record"


class Start(enum.Enum):
    """Where an owner begins."""

    STORED = "at the offset that the downstream keeps"
    KAFKA = "at the offset that Kafka keeps"


class Old(enum.Enum):
    """What a new epoch does about a flush of an older one that the same process still has out."""

    AWAITED = "waits for its result, before the stored offset is read"
    NOT_AWAITED = "nothing"


class OldResult(enum.Enum):
    """What the result of such a flush does."""

    IGNORED = "nothing"
    BELIEVED = "moves the expected offset"


class Lost(enum.Enum):
    """What a COMMIT without an answer counts as."""

    REPEATED = "nothing: the batch is repeated, and finds out by the stored offset"
    DELIVERED = "delivered"


@dataclass(frozen=True)
class Protocol:
    """One decision a question; the defaults are ours, for a downstream that keeps offsets."""

    commits: Commits = Commits.AFTER_OUTCOMES
    rejected: Rejected = Rejected.DEAD_LETTER
    letters: Letters = Letters.ALL_WAIT
    offset: Offset = Offset.COMPARE_AND_SET
    expects: Expects = Expects.STORED
    start: Start = Start.STORED
    old: Old = Old.AWAITED
    old_result: OldResult = OldResult.IGNORED
    lost: Lost = Lost.REPEATED

    @property
    def keeps_offsets(self) -> bool:
        """Whether the downstream keeps offsets beside its records."""
        return self.offset is not Offset.NOT_KEPT


EXACTLY_ONCE = Protocol()
AT_LEAST_ONCE = Protocol(offset=Offset.NOT_KEPT, letters=Letters.COMMIT_WAITS)
