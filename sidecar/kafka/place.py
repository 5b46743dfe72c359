"""Our place in the consumer group, published whole for writers that fence with it (:class:`sidecar.writers.protocol.Membership`).

Taken by the thread that owns the consumer, and only between or at the end of its callbacks. A partition leaves by a callback before the client takes part in the
generation in which another member can have it. So the metadata of a place are never of a generation in which another member has one of its partitions: that is
what makes the broker refuse the transaction of an owner that was replaced.

A member that the group has forgotten may hear of it long before the callback that takes its partitions away. Its metadata then have neither a member nor, it may be, a
generation, and those the broker takes of anybody, as of clients that are in no group. So who has no member id has no partitions.

With the new group protocol the member's epoch moves on without a callback, so the place is taken anew every :data:`EVERY` seconds, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from sidecar.core.records import TopicPartition
from sidecar.writers.protocol import Membership

EVERY = 0.1
"""Seconds after which the client is asked again; it takes 10 µs."""


class Member(Protocol):
    """A consumer, as far as it is needed here."""

    def consumer_group_metadata(self) -> object:
        """Return the client's token of its place."""

    def memberid(self) -> str | None:
        """Return the name that the group has given us; None or empty where it knows us no more."""


class Place:
    """Holds what was published last; any thread may read it."""

    def __init__(self) -> None:
        """Nothing is published before the first assignment."""
        self.published: Membership | None = None
        self._taken_at = float("-inf")

    def take(self, consumer: Member, epochs: Mapping[TopicPartition, int], now: float) -> None:
        """Publish that ``epochs`` are ours. Where none is, the client is not asked: inside the callbacks of ``close()`` it has no metadata, and raises."""
        self._publish(consumer.consumer_group_metadata() if epochs else None, epochs, now)

    def renew(self, consumer: Member, now: float) -> None:
        """Publish newer metadata for the same partitions, if the last are old and the group knows us; not from inside a callback.

        The name is asked for after the metadata, since a member that was forgotten gets no new one before its callback. Inside the callbacks of ``close()`` that question can
        wait for ever.
        """
        if self.published is not None and now >= self._taken_at + EVERY:
            metadata = consumer.consumer_group_metadata()
            self._publish(metadata, self.published.epochs if consumer.memberid() else {}, now)

    def _publish(self, metadata: object, epochs: Mapping[TopicPartition, int], now: float) -> None:
        self.published = Membership(metadata, epochs)
        self._taken_at = now
