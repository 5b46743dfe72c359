"""Columns: a polled list of messages becomes one chunk per partition.

This is the only code that touches each record one by one, so it does so in C: by mapping unbound ``Message`` methods over the
list, never in a Python loop. What can be known of a run as a whole is not read per record: offsets without gaps are a ``range`` between
the first and the last, and the topic is not asked where only one can come. At the tail of many partitions a poll brings short interleaved runs, so
the list is sorted by partition first (stable: the order within a partition is kept).
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import cast

from confluent_kafka import Message

from sidecar.core.records import CHUNK_BYTES, UNREADABLE, Chunk, Headers, TopicPartition, accounted_bytes

# The client's stubs say that each of these may be None; that is so before a message was sent. Of one that was consumed, none is.
topic_of = cast("Callable[[Message], str]", Message.topic)
partition_of = cast("Callable[[Message], int]", Message.partition)
_offset_of = cast("Callable[[Message], int]", Message.offset)
_headers_of = cast("Callable[[Message], Headers | None]", Message.headers)

EpochOf = Callable[[TopicPartition], int | None]

NOT_OURS = 0
"""The epoch of records whose partition was revoked between the client's queue and here; no assignment has it."""


class Columns:
    """Converts polls. ``topic`` is the only topic that can come (None: there may be several)."""

    def __init__(self, topic: str | None, epoch_of: EpochOf, *, with_headers: bool) -> None:
        """Read headers only ``with_headers``: each costs time."""
        self.unreadable: Counter[str] = Counter()
        self._topic = topic
        self._epoch_of = epoch_of
        self._with_headers = with_headers

    def convert(self, messages: list[Message], now: float, wall_ms: int) -> list[Chunk]:
        """Return the chunks of ``messages``, none of them an error; the list may be reordered. Both times are when the poll began to gather them."""
        if self._topic is not None:
            return self._of_topic(self._topic, messages, now, wall_ms)
        by_topic: dict[str, list[Message]] = {}
        for message in messages:
            by_topic.setdefault(topic_of(message), []).append(message)
        return [chunk for topic, some in by_topic.items() for chunk in self._of_topic(topic, some, now, wall_ms)]

    def _of_topic(self, topic: str, messages: list[Message], now: float, wall_ms: int) -> list[Chunk]:
        runs = list(_runs(messages))
        stamps = [stamp for _, stamp in map(Message.timestamp, messages)]
        keys: list[bytes | None] = list(map(Message.key, messages))
        values: list[bytes | None] = list(map(Message.value, messages))
        headers = self._headers(topic, messages) if self._with_headers else None
        chunks = []
        for partition, first, stop in runs:
            tp, run = TopicPartition(topic, partition), slice(first, stop)
            run_headers = None if headers is None else headers[run]
            offsets = _offsets(messages, first, stop)
            chunks.append(
                Chunk(
                    tp,
                    self._epoch_of(tp) or NOT_OURS,
                    offsets,
                    stamps[run],
                    run_keys := keys[run],
                    run_values := values[run],
                    run_headers,
                    offsets[-1] + 1,
                    CHUNK_BYTES + accounted_bytes(run_keys, run_values, run_headers),
                    now,
                    wall_ms,
                    1,
                    messages[stop - 1].leader_epoch(),
                )
            )
        return chunks

    def _headers(self, topic: str, messages: list[Message]) -> list[Headers | None]:
        """Read all headers. The client cannot decode a header key that is not UTF-8; the record itself is fine.

        It says so by a SystemError, and only once: asked again it returns a tuple with a hole, which ends the process when it is touched.
        So no message is asked twice: ``extend`` keeps what was read before the error, and goes on after it.
        """
        read: list[Headers | None] = []
        rest = map(_headers_of, messages)
        while len(read) < len(messages):
            try:
                read.extend(rest)
            except (SystemError, UnicodeDecodeError):
                self.unreadable[topic] += 1
                read.append(UNREADABLE)
        return read


def _runs(messages: list[Message]) -> Iterator[tuple[int, int, int]]:
    """Bring ``messages`` of one topic into runs of one partition each; yield (partition, first index, index after the last)."""
    partitions: list[int] = list(map(partition_of, messages))
    if partitions.count(partitions[0]) != len(partitions):
        messages.sort(key=partition_of)
        partitions.sort()
    first = 0
    while first < len(partitions):
        stop = bisect_right(partitions, partitions[first], first)
        yield partitions[first], first, stop
        first = stop


def _offsets(messages: list[Message], first: int, stop: int) -> Sequence[int]:
    """Return the offsets of a run: they only ever grow, so no gap is left where their span is their count."""
    low = _offset_of(messages[first])
    high = _offset_of(messages[stop - 1])
    if high - low == stop - first - 1:
        return range(low, high + 1)
    return list(map(_offset_of, messages[first:stop]))
