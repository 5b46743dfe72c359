"""The dial of the concurrency: how many flushes may run at once. Median Vegas, with a drain probe.

*The law.* A downstream that serves flushes without a queue takes the same time for each, however many run. With ``L`` allowed, ``m`` the median of the
latencies in a window and ``base`` what it is without a queue, ``q = L·(1 - base/m)`` of them wait, by Little's law (TCP Vegas: Brakmo and Peterson, 1995; Netflix's
concurrency-limits). Saturated, ``q < 1.5`` and ``m < 1.75·base``: ``L`` grows by a tenth, at least 1. At the start it doubles until a queue is plain to see, and then goes back to ``L - q + 1``.
``q > 3``: ``L`` shrinks by ``q/2``, at least 1. Between, there is a queue long enough to keep the downstream busy and short enough to cost little.

*The base.* Latencies are divided by what :mod:`sidecar.core.cost_fit` foretells for the size of their batch, so that sizes may differ. Of these the median
counts, not the least: of lucky samples a minimum finds more the longer it looks, and sees a queue where there is none. Every :data:`PROBE_EVERY` seconds
``L/2`` are let through for one window, so that the queue drains, and the base is measured anew. Where flushes took plainly longer in it than before, half of that may be too many by now: it goes on
with half as many, and again, until that makes them no faster. A probe comes sooner where what was measured cannot be true any more: the latency
is well below the base, or stays although ``L`` shrank.

*Failures.* A downstream that refuses (429) halves ``L`` at once; so do time-outs and errors, but for isolated ones (:data:`ISOLATED`). What failed is above
the ceiling for :data:`HOLD` seconds, and ``L`` goes half of the way back to it at each step (the binary search increase of BIC: Xu, Harfoush and Rhee, 2004). Time-outs and errors with no whole window between them are one outage: once it is over, ``L`` doubles as at the start, up to half of what
it was before (TCP's slow start and its threshold: RFC 5681, 3.1). Flushes that hang are no load: for each another one may run, up to ``L`` of them, and ``q`` leaves out the others.

*Application-limited.* ``L`` grows only if flushes waited for a place: most of a window's were started in the place of one that just ended.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import inf

from sidecar.core.cost_fit import Cost
from sidecar.core.window import Window

LOW, HIGH = 1.5, 3.0
LONG = 1.75
"""Flushes that take so many times as long as alone wait long enough, however few they are."""
PLAIN = 1.25
"""At the start, with a base of few flushes, only a latency above the base by this factor tells of a queue."""
PROBE_EVERY = 10.0
PROBE_SHARE = 20
"""A probe takes at most one in this many windows' time."""
SOONEST = 1.0
"""The least time between two probes, in seconds."""
HOLD = 10.0
AROUND, ISOLATED = 50, 0.1
"""A time-out or an error is isolated where no larger share failed of the flushes that were started so many before and after it, or none else did.

By the order of their starts: calls that hang end together however far apart they were.
"""
BELOW = 0.7
"""A latency below this share of the base says that the base is of other times."""
SMALLER, HELPED = 0.8, 0.9
"""A limit below this share of what it was should have helped: the latency then is below that share of what it was."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What the dial is to be turned to, and why."""

    limit: int
    reason: str


