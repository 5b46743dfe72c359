"""Columns: a polled list of messages becomes one chunk per partition.

This is the only code that touches each record one by one, so it does so in C: by mapping unbound ``Message`` methods over the
list, never in a Python loop. What can be known of a run as a whole is not read per record: offsets without gaps are a ``range`` between
the first and the last, and the topic is not asked where only one can come. A backlog brings long runs of one partition each; at the tail of many partitions they
are short and interleaved, so the list is sorted by partition first (stable: the order within a partition is kept).
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, pairwise, repeat
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


THINNED = 16
"""One timestamp in so many is read where nobody wants each. A run of fewer records has that of its first, and of its last."""

SHORTEST_RUN = 20
"""Runs that are shorter in the mean are brought together by sorting."""


class Columns:
    """Converts polls. ``topic`` is the only topic that can come (None: there may be several)."""

    def __init__(self, topic: str | None, epoch_of: EpochOf, *, with_headers: bool, with_timestamps: bool) -> None:
        """Read headers only ``with_headers``, and each timestamp only ``with_timestamps``: both cost time. Else the timestamps are thinned, see :func:`_thinned`."""
        self.unreadable: Counter[str] = Counter()
        self._topic = topic
        self._epoch_of = epoch_of
        self._with_headers = with_headers
        self._timestamps = _timestamps if with_timestamps else _thinned

    def convert(self, messages: list[Message], now: float, wall_ms: int) -> list[Chunk]:
        """Return the chunks of ``messages``, none of them an error; the list may be reordered. Both times are when the poll began to gather them."""
        return [
            self._chunk(TopicPartition(topic, n), run, now, wall_ms)
            for topic, some in self._by_topic(messages).items()
            for n, run in _runs(some)
        ]

    def _by_topic(self, messages: list[Message]) -> dict[str, list[Message]]:
        if self._topic is not None:
            return {self._topic: messages}
        by_topic: dict[str, list[Message]] = {}
        for message in messages:
            by_topic.setdefault(topic_of(message), []).append(message)
        return by_topic

    def _chunk(self, tp: TopicPartition, run: list[Message], now: float, wall_ms: int) -> Chunk:
        offsets = _offsets(run)
        keys: list[bytes | None] = list(map(Message.key, run))
        values: list[bytes | None] = list(map(Message.value, run))
        headers = self._headers(tp.topic, run) if self._with_headers else None
        return Chunk(
            tp,
            self._epoch_of(tp) or NOT_OURS,
            offsets,
            self._timestamps(run),
            keys,
            values,
            headers,
            offsets[-1] + 1,
            CHUNK_BYTES + accounted_bytes(keys, values, headers),
            now,
            wall_ms,
            1,
            run[-1].leader_epoch(),
        )

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


def _runs(messages: list[Message]) -> Iterator[tuple[int, list[Message]]]:
    """Divide ``messages`` of one topic, some at least, into runs of one partition each; the list may be reordered."""
    partitions = _partitions(messages)
    bounds = _bounds(partitions) if isinstance(partitions, bytes) else None
    if bounds is None:
        messages.sort(key=partition_of)
        partitions = sorted(partitions)
        bounds = _sorted_bounds(partitions)
    for first, stop in pairwise(bounds):
        yield partitions[first], messages[first:stop]


def _partitions(messages: list[Message]) -> Sequence[int]:
    """Return the partition of each message: as bytes, which are searched fastest; as a list where a number is no byte."""
    try:
        return bytes(map(partition_of, messages))
    except ValueError:
        return list(map(partition_of, messages))


def _bounds(partitions: bytes) -> list[int] | None:
    """Return the indexes at which runs begin, and the end; None where a partition has several, or so short ones that it is better to sort.

    A run ends where its partition is found last, if nothing else lies between. Both searches together cost a run what it costs to look at a few records one by one.
    """
    bounds, rest = [0], partitions
    while rest and len(bounds) * SHORTEST_RUN <= len(partitions):
        run = rest[: rest.rfind(rest[0]) + 1]
        if run != rest[:1] * len(run):
            return None
        rest = rest[len(run) :]
        bounds.append(len(partitions) - len(rest))
    return None if rest else bounds


def _sorted_bounds(partitions: list[int]) -> list[int]:
    bounds = [0]
    while bounds[-1] < len(partitions):
        bounds.append(bisect_right(partitions, partitions[bounds[-1]], bounds[-1]))
    return bounds


def _timestamps(run: list[Message]) -> list[int]:
    return [stamp for _, stamp in map(Message.timestamp, run)]


def _thinned(run: list[Message]) -> list[int]:
    """Read the timestamp of each :data:`THINNED`-th record, which stands for those after it, too; and of the last.

    To read one takes as long as key, value and partition together. Where only the ages of records are told, those of a poll need not be known to each record.
    """
    read = _timestamps(run[::THINNED])
    stamps = list(chain.from_iterable(map(repeat, read, repeat(THINNED))))
    del stamps[len(run) :]
    _, stamps[-1] = run[-1].timestamp()
    return stamps


def _offsets(run: list[Message]) -> Sequence[int]:
    """Return the offsets of a run: they only ever grow, so no gap is left where their span is their count."""
    low, high = _offset_of(run[0]), _offset_of(run[-1])
    if high - low == len(run) - 1:
        return range(low, high + 1)
    return list(map(_offset_of, run))
