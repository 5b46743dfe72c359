"""How long a failed batch waits: exponential backoff with full jitter, ``Retry-After`` obeyed.

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
