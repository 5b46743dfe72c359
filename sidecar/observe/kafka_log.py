"""What the Kafka client complains of, as log lines: each kind at once, then at most now and then with a count."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from sidecar.core.records import TopicPartition
from sidecar.observe.log_actions import Log
from sidecar.observe.repeats import Repeats

INTERVAL = 10.0


class OffsetNotInLog(Protocol):
    """An offset that the log does not have; ``begin`` and ``end`` are what it has."""

    @property
    def tp(self) -> TopicPartition:
        """The partition."""

    @property
    def offset(self) -> int:
        """The offset that was wanted."""

    @property
    def begin(self) -> int:
        """The first offset of the log."""

    @property
    def end(self) -> int:
        """The offset after the last one."""

    @property
    def missed(self) -> int:
        """How many were lost before they were polled."""


class KafkaLog:
    """Logs what stands between us and Kafka."""

    def __init__(self, log: Log, clock: Callable[[], float]) -> None:
        """``clock`` is monotonic."""
        self._log = log
        self._clock = clock
        self._repeats: Repeats[str] = Repeats(INTERVAL)

    def trouble(self, name: str, sentence: str) -> None:
        """Log an error of the connection or of the stream."""
        line = self._repeats.add((name, sentence), sentence, 1, self._clock())
        if line is not None:
            repeated = {"repeated": line.repeated} if line.repeated > 1 else {}
            self._log.warning("kafka.trouble", error=name, reason=sentence, **repeated)

    def out_of_range(self, found: OffsetNotInLog, policy: str) -> None:
        """Log an offset that the log does not have: how many were lost before they were polled, and what was done."""
        self._log.warning(
            "kafka.offset_out_of_range",
            partition=str(found.tp),
            offset=found.offset,
            log_begin=found.begin,
            log_end=found.end,
            missed_offsets=found.missed,
            policy=policy,
        )
