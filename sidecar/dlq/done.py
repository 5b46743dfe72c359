"""Which letters of one partition are done (redriven or dropped), and how the group remembers it. Pure.

Letters are chosen, so what is done has holes. A commit is one offset: everything before it is done. What is done beyond it goes into the commit's metadata, a text that Kafka keeps
for whoever commits: pairs of numbers, each the distance from the last one (``2+1,5+3``: after the offset two are open, one is done, five are open, three are done).
"""

from __future__ import annotations

import re

LONGEST = 2000
"""Characters of metadata after which no more is taken on: what is under way may double it, and Kafka takes 4096 bytes (``offset.metadata.max.bytes``)."""


class Done:
    """The offsets of one partition that are done: all before ``offset``, and the ranges ``beyond`` it."""

    def __init__(self, offset: int, metadata: str = "") -> None:
        """Begin with what was committed; metadata of others mean nothing."""
        self.offset = offset
        self.beyond: list[tuple[int, int]] = []
        if re.fullmatch(r"[0-9]+\+[0-9]+(,[0-9]+\+[0-9]+)*", metadata):
            at = offset
            for pair in metadata.split(","):
                gap, length = map(int, pair.split("+"))
                self.beyond.append((at + gap, at + gap + length))
                at += gap + length

    def __contains__(self, offset: int) -> bool:
        """Tell whether the letter at ``offset`` is done."""
        return offset < self.offset or any(start <= offset < end for start, end in self.beyond)

    def add(self, start: int, end: int) -> None:
        """Note that the offsets from ``start`` up to, not including, ``end`` are done."""
        ranges: list[tuple[int, int]] = []
        for first, stop in sorted([*self.beyond, (start, end)]):
            if ranges and first <= ranges[-1][1]:
                ranges[-1] = (ranges[-1][0], max(stop, ranges[-1][1]))
            else:
                ranges.append((first, stop))
        if ranges[0][0] <= self.offset:
            self.offset = max(self.offset, ranges.pop(0)[1])
        self.beyond = ranges

    @property
    def metadata(self) -> str:
        """The text for the commit."""
        at, pairs = self.offset, []
        for start, end in self.beyond:
            pairs.append(f"{start - at}+{end - start}")
            at = end
        return ",".join(pairs)

    @property
    def is_full(self) -> bool:
        """Whether no more holes fit into the commit."""
        return len(self.metadata) > LONGEST
