"""What the verdicts are said in and from: the closed list, a verdict with its reasons, and what the rules look at. Frozen values."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from sidecar.core.hold_reasons import HoldReason
from sidecar.core.snapshot import PartitionView, Snapshot
from sidecar.observe.trends import NOTHING_KNOWN, PartitionTrend, Trend
from sidecar.runtime.report import LogEnds, Report


class Verdict(enum.Enum):
    """Why a partition (or the process) is where it is; the most serious first."""

    STUCK = "stuck"
    POISON_HEAD = "poison_head"
    HELD_BY_OPERATOR = "held_by_operator"
    DOWNSTREAM_DOWN = "downstream_down"
    RATE_LIMITED = "rate_limited"
    BROKER_STALL = "broker_stall"
    UNDER_PROVISIONED = "under_provisioned"
    DOWNSTREAM_SLOW = "downstream_slow"
    REBALANCING = "rebalancing"
    CATCHING_UP = "catching_up"
    OK = "ok"
    IDLE = "idle"


class Why(NamedTuple):
    """A verdict, its sentence, and what it rests on: numbers, and the texts of others."""

    verdict: Verdict
    sentence: str
    evidence: Mapping[str, float | str]


@dataclass(frozen=True, slots=True)
class Scene:
    """All that is known at ``now`` (monotonic seconds)."""

    report: Report
    log_ends: LogEnds | None
    now: float
    trend: Trend = NOTHING_KNOWN


@dataclass(slots=True)
class Case:
    """What the rules look at: one partition, its log end offset (None while unknown) and its trend (None: it is new)."""

    view: PartitionView
    scene: Scene
    log_end: int | None
    trend: PartitionTrend | None

    @property
    def engine(self) -> Snapshot:
        """The engine that it belongs to."""
        return self.scene.report.engine

    @property
    def here(self) -> int:
        """Records of this partition that were polled and have no outcome yet."""
        return self.view.here

    @property
    def remaining(self) -> int:
        """Offsets that are still in Kafka, as far as is known."""
        fetched = self.view.position if self.view.position is not None else self.view.committable
        return 0 if self.log_end is None or fetched is None else max(0, self.log_end - fetched)

    @property
    def counts(self) -> dict[str, float | str]:
        """Where its records are."""
        return {"buffered": self.view.buffered, "in_flight": self.view.in_flight, "in_kafka": self.remaining}

    def holds_for(self, *reasons: HoldReason) -> bool:
        """Whether one of ``reasons`` holds it."""
        return bool(self.view.holds) and any(reason.value in self.view.holds for reason in reasons)


def span(seconds: float) -> str:
    """Return a duration for people: ``0.4 s``, ``42 s``, ``3 min 20 s``, ``2 h 5 min``."""
    if seconds < 9.95:  # noqa: PLR2004 -- from here on tenths say nothing
        return f"{seconds:.1f} s"
    whole = round(seconds)
    minutes, rest = divmod(whole, 60)
    if not minutes:
        return f"{whole} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes} min" if hours else f"{minutes} min {rest} s"


def every(count: int, noun: str) -> str:
    """Return ``1 partition``, ``3 partitions``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
