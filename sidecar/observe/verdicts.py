"""Why a partition is behind: one verdict of a closed list, and a sentence for people. Pure functions of a report.

The rules below are asked in order and the first that has something to say decides. The order goes from what only a person
can mend to what mends itself; docs/STATUS.md tells of each what to do about it.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass

from sidecar.core.backpressure import State
from sidecar.core.breaker import BreakerState
from sidecar.core.holds import HoldReason
from sidecar.core.snapshot import PartitionView, Snapshot
from sidecar.runtime.report import LogEnds, Report


class Verdict(enum.Enum):
    """Why a partition (or the process) is where it is; the most serious first."""

    STOPPED = "stopped"
    DRAINING = "draining"
    HELD_BREAKER = "held_breaker"
    RETRYING = "retrying"
    HELD_BUFFER = "held_buffer"
    HELD_ROOM = "held_room"
    KAFKA_TROUBLE = "kafka_trouble"
    DOWNSTREAM_SLOW = "downstream_slow"
    WAITING_ASSIGNMENT = "waiting_assignment"
    STARTING = "starting"
    CATCHING_UP = "catching_up"
    FLOWING = "flowing"
    CAUGHT_UP = "caught_up"


_SERIOUSNESS = {verdict: rank for rank, verdict in enumerate(Verdict)}


@dataclass(frozen=True, slots=True)
class Why:
    """A verdict and its sentence."""

    verdict: Verdict
    sentence: str


@dataclass(frozen=True, slots=True)
class _Case:
    """What the rules look at."""

    view: PartitionView
    engine: Snapshot
    trouble: str | None
    log_end: int | None

    @property
    def here(self) -> int:
        """Records of this partition that were polled and have no outcome yet."""
        return self.view.buffered + self.view.in_flight

    @property
    def first(self) -> int | None:
        """The first offset without an outcome."""
        return self.view.committable


def explain(view: PartitionView, report: Report, log_end: int | None) -> Why:
    """Say why ``view`` is behind, or that it is not; ``log_end`` is None while unknown."""
    case = _Case(view, report.engine, report.trouble, log_end)
    for verdict, rule in _RULES:
        sentence = rule(case)
        if sentence is not None:
            return Why(verdict, sentence)
    return Why(Verdict.FLOWING, f"everything in Kafka has been polled; {_here(case)}, nothing is in the way")


def explain_process(report: Report, log_ends: LogEnds | None) -> Why:
    """Say the most serious of its partitions' verdicts, or why it has no partitions."""
    if report.engine.partitions:
        whys = [explain(view, report, end_of(log_ends, view)) for view in report.engine.partitions]
        worst = min(whys, key=lambda why: _SERIOUSNESS[why.verdict])
        tp = report.engine.partitions[whys.index(worst)].tp
        same = sum(why.verdict is worst.verdict for why in whys)
        return Why(worst.verdict, f"{same} of {len(whys)} partitions, as {tp}: {worst.sentence}")
    if report.engine.draining:
        return Why(Verdict.DRAINING, "the process drains and has no partitions any more")
    if report.trouble is not None:
        return Why(Verdict.KAFKA_TROUBLE, report.trouble)
    return Why(Verdict.WAITING_ASSIGNMENT, "the consumer group has given this process no partition")


def end_of(log_ends: LogEnds | None, view: PartitionView) -> int | None:
    """Return the log end offset of ``view`` as last asked for; None while unknown."""
    return None if log_ends is None else log_ends.offsets.get(view.tp)


def _here(case: _Case) -> str:
    return f"of this partition {case.view.buffered} records are buffered, {case.view.in_flight} in flight"


def _stopped(case: _Case) -> str | None:
    return None if case.view.stopped is None else f"stopped until a restart: {case.view.stopped}"


def _draining(case: _Case) -> str | None:
    return f"the process drains; {_here(case)}" if case.engine.draining else None


def _caught_up(case: _Case) -> str | None:
    """Whether nothing is missing; while Kafka is out of reach nobody can know."""
    if case.here or case.trouble is not None or case.log_end is None or case.first is None or case.log_end > case.first:
        return None
    return f"every record below offset {case.first} has its outcome"


def _breaker(case: _Case) -> str | None:
    flow = case.engine.flow
    if flow.breaker == BreakerState.CLOSED.value:
        return None
    waits = flow.breaker == BreakerState.OPEN.value and flow.next_probe_in is not None
    probe = f"next probe in {flow.next_probe_in:.1f} s" if waits else "it is being probed"
    return f"the downstream is down ({flow.breaker_reason or 'no reason given'}); {probe}"


def _retrying(case: _Case) -> str | None:
    flow = case.engine.flow
    if not (flow.retrying and case.view.in_flight):
        return None
    return f"{flow.retrying} flushes wait to be tried again; the last failure: {flow.last_failure or 'no reason given'}"


def _held_buffer(case: _Case) -> str | None:
    if HoldReason.BUFFER.value not in case.view.holds:
        return None
    return f"the buffer is {case.engine.utilization:.0%} full: the downstream takes less than Kafka brings; {_here(case)}"


def _held_room(case: _Case) -> str | None:
    if HoldReason.ROOM.value not in case.view.holds:
        return None
    return f"the next record is larger than the room left in the buffer ({case.engine.utilization:.0%} full)"


def _trouble(case: _Case) -> str | None:
    return case.trouble


def _starting(case: _Case) -> str | None:
    if case.here or (case.first is not None and case.log_end is not None):
        return None
    return "the position or the log end offset is not known yet"


def _slow(case: _Case) -> str | None:
    """Whether the buffer fills although as many flushes run as may: of all partitions together, or of this one, which has one at a time."""
    flow = case.engine.flow
    if case.engine.state == State.NORMAL.value:
        return None
    if flow.flushes_in_flight >= flow.concurrency_limit:
        return f"all {flow.concurrency_limit} flushes are in flight and the buffer fills ({case.engine.utilization:.0%} full)"
    if not case.view.in_flight:
        return None
    return f"the buffer fills ({case.engine.utilization:.0%} full) while this partition's flush is under way; {_here(case)}"


def _catching_up(case: _Case) -> str | None:
    fetched = case.view.position if case.view.position is not None else case.first
    if case.log_end is None or fetched is None or case.log_end <= fetched:
        return None
    return f"{case.log_end - fetched} offsets are still in Kafka; {_here(case)}, nothing is in the way"


_RULES: tuple[tuple[Verdict, Callable[[_Case], str | None]], ...] = (
    (Verdict.STOPPED, _stopped),
    (Verdict.DRAINING, _draining),
    (Verdict.CAUGHT_UP, _caught_up),
    (Verdict.HELD_BREAKER, _breaker),
    (Verdict.RETRYING, _retrying),
    (Verdict.HELD_BUFFER, _held_buffer),
    (Verdict.HELD_ROOM, _held_room),
    (Verdict.KAFKA_TROUBLE, _trouble),
    (Verdict.STARTING, _starting),
    (Verdict.DOWNSTREAM_SLOW, _slow),
    (Verdict.CATCHING_UP, _catching_up),
)
