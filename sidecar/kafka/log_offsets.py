"""Offsets of the log: where partitions begin and end, or which offset a time has. By ListOffsets, on a client of its own.

The consumer's own figures stand still while a partition is held, which is when its lag matters; and asking through the consumer would need its
owner. Used by any thread.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from confluent_kafka import IsolationLevel, KafkaException
from confluent_kafka import TopicPartition as KafkaPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from sidecar.core.records import TopicPartition


class LogOffsets:
    """Asks for offsets."""

    def __init__(self, config: Mapping[str, str | int | bool], isolation: IsolationLevel) -> None:
        """Connect as ``config`` (librdkafka's connection properties) says; nothing is sent yet."""
        self._admin = AdminClient(dict(config))
        self._isolation = isolation

    def ends(self, tps: Iterable[TopicPartition], timeout: float) -> dict[TopicPartition, int]:
        """Return the log end offsets, as far as they are known within ``timeout`` seconds."""
        return self._ask(tps, OffsetSpec.latest(), timeout)

    def begins(self, tps: Iterable[TopicPartition], timeout: float) -> dict[TopicPartition, int]:
        """Return the offsets of the first records, as far as they are known within ``timeout`` seconds."""
        return self._ask(tps, OffsetSpec.earliest(), timeout)

    def at(self, tps: Iterable[TopicPartition], unix_ms: int, timeout: float) -> dict[TopicPartition, int]:
        """Return the offsets of the first records not older than ``unix_ms``; the end where there is none."""
        tps = list(tps)
        found = self._ask(tps, OffsetSpec.for_timestamp(unix_ms), timeout)
        beyond = [tp for tp, offset in found.items() if offset < 0]
        return {**found, **self.ends(beyond, timeout)} if beyond else found

    def _ask(self, tps: Iterable[TopicPartition], spec: OffsetSpec, timeout: float) -> dict[TopicPartition, int]:
        request = {KafkaPartition(tp.topic, tp.partition): spec for tp in tps}
        if not request:
            return {}
        futures = self._admin.list_offsets(request, isolation_level=self._isolation, request_timeout=timeout)
        offsets = {}
        for partition, future in futures.items():
            try:
                offsets[TopicPartition(partition.topic, partition.partition)] = future.result().offset
            except KafkaException:
                continue  # Unknown for now: a partition that moves or is being deleted. Callers say what is missing.
        return offsets
