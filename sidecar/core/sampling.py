"""Sampling: which records are kept, and how many.

*Which*: those whose hash is below a bound. It is CRC-32 of the key (of the offset's digits where there is no key), so a replay keeps the same records, all records
of a key are kept or none, and what is kept at 1 in N is kept at every smaller N. Each kept record stands for N (its *weight*), so sums of weights estimate counts without a
bias (Horvitz and Thompson, "A Generalization of Sampling Without Replacement From a Finite Universe", 1952). Nothing is counted a record: a counter that moves only on acceptance would
stick for ever.

*How many*, where that is left to the downstream: a share ``p = drained / arrived`` of what comes, both counted with exponential forgetting (:data:`MEMORY`), so their ratio is that of the rates.
Above the low watermark ``p`` shrinks in proportion to the room that is left, so an error of the estimate moves the pressure and is not dropped for want of room. A weight is a whole
number, so ``p`` is met by chunks at 1 in N and chunks at 1 in N + 1, in the proportion that makes up for the error so far. The choice looks at sizes and rates alone, never at the records
that it is for, so the estimate stays without a bias.
"""

from __future__ import annotations

from collections.abc import Callable
from math import exp
from typing import cast
from zlib import crc32

from sidecar.core.records import Chunk

_hash = cast("Callable[[bytes | None], int]", crc32)
"""Raises TypeError for None."""

HASHES = 2**32

MEMORY = 5.0
"""Seconds after which a record counts for 1/e in the rates."""

STEP = 0.1
"""Seconds between two looks at the counts."""

FIRST = 10
SPARSEST = 1000
"""N of 1 in N, while nothing is known of the downstream, and at most."""


def sampled_indexes(chunk: Chunk, rate: int) -> list[int]:
    """Return the indexes of the records that sampling at 1 in ``rate`` keeps."""
    bound = HASHES // rate
    try:
        return [index for index, key in enumerate(chunk.keys) if _hash(key) < bound]
    except TypeError:  # a record has no key
        names = (b"%d" % offset if key is None else key for key, offset in zip(chunk.keys, chunk.offsets, strict=True))
        return [index for index, name in enumerate(names) if _hash(name) < bound]


class AutoRate:
    """Chooses N for the next chunk of a topic."""

    def __init__(self) -> None:
        """Begin without knowledge."""
        self._arrived = self._drained = 0.0
        self._counts = (0, 0)
        self._looked_at: float | None = None
        self._surplus = 0.0

    def look(self, arrived: int, drained: int, now: float) -> None:
        """Take note of how many records have come and how many were taken by the downstream, since the start."""
        if self._looked_at is None:
            self._looked_at, self._counts = now, (arrived, drained)
        elif now - self._looked_at >= STEP:
            keep = exp((self._looked_at - now) / MEMORY)
            self._arrived = self._arrived * keep + arrived - self._counts[0]
            self._drained = self._drained * keep + drained - self._counts[1]
            self._looked_at, self._counts = now, (arrived, drained)

    def share(self, room: float) -> float:
        """Return ``p``; ``room`` is what is left of the buffer, as a part of what was left at the low watermark."""
        ratio = self._drained / self._arrived if self._drained and self._arrived else 1 / FIRST
        return max(1 / SPARSEST, min(1.0, ratio * room))

    def next(self, records: int, room: float) -> int:
        """Return N for a chunk of ``records``."""
        share = self.share(room)
        rate = int(1 / share)
        if self._surplus > 0:
            rate += 1
        self._surplus += records * (1 / rate - share)
        return rate
