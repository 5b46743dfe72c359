"""A member of a group on the mock cluster, as the runtime builds it, and the few steps that tests take with it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol, Self

from sidecar.core.actions import CommitOffset
from sidecar.core.records import Chunk, TopicPartition
from sidecar.kafka.build import Tell, Wanted, build_consumer, build_log_offsets
from sidecar.kafka.consumer import KafkaConsumer
from sidecar.kafka.resets import OnOutOfRange
from sidecar.kafka.starts import OutOfRange, Start
from tests.integration.client.listening import Notes

GROUP = "group"
TOPIC = "orders"
P0, P1 = TopicPartition(TOPIC, 0), TopicPartition(TOPIC, 1)

PATIENCE = 15.0
"""Seconds after which a test gives up on what it waits for."""


class HasBrokers(Protocol):
    """A cluster, mocked or real."""

    @property
    def bootstrap(self) -> str:
        """Its first addresses."""


class Member:
    """A consumer with its listener. It leaves the group when the ``with`` block ends."""

    def __init__(
        self,
        cluster: HasBrokers,
        *,
        start: Start = "earliest",
        policy: OnOutOfRange = "stop",
        topic: str = TOPIC,
        starts_told: bool = False,
        **properties: str | int,
    ) -> None:
        """``topic`` may be a pattern; ``properties`` have ``_`` for each ``.``."""
        self.notes = Notes()
        self.trouble: list[tuple[str, str]] = []
        self.out_of_range: list[tuple[OutOfRange, str]] = []
        config: dict[str, str | int | bool] = {
            "bootstrap.servers": cluster.bootstrap,
            "group.id": GROUP,
            "partition.assignment.strategy": "cooperative-sticky",
            "auto.offset.reset": "error",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "heartbeat.interval.ms": 100,
            "session.timeout.ms": 1500,  # the mock gives a second member this, less a second, to be joined by the others
            "topic.metadata.refresh.interval.ms": 200,
            "fetch.wait.max.ms": 20,
            "fetch.message.max.bytes": 10_000_000,
            "log_level": 0,
            **{name.replace("_", "."): value for name, value in properties.items()},
        }
        tell = Tell(lambda *words: self.trouble.append(words), lambda *words: self.out_of_range.append(words))
        offsets = build_log_offsets(config)
        wanted = Wanted([topic], start, policy, with_headers=True, with_place=True, starts_told=starts_told)
        self.client: KafkaConsumer = build_consumer(config, wanted, offsets, self.notes.epoch_of, tell)

    def __enter__(self) -> Self:
        self.client.join(self.notes)
        return self

    def __exit__(self, *_: object) -> None:
        self.notes.fail = None
        self.client.close()

    def owns(self, *tps: TopicPartition) -> bool:
        """Tell whether exactly these partitions are assigned."""
        return set(self.notes.epochs) == set(tps)

    def poll_until(self, done: Callable[[], object], *others: Member, limit: int = 500, timeout: float = 0.01) -> list[Chunk]:
        """Poll, with the other members, until ``done()``; return what came to this one. Partitions that wait for a reset are looked at too."""
        deadline, came = time.monotonic() + PATIENCE, list[Chunk]()
        while not done():
            assert time.monotonic() < deadline, "what the test waits for did not come"
            for other in others:
                other.notes.took(other.client.poll(500, 0.01, 0.0))
            came += self.notes.took(self.client.poll(limit, timeout, 0.0))
        return came

    def poll_records(self, count: int) -> list[Chunk]:
        """Poll until ``count`` records came, exactly."""
        came: list[Chunk] = []
        deadline = time.monotonic() + PATIENCE
        while sum(map(len, came)) < count:
            assert time.monotonic() < deadline, f"only {came} came"
            came += self.notes.took(self.client.poll(500, 0.01, 0.0))
        assert sum(map(len, came)) == count
        return came


def commit_at(tp: TopicPartition, offset: int) -> dict[TopicPartition, CommitOffset]:
    """Return the argument of a commit of one partition."""
    return {tp: CommitOffset(offset, 1, None)}
