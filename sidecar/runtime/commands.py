"""Commands: what other threads want of the loop.

They come by the same queue as the results of flushes, on which the loop waits, so it wakes up at once. None is answered: what came of a
command is in the next report, whose ``ticket`` is that of the last order that was carried out.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Order(enum.Enum):
    """What a person, or a hook of the pod, can ask for."""

    PAUSE = "pause"
    RESUME = "resume"
    QUIESCE = "quiesce"
    DRAIN = "drain"


@dataclass(frozen=True, slots=True)
class Ordered:
    """An order; ``ticket`` numbers them from 1."""

    order: Order
    ticket: int


@dataclass(frozen=True, slots=True)
class AppChanged:
    """The application became healthy (``trouble`` is None), or is not."""

    trouble: str | None


Command = Ordered | AppChanged
