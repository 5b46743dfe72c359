"""How long a failed batch waits: exponential backoff with full jitter, ``Retry-After`` obeyed; and how many retries there may be altogether.

Full jitter, a uniform random wait below the exponential ceiling, spreads competing retries best; see Marc Brooker, "Exponential
Backoff and Jitter" (AWS Architecture Blog, 2015).
"""

from __future__ import annotations

from random import Random

from sidecar.core.config import RetryLimits


def backoff(attempt: int, limits: RetryLimits, random: Random, asked: float | None = None) -> float:
    """Return the seconds to wait after failed attempt number ``attempt`` (1 is the first).

    ``asked`` is the downstream's own wait (``Retry-After``): never less than that is waited, up to ``limits.max_wait``.
    """
    ceiling = min(limits.max_wait, limits.base * 2.0 ** min(attempt - 1, 60))
    wait = random.uniform(0.0, ceiling)
    return wait if asked is None else min(limits.max_wait, max(asked, wait))


RETRIES_PER_SECOND = 10.0
RETRIES_PER_DELIVERY = 0.2
LONGEST_SAVING = 10.0
"""The budget: so many retries a second at any time, one more for every fifth delivered batch, and what ten seconds bring can be saved up.
They are the defaults of Finagle's ``RetryBudget``."""


class RetryBudget:
    """Bounds the retries of all batches together, so that what comes back is not met by a stampede of what has waited."""

    def __init__(self) -> None:
        """Begin with a second's worth."""
        self._tokens = RETRIES_PER_SECOND
        self._at: float | None = None

    def earn(self) -> None:
        """Take note of a delivered batch."""
        self._tokens = min(RETRIES_PER_SECOND * LONGEST_SAVING, self._tokens + RETRIES_PER_DELIVERY)

    def spend(self, now: float) -> bool:
        """Take a retry out of the budget; return False, taking none, where there is none left."""
        since = now if self._at is None else self._at
        self._at = now
        self._tokens = min(RETRIES_PER_SECOND * LONGEST_SAVING, self._tokens + (now - since) * RETRIES_PER_SECOND)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def next_at(self, now: float) -> float:
        """Return when there will be one, if nothing is delivered before; asked after :meth:`spend` has refused."""
        return now + (1 - self._tokens) / RETRIES_PER_SECOND
