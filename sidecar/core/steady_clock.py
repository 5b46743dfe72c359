"""The wall clock, steadied: a jump ahead is followed slowly, so that no jump makes records too old all at once.

The age of a record is the wall clock's time less the record's timestamp. A clock that is set ahead by an hour would make everything an hour old, and a policy with ``max_age`` would drop
all of it. So the time that ages are reckoned with gains on the monotonic clock by at most :data:`SLEW`; a clock that is set back is followed at once, since that makes
nothing older. A jump ahead that was right (a virtual machine that slept) is caught up with, too; until then records count as younger than they are: in doubt they are delivered.

What the clock was at the start is believed.
"""

from __future__ import annotations

SLEW = 0.05
"""Seconds that may be gained a second: an hour's jump takes 20 hours."""


class SteadyClock:
    """Follows the wall clock as it is seen at each poll."""

    def __init__(self) -> None:
        """Begin with what is seen first."""
        self._seen_at: float | None = None
        self._wall_ms = 0.0

    def see(self, now: float, wall_ms: int) -> None:
        """Take note that the wall clock showed ``wall_ms`` at ``now`` (monotonic seconds)."""
        if self._seen_at is not None:
            passed = max(0.0, now - self._seen_at) * 1000
            wall_ms = min(wall_ms, int(self._wall_ms + passed * (1 + SLEW)))
        self._wall_ms, self._seen_at = float(wall_ms), now

    def wall_ms(self, now: float) -> float:
        """Return the time that ages are reckoned with at ``now``; the start of the era while no clock was seen."""
        return self._wall_ms if self._seen_at is None else self._wall_ms + (now - self._seen_at) * 1000
