"""Turns: every partition with records to come gets its share, also where the client would serve the first ones alone. Pure.

The client asks a broker for all partitions in one request, and the broker fills its answer in their order, up to ``fetch.max.bytes``; a batch
that is larger than ``fetch.message.max.bytes`` it gives to the first partition alone. The client means to rotate that order, but begins it anew
each time that its queue was full, which under a backlog is always (librdkafka 2.16, confluentinc/librdkafka#1854): with 12 partitions of batches
above the limit, the last one got nothing until the first eleven were at their ends.

So records are counted in turns. A partition that got none of a turn's although its log goes on is starved; while there is one, those that were served
rest (are paused). When none is left, all go on. What cannot be served (its broker is away) is not waited for twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sidecar.core.records import Chunk, TopicPartition

TURN_RECORDS = 20_000
TURN_SECONDS = 0.5
"""How long a turn is at least. A rest throws away what the client has fetched, and going on again takes some milliseconds."""

PATIENCE = 20
"""Polls in a row after which a turn for the starved is over: empty ones, or such as left no backlog. At a trickle it would else take for ever."""


@dataclass(frozen=True, slots=True)
class Change:
    """What follows from the end of a turn."""

    rest: frozenset[TopicPartition]
    wake: frozenset[TopicPartition]


class Turns:
    """Counts what each partition gets, and says who rests."""

    def __init__(self) -> None:
        self._began = float("-inf")
        self._taken = 0
        self._empty_polls = 0
        self._calm_polls = 0
        self._served: set[TopicPartition] = set()
        self._resting: set[TopicPartition] = set()
        self._hopeless: set[TopicPartition] = set()

    def took(self, chunks: Iterable[Chunk], *, has_backlog: bool) -> None:
        """Count what a poll brought, and whether it left much behind."""
        before = self._taken
        for chunk in chunks:
            self._taken += len(chunk)
            self._served.add(chunk.tp)
        self._empty_polls = self._empty_polls + 1 if self._taken == before else 0
        self._calm_polls = 0 if has_backlog else self._calm_polls + 1

    def is_over(self, now: float) -> bool:
        """Whether this turn is over; while nobody rests, an idle one takes for ever."""
        if self._taken >= TURN_RECORDS:
            return now >= self._began + TURN_SECONDS
        return bool(self._resting) and self._calm_polls >= PATIENCE

    def next(self, fetched: set[TopicPartition], is_behind: Callable[[TopicPartition], bool], now: float) -> Change:
        """Begin another turn; ``fetched`` are the partitions that are not paused, ``is_behind`` tells whether one's log goes on."""
        self._hopeless -= self._served
        starved = {tp for tp in fetched - self._served - self._hopeless if is_behind(tp)}
        if self._empty_polls >= PATIENCE:
            self._hopeless |= starved
            starved = set()
        change = (
            Change(frozenset(fetched & self._served), frozenset()) if starved else Change(frozenset(), frozenset(self._resting))
        )
        self._resting = (self._resting | change.rest) - change.wake
        self._taken = self._empty_polls = self._calm_polls = 0
        self._served = set()
        self._began = now
        return change

    def forget(self, tps: Iterable[TopicPartition]) -> None:
        """Leave ``tps`` to who holds or takes them away."""
        self._resting.difference_update(tps)
        self._hopeless.difference_update(tps)
