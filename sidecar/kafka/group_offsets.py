"""The group's committed offsets, as the downstream's own: those of a transaction that is still open are waited for.

An owner that was killed, or paused, can leave a transaction open whose commit may be under way. The broker says so, and the client asks again, until the
transaction has ended one way or the other (at the latest after its time-out): only then it is known where the next owner begins.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaException
from confluent_kafka import TopicPartition as KafkaPartition

from sidecar.core.errors import WriterUnavailable
from sidecar.core.records import TopicPartition
from sidecar.kafka.connection import Properties, connection
from sidecar.kafka.errors import describe

FIRST_LOOK = 1.0
"""Seconds after which offsets that are not known wait for a transaction, most likely."""


class GroupOffsets:
    """Implements :class:`sidecar.writers.protocol.StoredOffsets`, by a client that never joins the group."""

    def __init__(self, source: Properties, group: str, end_left_open: Callable[[float], None]) -> None:
        """Ask the cluster that a consumer with the properties ``source`` reads.

        ``end_left_open`` ends, by a deadline, what the process before this one left open; raises WriterUnavailable.
        """
        self._config: dict[str, Any] = {
            **connection(source),
            "group.id": group,
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "log_level": 0,
        }
        self._end_left_open = end_left_open
        self._known = False
        self._consumer: Consumer | None = None

    def read(self, tps: Collection[TopicPartition], deadline: float) -> Mapping[TopicPartition, int]:
        """Return the committed offset of each of ``tps`` that has one; raises WriterUnavailable."""
        if not tps:
            return {}
        found = self._ask(tps, deadline) if self._known else self._ask_first(tps, deadline)
        self._known = True
        return found

    def _ask_first(self, tps: Collection[TopicPartition], deadline: float) -> Mapping[TopicPartition, int]:
        try:
            return self._ask(tps, min(deadline, time.monotonic() + FIRST_LOOK))
        except WriterUnavailable:
            self._end_left_open(deadline)
        return self._ask(tps, deadline)

    def _ask(self, tps: Collection[TopicPartition], deadline: float) -> Mapping[TopicPartition, int]:
        wanted = [KafkaPartition(tp.topic, tp.partition) for tp in tps]
        try:
            if self._consumer is None:
                self._consumer = Consumer(self._config)
            answers = self._consumer.committed(wanted, timeout=max(0.0, deadline - time.monotonic()))
        except KafkaException as error:
            raise WriterUnavailable(f"the group's offsets are not known yet: {describe(error.args[0])}") from error
        failed = next((answer.error for answer in answers if answer.error is not None), None)
        if failed is not None:
            raise WriterUnavailable(f"the group's offsets are not known yet: {describe(failed)}")
        return {TopicPartition(answer.topic, answer.partition): answer.offset for answer in answers if answer.offset >= 0}

    def close(self) -> None:
        """Close the client."""
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None
