"""A downstream and its only client in virtual time: one run of a scenario under a law, and what came of it."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count, pairwise
from math import inf
from random import Random
from statistics import median

from sidecar.core.breaker import Breaker, BreakerSignal, BreakerState
from tests.scenarios.capacity import HANG, capacity, crowd, median_of, seconds_of
from tests.scenarios.law import Ended, Law
from tests.scenarios.scenario import Link, Scenario, Step, Work

REFUSAL = 0.001
"""How long the downstream takes to refuse, and the client to try again, in seconds."""
RECOVERED = 0.9
LONGEST_WAIT = 60.0
"""What bounds the wait of the breaker, but for its own bound; seconds."""


@dataclass(frozen=True)
class Outcome:
    """What came of a step: see :class:`~tests.scenarios.scenario.Expect`. ``recovery`` is infinite where it never came."""

    capacity: float
    latency: float
    limit: int
    size: float
    recovery: float
    refused: float


@dataclass
class Count:
    """What is counted of a step."""

    step: Step
    settle: float
    begins: float
    ends: float
    delivered: int = 0
    flushes: int = 0
    refused: int = 0
    by_second: Counter[int] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)

    def note(self, now: float, ended: Ended) -> None:
        """Count one flush."""
        self.flushes += 1
        self.refused += ended.refused
        if ended.refused or ended.failed:
            return
        self.by_second[int(now - self.begins)] += ended.records
        if now >= self.begins + self.settle:
            self.delivered += ended.records
            self.latencies.append(ended.seconds / median_of(self.step, ended.records))

    def begin_again(self, now: float) -> None:
        """Forget what was counted: the outage is over."""
        self.begins = now
        self.delivered = 0
        self.by_second.clear()
        self.latencies.clear()

    def outcome(self, limit: int) -> Outcome:
        """Return what came of it."""
        best = capacity(self.step)
        enough = (second for second, records in sorted(self.by_second.items()) if records >= RECOVERED * best)
        share = self.delivered / (self.ends - self.begins - self.settle) / best
        latency = median(self.latencies) if self.latencies else inf
        size = self.delivered / max(1, len(self.latencies))
        return Outcome(share, latency, limit, size, next(enough, inf), self.refused / max(1, self.flushes))


class Downstream:
    """Serves flushes. What comes of one is known when it begins."""

    def __init__(self, step: Step, random: Random) -> None:
        self._step = step
        self._random = random
        self._free = [0.0] * step.link.servers
        self._tokens, self._tokens_at = step.link.rate / 10, 0.0
        self._first = step.link.first_ms / 1e3

    def become(self, step: Step, now: float) -> None:
        """Be another one: servers that come are free, those that go are the idlest."""
        self._step = step
        servers = step.link.servers
        self._free = sorted([*self._free, *[now] * (servers - len(self._free))])[-servers:]

    def is_down(self, now: float) -> bool:
        """Whether it cannot be reached."""
        return now < self._step.at + self._step.link.down_s

    def answer(self, records: int, running: int, now: float) -> Ended:
        """Take a flush that begins now."""
        link = self._step.link
        if self.is_down(now):
            return Ended(records, REFUSAL, running, failed=True)
        if not self._admits(link, now):
            return Ended(records, REFUSAL, running, refused=True)
        if self._random.random() < link.hangs:
            return Ended(records, HANG, running, failed=True)
        seconds, self._first = self._service(records, running) + self._first, 0.0
        if not link.sigma:
            seconds = self._serve(seconds, now)
        return Ended(records, seconds, running, failed=self._random.random() < link.errors)

    def _serve(self, seconds: float, now: float) -> float:
        """Wait for a server and take its time; return both together."""
        done = max(now, heapq.heappop(self._free)) + seconds
        heapq.heappush(self._free, done)
        return done - now

    def _service(self, records: int, running: int) -> float:
        link, work = self._step.link, self._step.work
        seconds = seconds_of(self._step, records)
        if link.kib_us:
            seconds += link.kib_us / 1e6 * records * work.record_bytes / 1024 * self._random.uniform(-1 / 3, 1 / 3)
        return seconds * crowd(link, running) * self._random.lognormvariate(-(link.jitter**2) / 2, link.jitter)

    def _admits(self, link: Link, now: float) -> bool:
        """Take a token from the bucket, if there is one."""
        if link.rate == inf:
            return True
        self._tokens = min(link.rate / 10, self._tokens + link.rate * (now - self._tokens_at)) - 1
        self._tokens_at = now
        if self._tokens >= 0:
            return True
        self._tokens += 1
        return False


class Rig:
    """One run."""

    def __init__(self, scenario: Scenario, law: Law, seed: int) -> None:
        self._law = law
        self._random = Random(seed)
        self._step = scenario.steps[0]
        self._downstream = Downstream(self._step, self._random)
        self._ends = scenario.seconds
        bounds = pairwise([*(step.at for step in scenario.steps), scenario.seconds])
        self._counts = [
            Count(step, scenario.settle, begins, ends) for step, (begins, ends) in zip(scenario.steps, bounds, strict=True)
        ]
        self._breaker = Breaker(LONGEST_WAIT, Random(seed))
        self._now = self._arrived_at = 0.0
        self._running = self._waiting = 0
        self._numbers = count()
        self._future: list[tuple[float, int, Ended | Step | None]] = []
        for step in scenario.steps[1:]:
            self._later(step.at, step)

    def run(self) -> list[Outcome]:
        """Let the time of the scenario pass; return what came of each step."""
        limits: list[int] = []
        self._fill()
        while self._future[0][0] <= self._ends:
            self._now, number, event = heapq.heappop(self._future)
            if isinstance(event, Step):
                limits.append(self._law.limit(self._now))
                self._step = event
                self._downstream.become(event, self._now)
            elif event is not None:
                self._end(number, event, self._counts[len(limits)])
            self._fill()
        limits.append(self._law.limit(self._now))
        return [counts.outcome(limit) for counts, limit in zip(self._counts, limits, strict=True)]

    def _later(self, at: float, event: Ended | Step | None) -> int:
        number = next(self._numbers)
        heapq.heappush(self._future, (at, number, event))
        return number

    def _fill(self) -> None:
        """Start what may start; where less has arrived than a batch needs, come back when it has."""
        work = self._step.work
        self._arrive(work)
        while self._may_start():
            size = self._law.size(self._running) if isinstance(work.sizes, str) else self._random.randint(*work.sizes)
            if work.arrivals < inf and self._waiting < size:
                self._later(self._now + (size - self._waiting) / work.arrivals + 1e-6, None)
                return
            self._waiting -= size
            self._start(size)

    def _may_start(self) -> bool:
        """Whether a place is free, and the breaker is closed or wants to probe."""
        breaker = self._breaker
        if breaker.state is BreakerState.CLOSED:
            return self._running < self._law.limit(self._now)
        if not breaker.is_probe_due(self._now):
            return False
        breaker.signal(BreakerSignal.PROBE_DUE, self._now)
        return True

    def _arrive(self, work: Work) -> None:
        if work.arrivals < inf:
            self._waiting += int(work.arrivals * (self._now - self._arrived_at))
            self._arrived_at += int(work.arrivals * (self._now - self._arrived_at)) / work.arrivals

    def _start(self, size: int) -> None:
        self._running += 1
        ended = self._downstream.answer(size, self._running, self._now)
        number = self._later(self._now + ended.seconds, ended)
        self._law.started(number, self._running, self._now)

    def _end(self, number: int, ended: Ended, counts: Count) -> None:
        self._running -= 1
        self._law.ended(number, ended, self._now)
        counts.note(self._now, ended)
        if self._downstream.is_down(self._now) and ended.failed:
            self._miss()
        elif not ended.failed and not ended.refused and self._pass():
            counts.begin_again(self._now)

    def _miss(self) -> None:
        """Tell the breaker of a failure in an outage, and come back for its next probe."""
        breaker, now = self._breaker, self._now
        if breaker.state is BreakerState.HALF_OPEN:
            breaker.signal(BreakerSignal.FAILURE, now)
        elif breaker.state is BreakerState.CLOSED and breaker.note(failed=True, now=now):
            breaker.signal(BreakerSignal.TRIPPED, now)
        if breaker.probe_at is not None:
            self._later(breaker.probe_at, None)

    def _pass(self) -> bool:
        """Tell the breaker of a success; return whether that closed it."""
        if self._breaker.state is BreakerState.CLOSED:
            self._breaker.note(failed=False, now=self._now)
        return self._breaker.signal(BreakerSignal.SUCCESS, self._now)


def outcomes(scenario: Scenario, law: Law, seed: int) -> Sequence[Outcome]:
    """Run a scenario under a law."""
    return Rig(scenario, law, seed).run()
