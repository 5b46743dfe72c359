"""The flush control: how many records a batch has, and how long a part-filled batch may wait.

*Batch size.* A flush of ``n`` records costs ``latency = a + b·n``. The share of the time that is spent on records, not on the
fixed cost, is ``e = b·n / (a + b·n)``; so ``n = e/(1-e) · a/b`` reaches the wanted share ``e`` (:data:`EFFICIENCY`). The result is bounded by
the latency target, ``n <= (target - a)/b``, and by ``max_batch``. ``a`` and ``b`` are a least-squares fit with
exponential forgetting (:data:`FORGETTING` a sample; see Ljung, "System Identification", recursive least squares).
One sample over the target halves the size; growth is at most :data:`GROWTH` a sample, so that a step in the cost of
the downstream is met by shrinking faster than growing.

*Interval.* ×1.5 after a flush slower than 1.5 × target, ×0.8 after one faster than 0.5 × target, within its bounds.
It moves only after flushes that did not fill their batch: a full batch never waits, so its latency says nothing about
waiting, and two dials never turn on one sample.

*Learned size.* A batch that the downstream refused for its size halves the limit in bytes. It grows back by :data:`REGROWTH` with each full batch
that was taken, so a limit that stays costs one refusal in 139 full batches (ln 2 / ln 1.005), and one that went away is forgotten.
"""

from __future__ import annotations

from sidecar.core.config import FlushLimits

EFFICIENCY = 0.9
FORGETTING = 0.95
GROWTH = 1.25
REGROWTH = 1.005
FEW = 100
"""The closed form never asks for less: below this the fitted fixed cost is noise. The latency target still can."""


class CostFit:
    """``latency = a + b·n`` fitted over recent flushes, older ones fading."""

    def __init__(self) -> None:
        """Begin without samples."""
        self._weight = self._n = self._t = self._nn = self._nt = 0.0

    def add(self, records: int, seconds: float) -> None:
        """Add one flush."""
        keep = FORGETTING
        self._weight = self._weight * keep + 1
        self._n = self._n * keep + records
        self._t = self._t * keep + seconds
        self._nn = self._nn * keep + records * records
        self._nt = self._nt * keep + records * seconds

    def estimate(self) -> tuple[float, float] | None:
        """Return (a, b) in seconds and seconds a record; None while the sizes seen are too alike to tell them apart."""
        if self._weight == 0:
            return None
        mean = self._n / self._weight
        variance = self._nn / self._weight - mean * mean
        if variance < (0.05 * mean) ** 2:
            return None
        slope = (self._nt / self._weight - mean * self._t / self._weight) / variance
        return self._t / self._weight - slope * mean, slope


class FlushControl:
    """Chooses the batch size and the interval from the latencies it is shown."""

    def __init__(self, limits: FlushLimits) -> None:
        """Begin at ``first_batch`` records and the shortest interval."""
        self._limits = limits
        self._fit = CostFit()
        self.batch_records = min(limits.first_batch, limits.max_batch)
        self.batch_bytes = limits.max_batch_bytes
        self.interval = limits.min_interval

    def flushed(self, records: int, seconds: float, *, filled: bool) -> None:
        """Learn from a delivered batch; ``filled`` tells whether it was as large as the control allowed."""
        self._fit.add(records, seconds)
        if filled:
            self.batch_bytes = min(self._limits.max_batch_bytes, max(self.batch_bytes + 1, int(self.batch_bytes * REGROWTH)))
            self._resize(records, seconds)
        else:
            self._repace(seconds)

    def too_large(self, records: int, nbytes: int) -> None:
        """Keep below half of what the downstream refused for its size."""
        self.batch_bytes = max(1, min(self.batch_bytes, nbytes // 2))
        self.batch_records = max(1, min(self.batch_records, records // 2))

    def _resize(self, records: int, seconds: float) -> None:
        if seconds > self._limits.target_latency:
            self.batch_records = max(1, min(self.batch_records, records) // 2)
            return
        ceiling = min(self._limits.max_batch, max(self.batch_records + 1, int(self.batch_records * GROWTH)))
        self.batch_records = max(1, min(self._wanted(), ceiling))

    def _wanted(self) -> int:
        """Return the size that the closed form asks for; the present one while the fit cannot tell."""
        estimate = self._fit.estimate()
        if estimate is None:
            return self.batch_records + max(1, self.batch_records // 8)
        fixed, slope = estimate
        if slope <= 0:
            return self._limits.max_batch
        efficient = max(FEW, EFFICIENCY / (1 - EFFICIENCY) * max(fixed, 0.0) / slope)
        return int(min(efficient, (self._limits.target_latency - fixed) / slope, self._limits.max_batch))

    def _repace(self, seconds: float) -> None:
        target = self._limits.target_latency
        if seconds > 1.5 * target:
            self.interval = min(self._limits.max_interval, self.interval * 1.5)
        elif seconds < 0.5 * target:
            self.interval = max(self._limits.min_interval, self.interval * 0.8)
