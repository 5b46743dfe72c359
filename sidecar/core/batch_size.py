"""The dial of the batch size: how many records and bytes a batch has.

A flush of ``n`` records costs ``latency = a + b·n`` (:mod:`sidecar.core.cost_fit`). The share of the time that is spent on records, not on the
fixed cost, is ``e = b·n / (a + b·n)``; so ``n = e/(1-e) · a/b`` reaches the wanted share ``e`` (:data:`EFFICIENCY`). To ``a`` comes what the sidecar itself takes for a flush
(:data:`OWN`), which no flush shows: else a downstream with nearly no fixed cost would get batches that keep the sidecar busy with handing them over. The result is bounded by
the latency target, ``n <= (target/s - a)/b`` with ``s`` the times that a flush takes longer for waiting in a queue, by bytes, and by ``max_batch``.
It is left alone within :data:`DEADBAND`, and made smaller only where that is wanted by a standard error more: a size that is somewhat too large
costs latency within the target, one that is too small costs capacity.

*Steps.* At most ×:data:`GROWTH` a step, and at least half, a step being a flush that was started after the last one: right after a change of the downstream a line through few flushes
may ask for anything. One flush over the target halves the size, unless it hung (:data:`HUNG` times the usual time); so a step in the cost of the downstream is met by shrinking faster than growing.

*Dither.* Sizes alternate at random by ±:data:`DITHER` where flushes tell the cost, else ``a`` and ``b`` could not be told apart (persistent
excitation, Ljung). Where the larger of the two would be above a bound, or take longer than the target, it is the size itself and, one time in eight, the smaller.

*Learned size.* A batch that the downstream refused for its size halves the limit in bytes. It grows back by :data:`REGROWTH` with each full batch
that was taken, so a limit that stays costs one refusal in 139 full batches (ln 2 / ln 1.005), and one that went away is forgotten.
"""

from __future__ import annotations

from math import inf
from random import Random

from sidecar.core.config import FlushLimits
from sidecar.core.cost_fit import Cost

EFFICIENCY = 0.9
OWN = 0.000_25
"""What a flush takes beside the call of the downstream, in seconds: a batch and its result go from thread to thread and through the engine."""
GROWTH = 1.25
DITHER = 0.25
DEADBAND = 0.1
FEW_OVER = 2.0
"""Flushes that take longer by this many times their usual distance from the line are few."""
HUNG = 10.0
REGROWTH = 1.005
FEW = 100
"""The closed form never asks for less: below this the fitted fixed cost is noise. The latency target still can."""


class BatchSize:
    """The size, within its bounds."""

    def __init__(self, limits: FlushLimits) -> None:
        """Begin at ``first_batch`` records."""
        self._limits = limits
        self.records = min(limits.first_batch, limits.max_batch)
        self._most: float = limits.max_batch
        self.nbytes = limits.max_batch_bytes

    def dithered(self, random: Random) -> int:
        """Return a size near the present one, above or below it by chance; where there is no above, the present one but for one in eight."""
        above, below = round(self.records * (1 + DITHER)), round(self.records * (1 - DITHER))
        if above <= self._most:
            return above if random.getrandbits(1) else below
        return self.records if random.getrandbits(3) else below

    def wanted(self, cost: Cost | None, slowdown: float) -> int:
        """Return the size to go to, were there no steps; the present one where it is near enough. The bound that follows from ``cost`` is kept for the dither."""
        if cost is None:
            self._most = self._limits.max_batch
            return min(self._limits.max_batch, self.records + max(1, self.records // 8))
        self._most = min(self._limits.max_batch, self._timely(cost, slowdown))
        lower = self._best(cost, cost.per_record)
        upper = self._best(cost, cost.per_record - cost.error)
        size = max(lower, min(self.records, upper))
        is_near = abs(size - self.records) < DEADBAND * self.records and size < self._limits.max_batch
        return self.records if is_near else size

    def stepped(self, wanted: int) -> int:
        """Return ``wanted``, or as much of the way there as one step may take."""
        most = max(self.records + 1, int(self.records * GROWTH))
        return max(1, self.records // 2, min(wanted, most))

    def is_over(self, seconds: float) -> bool:
        """Whether a flush took longer than it should."""
        return seconds > self._limits.target_latency

    def halved(self, records: int) -> int:
        """Return half of a size that was too much."""
        return max(1, min(self.records, records) // 2)

    def was_full(self) -> None:
        """Let the limit in bytes grow back: a full batch was taken."""
        if self.nbytes < self._limits.max_batch_bytes:
            self.nbytes = min(self._limits.max_batch_bytes, max(self.nbytes + 1, int(self.nbytes * REGROWTH)))

    def was_refused(self, records: int, nbytes: int) -> None:
        """Keep below half of what the downstream refused for its size."""
        self.nbytes = max(1, min(self.nbytes, nbytes // 2))
        self.records = max(1, min(self.records, records // 2))

    def _best(self, cost: Cost, slope: float) -> int:
        """Return what the closed form asks for, were ``slope`` the cost of a record, within the bounds."""
        if slope <= 0:
            efficient = inf
        else:
            fixed = cost.mean_seconds - slope * cost.mean_records
            efficient = max(FEW, EFFICIENCY / (1 - EFFICIENCY) * (max(fixed, 0.0) + OWN) / slope)
        return max(1, int(min(efficient, self._most)))

    def _timely(self, cost: Cost, slowdown: float) -> float:
        """Return the size at which a flush takes as long as it should, all but a few."""
        if cost.per_record <= 0:
            return inf
        target = self._limits.target_latency / slowdown - FEW_OVER * cost.spread
        return (target - cost.fixed) / cost.per_record
