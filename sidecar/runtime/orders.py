"""Orders are given here, by the thread of the admin server: each gets a ticket, and goes to the loop."""

from __future__ import annotations

import itertools
from collections.abc import Callable

from sidecar.runtime.commands import Command, Order, Ordered


class Orders:
    """Gives orders; used by one thread."""

    def __init__(self, put: Callable[[Command], None], before_drain: Callable[[], None]) -> None:
        """``put`` takes a command to the loop; ``before_drain`` is called before a drain is ordered for the first time."""
        self._put = put
        self._before_drain = before_drain
        self._has_drained = False
        self._tickets = itertools.count(1)

    def give(self, order: Order) -> int:
        """Order something; return the ticket."""
        if order is Order.DRAIN and not self._has_drained:
            self._has_drained = True
            self._before_drain()
        ticket = next(self._tickets)
        self._put(Ordered(order, ticket))
        return ticket
