"""Late starts: partitions that were assigned while nobody could tell where they begin.

The client, to which that is left, asks for the committed offset by itself, but gives up after one answer that the coordinator has moved (librdkafka's
issue 5586): such a partition would stand still until it is assigned anew. So we ask, too, once in a while, and have the partition begin at what is answered,
unless the client was sooner.
"""

from __future__ import annotations

from collections.abc import Iterable

from confluent_kafka import Consumer

from sidecar.core.records import TopicPartition
from sidecar.kafka.starts import Starts, begin_anew
from sidecar.runtime.client import Listener

ASK_EVERY = 2.0
"""Seconds between two questions."""

WITHIN = 0.5
"""Seconds that a question may take. The thread that owns the client waits for the answer, and the results of flushes for that thread."""


class LateStarts:
    """Partitions of which it is not known where they begin."""

    def __init__(self, starts: Starts) -> None:
        self._starts = starts
        self._waiting: set[TopicPartition] = set()
        self._due = 0.0

    def add(self, tps: Iterable[TopicPartition], now: float) -> None:
        """Ask for ``tps``, which have just been assigned without an offset."""
        self._waiting.update(tps)
        self._due = now + ASK_EVERY

    def forget(self, tps: Iterable[TopicPartition]) -> None:
        """Partitions are ours no more, or begin elsewhere."""
        self._waiting.difference_update(tps)

    def settle(self, consumer: Consumer, now: float, listener: Listener) -> None:
        """Ask, if it is time, and let those begin of which something is known.

        The client may have been sooner, and what it fetched may be on its way here: it is thrown away, and comes again from the same offset.
        """
        if not self._waiting or now < self._due:
            return
        self._due = now + ASK_EVERY
        self._waiting = {tp for tp in self._waiting if listener.position_of(tp) is None}
        committed = self._starts.committed(consumer, list(self._waiting), WITHIN) if self._waiting else None
        if committed is None:
            return
        found = committed | self._starts.fresh(self._waiting.difference(committed))
        for tp, offset in found.items():
            begin_anew(consumer, tp, offset)
            listener.moved(tp, offset)
        self.forget(found)
