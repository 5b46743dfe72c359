"""Letters: a record of a dead-letter topic, read as what it says of itself. Pure.

Its headers are the record's own, then those that were added (:mod:`sidecar.kafka.letter_headers`): they begin at the last ``__connect.errors.topic``. So letters of Kafka Connect's
are read, too, as far as they say where they came from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sidecar.core.records import Header, TopicPartition

FIRST_ADDED = "__connect.errors.topic"
REASON = "sidecar.dead_letter.reason"
REASON_OF_CONNECT = "__connect.errors.exception.class.name"

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Letter:
    """One record of a dead-letter topic: ``tp``, ``offset`` and ``timestamp`` (ms) are its own place there; ``own`` the headers that the record had, ``added`` the others."""

    tp: TopicPartition
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    own: Sequence[Header]
    added: Mapping[str, str]

    @property
    def reason(self) -> str:
        """Why it is there."""
        return self.added.get(REASON) or self.added.get(REASON_OF_CONNECT) or UNKNOWN

    @property
    def origin(self) -> tuple[TopicPartition, int] | None:
        """Where it came from: partition and offset; None where it does not say so."""
        try:
            tp = TopicPartition(self.added["__connect.errors.topic"], int(self.added["__connect.errors.partition"]))
            return tp, int(self.added["__connect.errors.offset"])
        except (KeyError, ValueError):
            return None

    @property
    def source(self) -> str:
        """The topic that it came from, for people."""
        return self.added.get(FIRST_ADDED, UNKNOWN)

    @property
    def original_timestamp(self) -> int:
        """The timestamp of the record, in ms; the letter's own where it does not say."""
        try:
            return int(self.added["sidecar.dead_letter.timestamp"])
        except (KeyError, ValueError):
            return self.timestamp

    @property
    def place(self) -> str:
        """Its place as people write it: ``topic:partition:offset``."""
        return f"{self.tp.topic}:{self.tp.partition}:{self.offset}"


def read(  # noqa: PLR0913, PLR0917 -- the fields of a record
    tp: TopicPartition, offset: int, timestamp: int, key: bytes | None, value: bytes | None, headers: Sequence[Header]
) -> Letter:
    """Return the letter that a record is."""
    names = [name for name, _ in headers]
    first = len(names) - 1 - names[::-1].index(FIRST_ADDED) if FIRST_ADDED in names else len(names)
    added = {name: (text or b"").decode(errors="replace") for name, text in headers[first:]}
    return Letter(tp, offset, timestamp, key, value, headers[:first], added)
