"""The ration of dead letters: deliveries earn them, so that no failure of the downstream as a whole can empty a topic into the dead-letter topic.

A token bucket that fills by success and not by time: :attr:`Ration.tokens` begin at ``burst``, a delivered record earns ``1 / earned_by``, a dead letter
spends one. The idea is that of a retry budget (Finagle's ``RetryBudget``; "Addressing Cascading Failures" in Google's SRE book), on another scarce thing.
"""

from __future__ import annotations


class Ration:
    """Tokens, at most ``burst`` of them."""

    def __init__(self, burst: int, earned_by: int) -> None:
        """Begin with ``burst`` tokens; ``earned_by`` deliveries earn another one."""
        self.tokens = float(burst)
        self._burst = burst
        self._earned_by = earned_by

    def earn(self, delivered: int) -> None:
        """Take note of ``delivered`` records."""
        self.tokens = min(float(self._burst), self.tokens + delivered / self._earned_by)

    def spend(self) -> bool:
        """Take a token; return False, taking nothing, where there is none."""
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True
