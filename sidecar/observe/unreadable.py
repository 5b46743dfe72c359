"""Records whose headers the Kafka client could not decode, as log lines: by topic, at once, then at most once an interval with the sum.

The client counts them and the report carries the counts, so a line is made of the difference between two reports. Topic and number only: a
header that cannot be decoded is payload.
"""

from __future__ import annotations

from collections.abc import Mapping

from sidecar.observe.log_actions import Log
from sidecar.observe.repeats import Line, Repeats

INTERVAL = 10.0


class UnreadableHeaders:
    """Logs what came since it was last asked; used by one thread."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._known: Mapping[str, int] = {}
        self._repeats: Repeats[str] = Repeats(INTERVAL)

    def log(self, counts: Mapping[str, int], now: float) -> None:
        """Log what of ``counts``, records by topic since the start, is new at ``now`` (monotonic seconds; infinity says all that is unsaid)."""
        for topic, count in counts.items():
            if new := count - self._known.get(topic, 0):
                self._say(self._repeats.add(topic, topic, new, now))
        self._known = counts
        for line in self._repeats.overdue(now):
            self._say(line)

    def _say(self, line: Line[str] | None) -> None:
        if line is not None:
            self._log.warning("records.unreadable_headers", topic=line.last, records=line.amount)
