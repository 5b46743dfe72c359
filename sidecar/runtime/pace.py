"""The pace of polling: how long the client is left alone before the next poll, and how many records that takes at most.

A thread that waits inside of the client is woken for each answer of each broker, and at the tail of a topic that costs more than the records
do. So the loop waits elsewhere, on the queue of results, which it then hears of at once, and comes back when a poll's worth should have gathered, going
by how long the records of the last poll took.

No record is later for that. A part-filled batch waits for the flush interval anyhow, and the interval counts from the beginning of this wait, not from the poll; so the
wait is not longer than the interval either. While there is a backlog there is no wait. A poll that brings nothing may come in the middle of one, while the
client has just begun to fetch again: so the wait begins short, and doubles.

A poll of a backlog takes no more than :data:`BACKLOG_RECORDS`. There is thought to be one until a poll has shown that there is none.
"""

from __future__ import annotations

WORTH = 0.85
"""How much of the largest poll is worth one: a little less than fits, so that a poll at the tail is not taken for a full one."""

BACKLOG_RECORDS = 2000
"""The most records of a poll of a backlog. Twice as many would make the own cost there twice as high: they are out of the nearest caches before they are read. At the tail, where
chunks are short, longer ones save more than that (docs/PERFORMANCE.md)."""

LONGEST_WAIT = 0.1
"""Seconds that records may wait in the client for a poll's worth to gather, and callbacks to be served."""

LONGEST_IN_HASTE = 0.02
"""The same for the shortest flush intervals: polling more often costs more than it would gain."""

SHORTEST_WAIT = 0.005
"""A wait that is shorter is not worth its while."""


class Pace:
    """Watches polls; the first one comes without a wait."""

    def __init__(self, now: float) -> None:
        """``now`` is monotonic seconds, like everywhere here."""
        self.wait = 0.0
        self._polled_at = now
        self._at_tail = False

    def most(self, limit: int) -> int:
        """Return how many records to poll at most, where ``limit`` may be taken."""
        return limit if self._at_tail else min(limit, BACKLOG_RECORDS)

    def polled(self, records: int, limit: int, now: float, interval: float, *, has_backlog: bool) -> None:
        """Take note of a poll that has just brought so many records, where ``limit`` might have been taken; the flush interval is ``interval`` seconds."""
        elapsed, self._polled_at = now - self._polled_at, now
        if records:
            self._at_tail = not has_backlog
        if has_backlog:
            self.wait = 0.0
            return
        longest = max(LONGEST_IN_HASTE, min(LONGEST_WAIT, interval))
        wait = min(longest, elapsed * WORTH * limit / records if records else max(2 * self.wait, SHORTEST_WAIT))
        self.wait = 0.0 if wait < SHORTEST_WAIT else wait
