"""Offsets of the log: where partitions begin and end, or which offset a time has. By ListOffsets, on a client of its own.

The consumer's own figures stand still while a partition is held, which is when its lag matters; and asking through the consumer would need its
owner. Used by any thread.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress

from confluent_kafka import IsolationLevel, KafkaError, KafkaException
from confluent_kafka import TopicPartition as KafkaPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from sidecar.core.records import TopicPartition
from sidecar.kafka.login import Changed, never, renew

OUTDATED = frozenset(
    {
        KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001 -- the client's public name: added after the client had heard of the topic
        KafkaError.FENCED_LEADER_EPOCH,  # the leader was elected anew, as after each restart of a broker
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.NOT_LEADER_FOR_PARTITION,
    }
)
"""Errors that say that the client knows an old state of the topic. By itself it would not look again for many minutes."""


class LogOffsets:
    """Asks for offsets."""

    def __init__(self, config: Mapping[str, str | int | bool], isolation: IsolationLevel, login: Changed = never) -> None:
        """Connect as ``config`` (librdkafka's connection properties) says; nothing is sent yet.

        It logs nothing: what it would say of the connection, the consumer says too, and that goes to our own log.
        """
        self._admin = AdminClient({**config, "log_level": 0})
        self._isolation = isolation
        self._login = login

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
        renew(self._admin, self._login)
        offsets, outdated = self._answers(tps, spec, timeout)
        if outdated:
            self._look_again({tp.topic for tp in outdated}, timeout)
            offsets |= self._answers(outdated, spec, timeout)[0]
        return offsets

    def _answers(
        self, tps: Iterable[TopicPartition], spec: OffsetSpec, timeout: float
    ) -> tuple[dict[TopicPartition, int], list[TopicPartition]]:
        """Return the offsets that are known in time, and the partitions of which the client's knowledge is out of date."""
        request = {KafkaPartition(tp.topic, tp.partition): spec for tp in tps}
        if not request:
            return {}, []
        futures = self._admin.list_offsets(request, isolation_level=self._isolation, request_timeout=timeout)
        offsets, outdated = {}, []
        for partition, future in futures.items():
            tp = TopicPartition(partition.topic, partition.partition)
            try:
                offsets[tp] = future.result().offset
            except KafkaException as error:
                # Others are unknown for now: partitions that move or are being deleted. Callers say what is missing.
                if error.args[0].code() in OUTDATED:
                    outdated.append(tp)
        return offsets, outdated

    def _look_again(self, topics: Iterable[str], timeout: float) -> None:
        for topic in topics:
            with suppress(KafkaException):  # not reachable: callers say what is missing
                self._admin.list_topics(topic, timeout=timeout)
