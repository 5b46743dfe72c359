"""Refetched bytes: what the client received and threw away again, since a partition was paused or sought.

Measured by the client's own statistics: of the records that it received, some were given out and some wait in its queue; the others were thrown
away, and are fetched again when the partition goes on. Their bytes are taken from the average record received. A sample is heard in the middle of a poll,
whose records have left the queue already and are not counted yet; so it is looked at when that poll is over, or, where there is none, when the next sample comes. It is older than that
moment, and what was given out in between counts against it; so the figure is nearly always a lower bound, that is right again two samples after nothing moves any more. It never goes down.

The client looks at its queue before it looks at how much it received, and goes on receiving meanwhile. So what is missing in one sample may have been queued between the two; what two in a row
miss counts as thrown away.
"""

from __future__ import annotations

import msgspec

STATISTICS_INTERVAL_MS = 5000


class _Partition(msgspec.Struct):
    """``fetchq_cnt`` is that of the queue into which all partitions go, in each of them."""

    rxmsgs: int = 0
    rxbytes: int = 0
    fetchq_cnt: int = 0


class _Topic(msgspec.Struct):
    partitions: dict[str, _Partition]


class _Statistics(msgspec.Struct):
    topics: dict[str, _Topic]


class Refetched:
    """Counts what was given out, and compares it with what was received."""

    def __init__(self) -> None:
        self.bytes = 0
        self.received_bytes = 0
        self._given_out = 0
        self._received = 0
        self._queued: int | None = None
        self._missing = 0
        self._seen: dict[tuple[str, str], _Partition] = {}
        self._decoder = msgspec.json.Decoder(_Statistics)

    def gave_out(self, records: int) -> None:
        """Count records that a poll brought, and look at the sample that was heard meanwhile."""
        self._given_out += records
        self._look()

    def sample(self, statistics: str) -> None:
        """Take note of the client's statistics (JSON, see librdkafka's STATISTICS.md)."""
        self._look()
        queued = 0
        for name, topic in self._decoder.decode(statistics).topics.items():
            for number, partition in topic.partitions.items():
                self._receive((name, number), partition)
                queued = max(queued, partition.fetchq_cnt)
        self._queued = queued

    def _look(self) -> None:
        """Look at the last sample, once."""
        if self._queued is None:
            return
        missing = self._received - self._given_out - self._queued
        thrown_away = min(missing, self._missing)
        self._missing, self._queued = missing, None
        if thrown_away > 0:
            self.bytes = max(self.bytes, thrown_away * self.received_bytes // self._received)

    def _receive(self, tp: tuple[str, str], now: _Partition) -> None:
        """Add what came since the last sample; a partition that left and came back begins at 0 again."""
        before = self._seen.get(tp)
        if before is None or now.rxmsgs < before.rxmsgs:
            before = _Partition()
        self._received += now.rxmsgs - before.rxmsgs
        self.received_bytes += now.rxbytes - before.rxbytes
        self._seen[tp] = now
