"""What was dropped, by offset ranges, so that it can be fetched from Kafka again: the record behind ``/status/drops``.

A drop that goes on where the last one of the same partition and reason ended makes that range longer, so a lasting overload is one range for each partition and reason. At
most :data:`MOST_RANGES` are kept; of older ones only the number of their records. The loop's thread notes, the server's thread reads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock
from typing import NamedTuple

from sidecar.core.actions import Dropped
from sidecar.core.books import DropReason
from sidecar.core.records import TopicPartition

MOST_RANGES = 1000

INTENT: Mapping[DropReason, str] = {
    DropReason.DROP_OLDEST: "overload",
    DropReason.DROP_NEWEST: "overload",
    DropReason.SAMPLE: "policy",
    DropReason.EXPIRED: "policy",
    DropReason.MAX_WAIT: "policy",
    DropReason.MAX_BLOCK: "overload",
    DropReason.POISON: "poison",
}
"""The ``intent`` of each reason. None happens unless a setting allows it, but only those of ``policy`` are wanted for their own sake."""

DIVERTED = "diverted"
"""The ``intent`` whatever the reason, where the records are in an overflow topic."""


@dataclass(slots=True)
class _Range:
    """``records`` of those from ``start`` up to, not including, ``end``; the others were kept. ``overflow_topic`` is where they are instead (None: nowhere). Times are Unix seconds."""

    tp: TopicPartition
    reason: DropReason
    start: int
    end: int
    records: int
    began: float
    ended: float
    overflow_topic: str | None


class LastDrop(NamedTuple):
    """The last range of a topic and reason: offsets from ``start`` up to, not including, ``end``, and when it was last made longer (Unix seconds)."""

    partition: int
    start: int
    end: int
    ended: float


class DropRecord:
    """Bounded, latest last."""

    def __init__(self, wall: Callable[[], float]) -> None:
        """``wall`` is the Unix time in seconds."""
        self._wall = wall
        self._ranges: dict[tuple[TopicPartition, DropReason, int], _Range] = {}
        self._open: dict[tuple[TopicPartition, DropReason], _Range] = {}
        self._forgotten = 0
        self._lock = Lock()

    def note(self, drop: Dropped) -> None:
        """Take note of a drop."""
        now = self._wall()
        with self._lock:
            last = self._open.get((drop.tp, drop.reason))
            if last is not None and last.end == drop.start:
                last.end, last.ended = drop.end, now
                last.records += drop.records
                key = (last.tp, last.reason, last.start)
                self._ranges[key] = self._ranges.pop(key)
                return
            self._add(_Range(drop.tp, drop.reason, drop.start, drop.end, drop.records, now, now, drop.overflow_topic))

    def document(self) -> dict[str, object]:
        """Return ``/status/drops``: the ranges, latest first, and how many records older ones had."""
        with self._lock:
            ranges = [_described(each) for each in reversed(self._ranges.values())]
            return {"ranges": ranges, "forgotten_records": self._forgotten}

    def last(self) -> dict[tuple[str, str], LastDrop]:
        """Return the last range of each topic and reason, of those that are listed."""
        with self._lock:
            latest = sorted(self._open.values(), key=lambda each: each.ended)
            return {(e.tp.topic, e.reason.value): LastDrop(e.tp.partition, e.start, e.end, e.ended) for e in latest}

    def _add(self, new: _Range) -> None:
        key = (new.tp, new.reason, new.start)
        again = self._ranges.pop(key, None)  # the same offsets were polled again, after a rebalance
        self._forgotten += 0 if again is None else again.records
        self._ranges[key] = self._open[new.tp, new.reason] = new
        if len(self._ranges) > MOST_RANGES:
            oldest = self._ranges.pop(next(iter(self._ranges)))
            self._forgotten += oldest.records
            if self._open[oldest.tp, oldest.reason] is oldest:
                del self._open[oldest.tp, oldest.reason]


def _described(each: _Range) -> dict[str, object]:
    return {
        "topic": each.tp.topic,
        "partition": each.tp.partition,
        "start": each.start,
        "end": each.end,
        "records": each.records,
        "outcome": "dropped",
        "reason": each.reason.value,
        "intent": INTENT[each.reason] if each.overflow_topic is None else DIVERTED,
        "overflow_topic": each.overflow_topic,
        "began": _moment(each.began),
        "ended": _moment(each.ended),
    }


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
