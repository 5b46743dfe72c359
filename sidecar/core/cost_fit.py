"""The cost of a flush: ``latency = a + b·n``, fitted over recent flushes of ``n`` records.

Least squares with exponential forgetting (:data:`FORGETTING` a sample; Ljung, "System Identification", recursive least squares), made
robust after Huber ("Robust Statistics"): what lies further from the line than :data:`CLIP` times the usual distance counts as that far away, so that one
hung call moves it little. That the downstream has become another one is told by a cumulative sum (Page, "Continuous Inspection Schemes", 1954): of how many of the usual
distances flushes lie above the line, or below it, less one each. At :data:`ALARM` what was known until then is forgotten.

Only flushes that did not wait in a queue may be shown to it. One that did looks as if each call cost more, and so asks for larger batches, which queue for longer.
Nor may the very first one, which makes connections.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import copysign, sqrt

FORGETTING = 0.995
CLIP = 4.0
DISTANCES = 50
"""Over how many flushes the usual distance is a mean: more than it takes to the alarm, or another downstream would become the usual before."""
ALARM = 8.0
CLOSE = 0.01
"""A distance below this share of what was expected is none: no downstream is that even for long."""
SHORTEST = 1e-9
"""The same in seconds."""
LEFT = 0.1
"""For how many flushes the past counts once the downstream is another one."""
LEAST_SPREAD = 0.05
"""The least spread of the sizes, as a share of their mean, at which a line can be told from them."""


@dataclass(frozen=True, slots=True)
class Cost:
    """``fixed`` seconds a flush and ``per_record`` seconds a record, the latter within about ``error`` (one standard error), from ``samples`` flushes in effect.

    Single flushes are ``spread`` seconds away from the line (a mean distance, not a variance). ``mean_records`` and ``mean_seconds`` are those of the
    flushes behind it: the one point of the line that is known well.
    """

    fixed: float
    per_record: float
    error: float
    samples: float
    mean_records: float
    mean_seconds: float
    spread: float

    def of(self, records: int) -> float:
        """Return how long a flush of ``records`` takes that does not wait, in seconds; above 0 also where the line is not."""
        return max(self.fixed + self.per_record * records, 0.1 * self.mean_seconds, SHORTEST)


class CostFit:
    """The line through recent flushes."""

    def __init__(self) -> None:
        """Begin without samples. ``cost`` is what is known; None while the sizes seen are too alike to tell both parts of it."""
        self.cost: Cost | None = None
        self._weight = self._n = self._t = self._nn = self._nt = 0.0
        self._distance = self._slower = self._faster = 0.0
        self._known = 0

    def add(self, records: int, seconds: float) -> None:
        """Add one flush."""
        line = self.cost
        if line is not None:
            seconds = self._within_reason(seconds, line.fixed + line.per_record * records)
        self._fade(FORGETTING)
        self._weight += 1
        self._n += records
        self._t += seconds
        self._nn += records * records
        self._nt += records * seconds
        self.cost = self._line()

    def _line(self) -> Cost | None:
        mean, mean_seconds = self._n / self._weight, self._t / self._weight
        variance = self._nn / self._weight - mean * mean
        if variance < (LEAST_SPREAD * mean) ** 2:
            return None
        slope = (self._nt / self._weight - mean * mean_seconds) / variance
        error = 1.25 * self._distance / sqrt(variance * self._weight)
        return Cost(mean_seconds - slope * mean, slope, error, self._weight, mean, mean_seconds, self._distance)

    def _within_reason(self, seconds: float, expected: float) -> float:
        """Return ``seconds``, or as far from what was expected as one flush may pull; learn how far they usually are."""
        away = seconds - expected
        if not self._known:
            self._distance, self._known = abs(away), 1
            return seconds
        usual = max(self._distance, CLOSE * abs(expected), SHORTEST)
        pull = copysign(min(abs(away), CLIP * usual), away)
        self._slower = max(0.0, self._slower + pull / usual - 1)
        self._faster = max(0.0, self._faster - pull / usual - 1)
        if max(self._slower, self._faster) > ALARM:
            self._forget(away)
            return seconds
        self._known = min(self._known + 1, DISTANCES)
        self._distance += (abs(pull) - self._distance) / self._known
        return expected + pull

    def _forget(self, away: float) -> None:
        self._slower = self._faster = 0.0
        self._distance, self._known = abs(away), 1
        self._fade(min(1.0, LEFT / self._weight))

    def _fade(self, keep: float) -> None:
        self._weight *= keep
        self._n *= keep
        self._t *= keep
        self._nn *= keep
        self._nt *= keep
