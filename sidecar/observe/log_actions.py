"""The engine's actions as log lines. Nothing of a payload: offsets, counts, states and the downstream's short reasons only.

================== ==================== ======= ==============================================================
action             event                level   how often
================== ==================== ======= ==============================================================
StateChanged       state.changed        info    each (warning when it becomes BLOCKED)
BreakerChanged     breaker.changed      info    each (warning when it opens)
PartitionStopped   partition.stopped    error   each
HoldBegan          hold.began           info    each (warning when the application is not healthy)
HoldEnded          hold.ended           info    each
Finish             drain.finished       info    each (warning when the deadline ended it)
FlushFailed        flush.failed         warning at most once an interval by reason
Dropped            records.dropped      warning at most once an interval by partition and reason, with the offsets that all of it lies in
Released           records.released     info    at most once an interval by partition and reason
DivertFailed       overflow.failed      warning at most once an interval by overflow topic and error
DeadLettered       record.dead_lettered warning at most once an interval by topic and reason
DeadLetterFailed   dead_letter.failed   warning at most once an interval by topic and error
CommitFailed       commit.failed        warning at most once an interval by error
================== ==================== ======= ==============================================================

A line that stands for several occurrences tells the last one and, as ``repeated``, how many. The ``records`` of drops and
releases are those of all of them, so they add up over the lines. A drop whose records are in an overflow topic tells which.
The other actions are the everyday work and are not logged.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from sidecar.core.actions import (
    Action,
    BreakerChanged,
    CommitFailed,
    DeadLettered,
    DeadLetterFailed,
    DivertFailed,
    Dropped,
    Finish,
    FlushFailed,
    HoldBegan,
    HoldEnded,
    PartitionStopped,
    Released,
    StateChanged,
)
from sidecar.core.backpressure import State
from sidecar.core.breaker import BreakerState
from sidecar.core.hold_reasons import HoldReason
from sidecar.observe.repeats import Line, Repeats

Repeating = FlushFailed | Dropped | DivertFailed | DeadLettered | DeadLetterFailed | Released | CommitFailed
"""Actions that can come many times a second."""


class Log(Protocol):
    """What is needed of a structlog logger."""

    def info(self, event: str, **fields: object) -> object:
        """Log at level info."""

    def warning(self, event: str, **fields: object) -> object:
        """Log at level warning."""

    def error(self, event: str, **fields: object) -> object:
        """Log at level error."""


class LogActions:
    """Logs actions; used by one thread."""

    def __init__(self, log: Log, interval: float = 10.0) -> None:
        """Write to ``log``; repeated failures at most once in ``interval`` seconds each."""
        self._log = log
        self._repeats: Repeats[Repeating] = Repeats(interval, _together)

    def log(self, actions: Iterable[Action], now: float) -> None:
        """Log what of ``actions`` is to be known, at ``now`` (monotonic seconds)."""
        for action in actions:
            match action:
                case (
                    Dropped() | FlushFailed() | DivertFailed() | DeadLettered() | DeadLetterFailed() | Released() | CommitFailed()
                ):
                    self._repeating(action, now)
                case StateChanged():
                    self._state_changed(action)
                case BreakerChanged():
                    self._breaker_changed(action)
                case PartitionStopped():
                    self._log.error("partition.stopped", partition=str(action.tp), reason=action.reason)
                case HoldBegan():
                    self._hold_began(action)
                case HoldEnded():
                    self._log.info("hold.ended", reason=action.reason.value, expired=action.expired)
                case Finish():
                    self._finished(action)

    def catch_up(self, now: float) -> None:
        """Log what repeated since it was last said and whose interval is over; call it now and then, and once at the end."""
        for line in self._repeats.overdue(now):
            self._say(line)

    def _state_changed(self, action: StateChanged) -> None:
        write = self._log.warning if action.new is State.BLOCKED else self._log.info
        write("state.changed", old=action.old.value, new=action.new.value, pressure=round(action.pressure, 3))

    def _breaker_changed(self, action: BreakerChanged) -> None:
        write = self._log.warning if action.new is BreakerState.OPEN else self._log.info
        write(
            "breaker.changed",
            old=action.old.value,
            new=action.new.value,
            reason=action.reason,
            probe_in=_rounded(action.probe_in),
        )

    def _hold_began(self, action: HoldBegan) -> None:
        write = self._log.warning if action.reason is HoldReason.APP else self._log.info
        write("hold.began", reason=action.reason.value, why=action.why)

    def _finished(self, action: Finish) -> None:
        write = self._log.warning if action.expired else self._log.info
        write("drain.finished", expired=action.expired)

    def _repeating(self, action: Repeating, now: float) -> None:
        line = self._repeats.add(_key(action), action, _records(action), now)
        if line is not None:
            self._say(line)

    def _say(self, line: Line[Repeating]) -> None:
        action, repeated = line.last, {"repeated": line.repeated} if line.repeated > 1 else {}
        match action:
            case FlushFailed():
                tries = {"attempt": action.attempt, "retry_in": _rounded(action.retry_in)}
                self._log.warning("flush.failed", reason=action.reason, records=action.records, **tries, **repeated)
            case Dropped():
                places = {"partition": str(action.tp), "start": action.start, "end": action.end}
                detail = {} if action.detail is None else {"detail": action.detail}
                if action.overflow_topic is not None:
                    detail["overflow_topic"] = action.overflow_topic
                self._log.warning(
                    "records.dropped", reason=action.reason.value, records=line.amount, **places, **detail, **repeated
                )
            case DivertFailed():
                self._log.warning(
                    "overflow.failed",
                    error=action.error,
                    overflow_topic=action.overflow_topic,
                    records=action.records,
                    partition=str(action.tp),
                    retry_in=_rounded(action.retry_in),
                    **repeated,
                )
            case Released():
                why = action.reason.value
                self._log.info("records.released", records=line.amount, partition=str(action.tp), reason=why, **repeated)
            case DeadLettered() | DeadLetterFailed():
                self._say_letter(action, {"records": line.amount, **repeated})
            case CommitFailed():
                names = ", ".join(map(str, action.partitions))
                self._log.warning("commit.failed", error=action.error, partitions=names, **repeated)

    def _say_letter(self, action: DeadLettered | DeadLetterFailed, counts: dict[str, int]) -> None:
        place = {"partition": str(action.tp), "offset": action.offset}
        if isinstance(action, DeadLettered):
            self._log.warning("record.dead_lettered", reason=action.reason.value, error=action.error, **place, **counts)
        else:
            self._log.warning("dead_letter.failed", error=action.error, retry_in=_rounded(action.retry_in), **place, **counts)


def _key(action: Repeating) -> tuple[object, ...]:
    """Return what makes two actions the same thing happening again."""
    match action:
        case Dropped() | Released():
            return type(action), action.tp, action.reason
        case FlushFailed():
            return FlushFailed, action.reason
        case DivertFailed():
            return DivertFailed, action.overflow_topic, action.error
        case DeadLettered():
            return DeadLettered, action.tp.topic, action.reason
        case DeadLetterFailed():
            return DeadLetterFailed, action.tp.topic, action.error
        case CommitFailed():
            return CommitFailed, action.error


def _together(before: Repeating, after: Repeating) -> Repeating:
    """Return what stands for both: of drops the offsets that they lie in, else the later one."""
    if isinstance(before, Dropped) and isinstance(after, Dropped):
        start, end = min(before.start, after.start), max(before.end, after.end)
        return Dropped(after.tp, start, end, after.records, after.reason, after.detail, after.overflow_topic)
    return after


def _records(action: Repeating) -> int:
    match action:
        case CommitFailed():
            return 0
        case DeadLettered() | DeadLetterFailed():
            return 1
        case _:
            return action.records


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
