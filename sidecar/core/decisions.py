"""What the flush control decided, and why: kept for people, the latest :data:`REMEMBERED` of them."""

from __future__ import annotations

import enum
from collections import Counter, deque
from dataclasses import dataclass

REMEMBERED = 20


class Dial(enum.Enum):
    """What the flush control turns."""

    BATCH = "batch"
    INTERVAL = "interval"
    CONCURRENCY = "concurrency"


@dataclass(frozen=True, slots=True)
class Decision:
    """One turn of a dial, at ``at`` (monotonic seconds): records of a batch, seconds of the interval, or flushes in flight. ``reason`` is for people."""

    at: float
    dial: Dial
    before: float
    after: float
    reason: str


class Decisions:
    """The latest decisions, and how often each dial was turned up and down."""

    def __init__(self) -> None:
        """Begin without any."""
        self.latest: deque[Decision] = deque(maxlen=REMEMBERED)
        self.counts: Counter[tuple[str, str]] = Counter({(dial.value, way): 0 for dial in Dial for way in ("up", "down")})

    def note(self, decision: Decision) -> None:
        """Keep a decision."""
        self.latest.append(decision)
        self.counts[decision.dial.value, "up" if decision.after > decision.before else "down"] += 1
