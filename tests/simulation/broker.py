"""The broker's side of the simulation: logs with gaps, and the records that the client makes of them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from random import Random
from zlib import crc32

from sidecar.core.records import Chunk, TopicPartition, accounted_bytes

SAMPLE_RATE = 3


class Log:
    """One partition: records at growing offsets, with gaps as compaction leaves them."""

    def __init__(self, tp: TopicPartition) -> None:
        """Begin empty."""
        self.tp = tp
        self.offsets: list[int] = []
        self.keys: list[bytes | None] = []
        self.values: list[bytes] = []
        self.end = 0
        self.committed = 0

    @property
    def lag(self) -> int:
        """Count the records at or above the committed offset."""
        return len(self.offsets) - bisect_left(self.offsets, self.committed)

    def append(self, sizes: Sequence[int], random: Random, *, gaps: bool) -> None:
        """Append a record of each size; with ``gaps``, some offsets stay empty."""
        for size in sizes:
            self.end += random.choice((0, 0, 0, 1, 3)) if gaps else 0
            self.offsets.append(self.end)
            self.keys.append(random.choice((None, b"k%d" % random.randrange(20))))
            self.values.append(bytes(size))
            self.end += 1

    def between(self, start: int, end: int) -> Sequence[int]:
        """Return the offsets of the records in ``[start, end)``."""
        return self.offsets[bisect_left(self.offsets, start) : bisect_left(self.offsets, end)]

    def hash_of(self, offset: int) -> int:
        """Return the hash by which sampling chooses, written down a second time."""
        key = self.keys[bisect_left(self.offsets, offset)]
        return crc32(str(offset).encode() if key is None else key)

    def fetch(self, position: int, limit: int, epoch: int, now: float) -> Chunk | None:
        """Return the records from ``position`` on, as the client would hand them over; None at the end."""
        first = bisect_left(self.offsets, position)
        stop = min(first + limit, len(self.offsets))
        if first == stop:
            return None
        offsets, keys, values = self.offsets[first:stop], self.keys[first:stop], self.values[first:stop]
        nbytes = accounted_bytes(keys, values, None)
        times = [int(now * 1000)] * len(offsets)
        return Chunk(self.tp, epoch, offsets, times, keys, values, None, offsets[-1] + 1, nbytes, now, int(now * 1000))
