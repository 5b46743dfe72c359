"""A window of flushes: what was seen between two turns of a dial. Only flushes that were started in it count.

It is over after :data:`SHORTEST` seconds and :data:`FEWEST` flushes, whichever comes later: enough for a median. While the concurrency still doubles, half of both will do: what is looked
for then is a queue that is plain to see.
"""

from __future__ import annotations

from collections import deque
from statistics import median

from sidecar.core.cost_fit import Cost

SHORTEST = 0.25
FEWEST = 12
SHORTEST_AT_START, FEWEST_AT_START = 0.1, 6
MOST = 1000
"""How many flushes are kept for the median, the latest."""
MOSTLY, NEARLY_ALL = 0.5, 0.9


class Window:
    """Flushes since ``began`` (monotonic seconds)."""

    def __init__(self, began: float, shortest: float = SHORTEST, fewest: int = FEWEST) -> None:
        """Begin without flushes, to be over after ``shortest`` seconds and ``fewest`` of them; at infinity where the first flush is yet to come."""
        self.began = began
        self._shortest = shortest
        self._fewest = fewest
        self.flushes = 0
        self._seen: deque[tuple[int, float]] = deque(maxlen=MOST)
        self._waited = 0
        self._unqueued = 0

    def add(self, records: int, seconds: float, *, waited: bool, unqueued: bool) -> None:
        """Add a flush: ``waited`` tells that it waited for its place, ``unqueued`` that few others ran."""
        self.flushes += 1
        self._seen.append((records, seconds))
        self._waited += waited
        self._unqueued += unqueued

    def seconds(self, now: float) -> float:
        """Return how long it is open."""
        return now - self.began

    def is_over(self, now: float) -> bool:
        """Whether enough was seen."""
        return self.flushes >= self._fewest and self.seconds(now) >= self._shortest

    def median(self, cost: Cost | None) -> float:
        """Return the median of the latencies, each divided by what its size costs (by nothing where that is not known). There must be one."""
        return median(seconds if cost is None else seconds / cost.of(records) for records, seconds in self._seen)

    @property
    def usual(self) -> float:
        """The median latency in seconds; there must be one."""
        return self.median(None)

    @property
    def is_saturated(self) -> bool:
        """Whether most flushes waited for a place."""
        return self._waited > MOSTLY * self.flushes

    @property
    def is_unqueued(self) -> bool:
        """Whether nearly all ran with so few others that none waited downstream."""
        return self._unqueued > NEARLY_ALL * self.flushes
