"""The books: every polled record ends in exactly one named outcome, and the sums agree at every moment.

``polled = delivered + dead_lettered + dropped + released + buffered + in flight``

The left side and the outcomes are counted here, per topic and per chunk. What is buffered and in flight is asked from the
buffer, which counts on its own; so the difference, :meth:`Books.unaccounted`, is a check and not an identity.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Mapping

from sidecar.core.buffer import BoundedBuffer
from sidecar.core.config import Policy, Strategy
from sidecar.core.records import Chunk
from sidecar.core.snapshot import BooksView


class DropReason(enum.StrEnum):
    """Why a record was dropped on purpose; the offset moves past it. Each chunk counts by it, and a string is hashed in C, which another enum's member is not."""

    DROP_OLDEST = "drop_oldest"
    DROP_NEWEST = "drop_newest"
    SAMPLE = "sample"
    EXPIRED = "expired"
    MAX_WAIT = "max_wait"
    MAX_BLOCK = "max_block"
    POISON = "poison"


OVERFLOWS: Mapping[Strategy, DropReason] = {
    Strategy.BLOCK: DropReason.MAX_BLOCK,
    Strategy.DROP_OLDEST: DropReason.DROP_OLDEST,
    Strategy.DROP_NEWEST: DropReason.DROP_NEWEST,
}
"""Why records go to an overflow topic for want of room. ``sample`` has none: what it leaves out is stood for by what it keeps."""


class ReleaseReason(enum.StrEnum):
    """Why a record was given back uncommitted; whoever owns the partition next polls it again."""

    REVOKED = "revoked"
    LOST = "lost"
    SHUTDOWN = "shutdown"
    STOPPED = "stopped"
    FENCED = "fenced"


class Books:
    """Counters by topic, and by reason where there is one."""

    def __init__(self) -> None:
        """Begin empty. ``diverted`` are those of the dropped ones that are in an overflow topic."""
        self.polled: Counter[str] = Counter()
        self.delivered: Counter[str] = Counter()
        self.dead_lettered: Counter[str] = Counter()
        self.dropped: Counter[tuple[str, DropReason]] = Counter()
        self.diverted: Counter[tuple[str, DropReason]] = Counter()
        self.released: Counter[tuple[str, ReleaseReason]] = Counter()

    def may_divert(self, topic: str, policy: Policy) -> None:
        """Begin to count what goes to the overflow topic of ``topic``, at 0."""
        ages = {DropReason.EXPIRED: policy.max_age, DropReason.MAX_WAIT: policy.max_wait}
        for reason in [OVERFLOWS[policy.strategy], *(reason for reason, age in ages.items() if age is not None)]:
            self.diverted[topic, reason] += 0

    def release(self, chunk: Chunk, reason: ReleaseReason) -> None:
        """Count the records of ``chunk`` as given back."""
        self.released[chunk.tp.topic, reason] += len(chunk)

    def unaccounted(self, buffer: BoundedBuffer) -> int:
        """Return the records that the books have lost sight of; anything but 0 is a defect."""
        outcomes = self.delivered.total() + self.dead_lettered.total() + self.dropped.total() + self.released.total()
        return self.polled.total() - outcomes - buffer.size

    def view(self, buffer: BoundedBuffer) -> BooksView:
        """Return the books as they stand."""
        return BooksView(
            polled=dict(self.polled),
            delivered=dict(self.delivered),
            dead_lettered=dict(self.dead_lettered),
            dropped={(topic, reason.value): count for (topic, reason), count in self.dropped.items()},
            diverted={(topic, reason.value): count for (topic, reason), count in self.diverted.items()},
            released={(topic, reason.value): count for (topic, reason), count in self.released.items()},
            buffered=buffer.queued_records,
            in_flight=buffer.in_flight_records,
            unaccounted=self.unaccounted(buffer),
        )