class Concurrency:
    """The limit, and the search for it."""

    def __init__(self, first: int, most: int) -> None:
        """Begin at ``first``, never above ``most``."""
        self.limit = min(first, most)
        self.probe: int | None = None
        self.base: float | None = None
        self.slowdown = 1.0
        self.queue = 0.0
        self.ceiling: int | None = None
        self._cost: Cost | None = None
        self._most = most
        self.starting = True
        self._drained: float = inf
        self._goal: float = inf
        self._is_outage = False
        self._held_until = -inf
        self._probe_at = -inf
        self._probed_at = -inf
        self._shrunk_from: tuple[int, float] | None = None
        self._failed: deque[int] = deque(maxlen=2 * AROUND)

    @property
    def probing(self) -> bool:
        """Whether a drain probe is on: :attr:`probe` flushes are let through."""
        return self.probe is not None

    def failed(self, serial: int, now: float, *, refused: bool) -> Turn | None:
        """Take note that the flush that was started as number ``serial`` failed, ``refused`` where less was asked for; return the cut where it means one."""
        self._failed.append(serial)
        failed = sum(abs(serial - other) <= AROUND for other in self._failed)
        if not refused and failed <= max(1, ISOLATED * min(serial, 2 * AROUND)):
            return None
        self._note_cut(now, refused=refused)
        if self.limit == 1:
            return None
        why = "the downstream refused for its rate" if refused else f"{failed} flushes failed that were started one after another"
        return Turn(self.limit // 2, f"{why}: halved, and not above {self.ceiling} for {HOLD:g} s")

    def _note_cut(self, now: float, *, refused: bool) -> None:
        """Keep what the limit may go back to soon; of failures in a row what was before the first of them counts, and one of a flush that runs alone says nothing of load."""
        if refused or not (self._is_outage or (self.starting and self.limit == 1)):
            self.ceiling, self._goal = max(1, self.limit - 1), max(1, self.limit // 2)
        self._held_until, self._is_outage = now + HOLD, not refused
        self.probe, self.starting = None, not refused and max(1, self.limit // 2) < self._goal

    def judge(self, window: Window, cost: Cost | None, hung: int, now: float) -> Turn | None:
        """Look at a window in which no dial was turned; return where to turn this one. ``hung`` of the flushes that are allowed are no load.

        A probe begins and ends here, too, see :attr:`probe`.
        """
        probed, self._is_outage = self.probing, False
        if self.probe is not None and self._is_queued(window, self.probe):
            self.probe //= 2
            return None
        if probed or window.is_unqueued or self.base is None:
            self._measure(window, cost, now)
        median = window.median(self._cost)
        self._compare(median, hung)
        if probed:
            return None
        if self._is_probe_due(window, median, now):
            self.probe, self._drained = self.limit // 2, inf
            return None
        return self._step(window, median, now)

    def _is_queued(self, window: Window, probe: int) -> bool:
        """Whether a probe has to go on with half as many: flushes take plainly longer than they did, and it is not known yet that they do so with fewer."""
        before, self._drained = self._drained, window.median(self._cost)
        risen = self.base is not None and self._drained > PLAIN * self.base
        return probe > 1 and risen and self._drained < HELPED * before

    def _measure(self, window: Window, cost: Cost | None, now: float) -> None:
        """Take the median of a window without a queue for the base, and the cost that is known by now for what sizes cost."""
        self._cost, self.base = cost, window.median(cost)
        self.probe, self._shrunk_from = None, None
        self._probed_at = now
        self._probe_at = now + max(PROBE_EVERY, PROBE_SHARE * window.seconds(now))

    def _compare(self, median: float, hung: int) -> None:
        """Work out the queue."""
        self.slowdown = max(1.0, median / (self.base or median))
        self.queue = max(0, self.limit - hung) * (1 - 1 / self.slowdown)

    def _is_probe_due(self, window: Window, median: float, now: float) -> bool:
        """Whether the base should be measured anew: from time to time, and when it cannot be true any more."""
        if self.limit == 1 or now < self._probed_at + SOONEST:
            return False
        beaten = self.base is not None and median < BELOW * self.base
        return self._stays(median) or beaten or (now >= self._probe_at and window.is_saturated)

    def _stays(self, median: float) -> bool:
        """Whether the latency is as long as before, although the limit went down a good deal since."""
        if self._shrunk_from is None or self.limit >= SMALLER * self._shrunk_from[0]:
            return False
        (_, before), self._shrunk_from = self._shrunk_from, None
        return median > HELPED * before

    def _step(self, window: Window, median: float, now: float) -> Turn | None:
        if self.starting and self.slowdown > PLAIN:
            self.starting, self._probe_at = False, now + SOONEST
            return self._shrink(round(self.limit - self.queue + 1))
        if self.queue > HIGH and not self.starting:
            self._shrunk_from = self._shrunk_from or (self.limit, median)
            return self._shrink(self.limit - max(1, int(self.queue / 2)))
        self._shrunk_from = None
        is_free = self.starting or (self.queue < LOW and self.slowdown < LONG)
        return self._grow(now) if is_free and window.is_saturated else None

    def _grow(self, now: float) -> Turn | None:
        if now >= self._held_until:
            self.ceiling = None
        most = self._most if self.ceiling is None else min(self._most, self.ceiling)
        limit = min(most, self.limit * 2 if self.starting else self.limit + max(1, self.limit // 10, self._way_back() // 2))
        if self.starting and limit >= self._goal:
            limit, self.starting = min(limit, int(self._goal)), False
        if limit <= self.limit:
            return None
        return Turn(limit, f"all {self.limit} are in use and {self.queue:.1f} of them wait: there is room for more")

    def _way_back(self) -> int:
        """Return how far it is to the ceiling; below it nothing failed."""
        return 0 if self.ceiling is None else self.ceiling - self.limit

    def _shrink(self, limit: int) -> Turn | None:
        if limit >= self.limit:
            return None
        why = f"{self.queue:.1f} of {self.limit} flushes wait: each takes {self.slowdown:.2f} times as long as alone"
        return Turn(max(1, limit), why)
