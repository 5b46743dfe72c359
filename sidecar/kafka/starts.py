"""Starts: the offset at which a partition is fetched, when it is assigned or when its offset turns out not to exist.

The client's own ``auto.offset.reset`` is switched off (``error``): it would jump over records without a word. A committed offset wins; where there
is none, ``SIDECAR_START`` decides. What cannot be found out in time is left to the client (None), which asks again by itself and, where
there is no committed offset, says so in the stream; and where it does not, to :mod:`sidecar.kafka.late_starts`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka import TopicPartition as KafkaPartition

from sidecar.core.records import TopicPartition
from sidecar.kafka.log_offsets import LogOffsets

LOOKUP_TIMEOUT = 5.0
"""Seconds that one question to the brokers may take, inside a rebalance."""

TOLD_TIMEOUT = 0.5
"""The same for the committed offsets where a thread of its own asks for them, too: they are not told while a transaction is open, and the owner of the consumer must not wait for it."""

ASK_AGAIN_AFTER = 0.1
"""Seconds between two questions to a coordinator that moves."""

MOVING = frozenset({KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.COORDINATOR_LOAD_IN_PROGRESS})
"""Errors of a coordinator that moves, as with each restart of a broker: a moment later the new one answers."""

Start = Literal["earliest", "latest"] | int
"""An end of the log, or a time in Unix ms."""


@dataclass(frozen=True, slots=True)
class OutOfRange:
    """A committed or fetched offset that the log does not have; ``begin`` and ``end`` are what it has."""

    tp: TopicPartition
    offset: int
    begin: int
    end: int

    @property
    def missed(self) -> int:
        """How many offsets were lost before they were polled; 0 where the offset lies after the end, since that tells no number."""
        return max(0, self.begin - self.offset)


@dataclass(frozen=True, slots=True)
class Beginnings:
    """Where partitions start, None where that could not be found out in time; ``fresh`` are those known to have no committed offset."""

    offsets: Mapping[TopicPartition, int | None]
    fresh: frozenset[TopicPartition] = frozenset()


class Starts:
    """Finds start offsets."""

    def __init__(self, start: Start, offsets: LogOffsets, patience: float = LOOKUP_TIMEOUT) -> None:
        """``start`` is where partitions without a committed offset begin; ``patience`` seconds may the committed ones take when partitions are assigned."""
        self._start = start
        self._offsets = offsets
        self._patience = patience

    def of(self, consumer: Consumer, tps: Sequence[TopicPartition]) -> Beginnings:
        """Return where each of ``tps`` starts."""
        committed = self.committed(consumer, tps, self._patience)
        if committed is None:
            return Beginnings(dict.fromkeys(tps))
        fresh = self.fresh([tp for tp in tps if tp not in committed])
        return Beginnings({tp: committed.get(tp, fresh.get(tp)) for tp in tps}, frozenset(fresh))

    def committed(
        self, consumer: Consumer, tps: Sequence[TopicPartition], within: float = LOOKUP_TIMEOUT
    ) -> dict[TopicPartition, int] | None:
        """Return the committed offsets of those that have one; None when the coordinator did not answer in time."""
        wanted = [KafkaPartition(tp.topic, tp.partition) for tp in tps]
        try:
            answers = _answers(consumer, wanted, time.monotonic() + within)
        except KafkaException:
            return None  # Not reachable: the client itself retries, see the module's docstring.
        if any(answer.error for answer in answers):
            return None
        return {TopicPartition(a.topic, a.partition): a.offset for a in answers if a.offset >= 0}

    def fresh(self, tps: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Return where ``tps`` start that have no committed offset, as far as known."""
        if self._start == "earliest":
            return self._offsets.begins(tps, LOOKUP_TIMEOUT)
        if self._start == "latest":
            return self._offsets.ends(tps, LOOKUP_TIMEOUT)
        return self._offsets.at(tps, self._start, LOOKUP_TIMEOUT)

    def bounds(self, tp: TopicPartition) -> tuple[int, int] | None:
        """Return where the log of ``tp`` begins and ends; None when that is not known in time."""
        begin, end = self._offsets.begins([tp], LOOKUP_TIMEOUT), self._offsets.ends([tp], LOOKUP_TIMEOUT)
        return (begin[tp], end[tp]) if tp in begin and tp in end else None


def begin_anew(consumer: Consumer, tp: TopicPartition, offset: int) -> None:
    """Have ``tp`` fetched from ``offset``, also where the client does not fetch it, and so cannot seek: assigned anew it begins there."""
    consumer.incremental_unassign([KafkaPartition(*tp)])
    consumer.incremental_assign([KafkaPartition(tp.topic, tp.partition, offset)])


def _answers(consumer: Consumer, wanted: list[KafkaPartition], deadline: float) -> list[KafkaPartition]:
    """Return what the coordinator answers, asked again while it moves; raises KafkaException."""
    while True:
        try:
            return consumer.committed(wanted, timeout=max(0.0, deadline - time.monotonic()))
        except KafkaException as error:
            if error.args[0].code() not in MOVING or time.monotonic() + ASK_AGAIN_AFTER >= deadline:
                raise
            time.sleep(ASK_AGAIN_AFTER)
