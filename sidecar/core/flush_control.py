"""The flush control: how many records a batch has, how long a part-filled batch may wait, how many flushes run at once.

Three dials, each with its formula: :mod:`~sidecar.core.batch_size`, the interval here, :mod:`~sidecar.core.concurrency`; all of it from how long flushes took
(docs/FLOW-CONTROL.md tells it in one piece, with the scenarios that judge it).

*Never two dials in one window.* Each turn begins a window (:mod:`~sidecar.core.window`), and only flushes that were started since then tell what came of it. The
same dial may go on, step by step; another one only once the window is over. The concurrency turns at the end of a window in which nothing else did: so the size is settled
first, the concurrency for that size second. Two cuts are no search and wait for nothing: a refusal halves the concurrency, a flush over its target the size.

*Interval.* ×1.5 after a flush slower than 1.5 × target, ×0.8 after one faster than 0.5 × target, within its bounds. It moves only after flushes that did not fill
their batch: a full batch never waits, so its latency says nothing about waiting.

Time comes in as ``now`` (monotonic seconds), chance as ``random``.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from random import Random

from sidecar.core.batch_size import HUNG, BatchSize
from sidecar.core.concurrency import Concurrency, Turn
from sidecar.core.config import FlushLimits
from sidecar.core.cost_fit import Cost, CostFit
from sidecar.core.decisions import Decision, Decisions, Dial
from sidecar.core.window import FEWEST, FEWEST_AT_START, SHORTEST_AT_START, Window


@dataclass(frozen=True, slots=True)
class Launch:
    """How things stood when a flush was started: as which in order, after how many turns, whether it waited for its place, whether few others ran."""

    serial: int
    turns: int
    waited: bool
    unqueued: bool


class FlushControl:
    """The three dials."""

    def __init__(self, limits: FlushLimits, random: Random) -> None:
        """Begin at the first size, the shortest interval and ``first_in_flight``."""
        self._limits = limits
        self._random = random
        self._size = BatchSize(limits)
        self._fit = CostFit()
        self._shown = 0
        self._is_warm = False
        self._owner: Dial | None = None
        self._rests = False
        self._turns = 0
        self._cut_at = 0
        self._serial = 0
        self._running: dict[int, float] = {}
        self._freed_at: float | None = None
        self._usual: float | None = None
        self.search = Concurrency(limits.first_in_flight, limits.max_in_flight)
        self.window = Window(inf)
        self.cost: Cost | None = None
        self.interval = limits.min_interval
        self.decisions = Decisions()

    @property
    def batch_records(self) -> int:
        """How many records make a full batch."""
        return self._size.records

    @property
    def batch_bytes(self) -> int:
        """How many bytes make a full batch."""
        return self._size.nbytes

    @property
    def limit(self) -> int:
        """How many flushes may run at once, but for drain probes."""
        return self.search.limit

    def allowed(self, now: float) -> int:
        """Return how many flushes may run at ``now``: half of the limit or less in a drain probe, and another one for each that hangs, up to as many again."""
        limit = self.search.limit
        most = limit if self.search.probe is None else self.search.probe
        return min(self._limits.max_in_flight, most + min(limit, self._hung(now)))

    def next_hang(self, now: float) -> float | None:
        """Return when the next of the running flushes will count as one that hangs; None where there is none."""
        after = self._hangs_after
        return min((since + after for since in self._running.values() if since + after > now), default=None)

    def next_size(self, running: int) -> int:
        """Return how many records the next batch should have, beside ``running`` flushes."""
        if self._shown < FEWEST or not self._is_unqueued(running + 1):
            return self._size.records
        return self._size.dithered(self._random)

    def launched(self, running: int, now: float) -> Launch:
        """Take note of a flush that starts; ``running`` do, with it. Return what is to be told when it ends."""
        waited = running >= self.allowed(now) and now == self._freed_at
        if not self._serial:
            self.window = self._new_window(now)
        self._serial += 1
        self._running[self._serial] = now
        return Launch(self._serial, self._turns, waited, self._is_unqueued(running))

    def ended(self, launch: Launch, now: float) -> None:
        """Take note that a flush ended, whatever came of it: its place is free."""
        self._running.pop(launch.serial, None)
        self._freed_at = now

    def delivered(self, launch: Launch, records: int, seconds: float, now: float, *, filled: bool) -> None:
        """Learn from a batch that ended delivered; ``filled`` tells whether it was as large as the control asked for."""
        if launch.unqueued and self._is_warm:
            self._learn(records, seconds)
        self._is_warm = True  # in the first one connections are made: so far off, it would turn the line for long, and for ever once flushes queue
        if filled:
            self._size.was_full()
        if launch.turns != self._turns:
            return
        self.window.add(records, seconds, waited=launch.waited, unqueued=launch.unqueued)
        self._turn(records, seconds, now, filled=filled)

    def failed(self, launch: Launch, now: float, *, refused: bool) -> None:
        """Learn from a flush that ended, failed, and may pass later: by a time-out or an error, or ``refused`` for its rate."""
        if launch.turns < self._cut_at:
            return
        turn = self.search.failed(launch.serial, now, refused=refused)
        if turn is not None:
            self._turn_concurrency(turn, now)
            self._cut_at = self._turns

    def too_large(self, records: int, nbytes: int, now: float) -> None:
        """Keep below half of what the downstream refused for its size."""
        before = self._size.records
        self._size.was_refused(records, nbytes)
        if self._size.records != before:
            why = f"{records} records of {nbytes} bytes were refused for their size"
            self._turned(Dial.BATCH, before, self._size.records, why, now)

    def _turn(self, records: int, seconds: float, now: float, *, filled: bool) -> None:
        """Turn one dial at most: at the end of a window first the concurrency where it is too much, else the size or the interval, else the concurrency."""
        over, probe, turn = self.window.is_over(now), self.search.probe, None
        if over:
            self._usual = self.window.usual
            beyond = max(0, self._hung(now) - self.search.limit)  # those that got no other place
            turn = self.search.judge(self.window, self.cost, beyond, now)
        if probe != self.search.probe:
            self._begin_window(now)
        elif turn is not None and turn.limit < self.limit:
            self._turn_concurrency(turn, now)
        elif self._resize(records, seconds, now) if filled else self._repace(seconds, now):
            pass  # that was it
        elif turn is not None:
            self._turn_concurrency(turn, now)
        elif over:
            self._owner, self._rests, self.window = None, False, self._new_window(now)

    def _learn(self, records: int, seconds: float) -> None:
        self._fit.add(records, seconds)
        self.cost = self._fit.cost
        self._shown += 1

    def _is_unqueued(self, running: int) -> bool:
        return running <= _half(self.search.limit)

    def _hung(self, now: float) -> int:
        """Count the flushes that run for so much longer than usual that they are no load any more."""
        after = self._hangs_after
        return sum(since + after <= now for since in self._running.values())

    @property
    def _hangs_after(self) -> float:
        """How long a flush runs until it counts as one that hangs."""
        target = self._limits.target_latency
        return HUNG * target if self._usual is None else max(HUNG * self._usual, target)

    def _may(self, dial: Dial, now: float) -> bool:
        """Whether ``dial`` may turn: it turned last, or what came of the other's turn, or of a cut, was seen for a whole window."""
        return self.window.is_over(now) or (self._owner in (None, dial) and not self._rests)

    def _resize(self, records: int, seconds: float, now: float) -> bool:
        """Turn the size, if there is reason to; return whether it was."""
        size, before = self._size, self._size.records
        over = size.is_over(seconds)
        if over and (self._usual is None or seconds <= HUNG * self._usual):
            size.records = size.halved(records)
        elif not over and self._may(Dial.BATCH, now):
            size.records = size.stepped(size.wanted(self.cost, self.search.slowdown))
        if size.records == before:
            return False
        target = self._limits.target_latency
        why = (
            f"a flush of {records} took {seconds:.3g} s, above its target of {target:g} s: halved" if over else _reason(self.cost)
        )
        self._turned(Dial.BATCH, before, size.records, why, now)
        self._rests = size.records < before and self.limit > 1
        return True

    def _repace(self, seconds: float, now: float) -> bool:
        """Turn the interval, if there is reason to; return whether it was."""
        target, before = self._limits.target_latency, self.interval
        if not self._may(Dial.INTERVAL, now):
            return False
        if seconds > 1.5 * target:
            self.interval = min(self._limits.max_interval, before * 1.5)
        elif seconds < 0.5 * target:
            self.interval = max(self._limits.min_interval, before * 0.8)
        if self.interval == before:
            return False
        way = "above 1.5" if self.interval > before else "below 0.5"
        self._turned(
            Dial.INTERVAL, before, self.interval, f"a part-filled batch took {seconds:.3g} s, {way} times the target", now
        )
        return True

    def _turn_concurrency(self, turn: Turn, now: float) -> None:
        before, self.search.limit = self.search.limit, turn.limit
        self._turned(Dial.CONCURRENCY, before, turn.limit, turn.reason, now)

    def _turned(self, dial: Dial, before: float, after: float, why: str, now: float) -> None:
        self._owner = dial
        if before != after:
            self.decisions.note(Decision(now, dial, before, after, why))
        self._begin_window(now)

    def _begin_window(self, now: float) -> None:
        """Begin a window that only counts what starts from now on."""
        self._turns += 1
        self._rests = False
        self.window = self._new_window(now)

    def _new_window(self, now: float) -> Window:
        return Window(now, SHORTEST_AT_START, FEWEST_AT_START) if self.search.starting else Window(now)


def _half(limit: int) -> int:
    return max(1, limit // 2)


def _reason(cost: Cost | None) -> str:
    if cost is None:
        return "the sizes so far are too alike to tell what a record costs: another one is tried"
    fixed, slope = cost.fixed * 1000, cost.per_record * 1e6
    return (
        f"a flush costs {fixed:.3g} ms + {slope:.3g} µs a record: towards the size that spends 90 % on records, within the target"
    )
