"""The seam between the loop and Kafka: what the loop asks of a client, and what a client tells the loop.

Everything here happens on one thread, the one that owns the consumer. A client calls its listener only from inside :meth:`Client.poll`,
:meth:`Client.serve`, :meth:`Client.settle_commits` and :meth:`Client.close`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from sidecar.core.actions import CommitOffset
from sidecar.core.events import CommitFinished
from sidecar.core.records import Chunk, TopicPartition


class Listener(Protocol):
    """What happens to the membership, told as it happens. A listener must not raise."""

    def epoch_of(self, tp: TopicPartition) -> int | None:
        """Return the epoch of an assigned partition."""

    def position_of(self, tp: TopicPartition) -> int | None:
        """Return the offset after the last record that was given out of ``tp``; None before the first."""

    def assigned(self, starts: Mapping[TopicPartition, int | None], fresh: Collection[TopicPartition]) -> None:
        """Partitions were added; they are fetched from these offsets. ``fresh`` are those without a committed one."""

    def revoking(self, tps: Sequence[TopicPartition]) -> None:
        """Partitions are taken away when this returns; until then they can be committed, by :meth:`Client.commit_now`."""

    def lost(self, tps: Sequence[TopicPartition]) -> None:
        """Partitions were taken away; they cannot be committed."""

    def committed(self, answer: CommitFinished) -> None:
        """Hear the broker's answer to an asynchronous commit."""

    def moved(self, tp: TopicPartition, offset: int) -> None:
        """Hear that a partition goes on at ``offset``, since the log does not have the one that came next."""

    def stopped(self, tp: TopicPartition, reason: str) -> None:
        """Hear that a partition cannot go on, by policy."""


class Client(Protocol):
    """A member of a consumer group."""

    def join(self, listener: Listener) -> None:
        """Subscribe. Returns at once; what stands in the way is retried in the background and shown by :attr:`trouble`."""

    def poll(self, limit: int, timeout: float, gathering: float) -> list[Chunk]:
        """Return records, at most one chunk a partition, after at most ``timeout`` seconds (0: those that are here).

        They have gathered for ``gathering`` seconds, and count as polled when that began: each may have come so early.
        """

    @property
    def has_backlog(self) -> bool:
        """Whether the last poll left much behind, in the client or in the log, as far as the client knows."""

    def serve(self) -> list[Chunk]:
        """Keep the membership alive and serve callbacks without waiting, while everything is paused."""

    def pause(self, tps: Sequence[TopicPartition]) -> None:
        """Stop fetching ``tps``."""

    def resume(self, positions: Mapping[TopicPartition, int | None]) -> None:
        """Fetch again, from these positions (None: from where the client stands)."""

    def positions(self) -> dict[TopicPartition, int]:
        """Return where the client stands: after the last record given out and what it passed over since."""

    def commit(self, offsets: Mapping[TopicPartition, CommitOffset]) -> None:
        """Commit asynchronously; the answer comes by :meth:`Listener.committed`, also when it failed at once."""

    def commit_now(self, offsets: Mapping[TopicPartition, CommitOffset]) -> CommitFinished:
        """Commit and wait for the answer; only from inside :meth:`Listener.revoking`."""

    def settle_commits(self, deadline: float) -> bool:
        """Serve callbacks until no asynchronous commit is outstanding; return False when the deadline came first."""

    @property
    def trouble(self) -> str | None:
        """What stands in the way now, for people; None: nothing is known."""

    @property
    def unreadable_headers(self) -> Mapping[str, int]:
        """Count records whose headers could not be decoded, by topic."""

    @property
    def missed_offsets(self) -> Mapping[str, int]:
        """Count offsets that the log lost before they were polled, by topic."""

    @property
    def fetched_bytes(self) -> int:
        """Count the bytes of records that the client received."""

    @property
    def refetched_bytes(self) -> int:
        """Count the bytes that the client received and threw away again."""

    def close(self) -> None:
        """Leave the group; the listener hears of the revocation first. Raises, once that is done, what was raised or found fatal meanwhile."""
