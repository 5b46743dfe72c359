"""What decides how many flushes run at once, and how large they are: the flush control, or a rival of it."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Protocol

from sidecar.core.config import FlushLimits
from sidecar.core.flush_control import FlushControl, Launch


@dataclass(frozen=True, slots=True)
class Ended:
    """A flush that ended: ``running`` ran when it was started, with it; ``refused`` for the rate, ``failed`` for another reason."""

    records: int
    seconds: float
    running: int
    refused: bool = False
    failed: bool = False


class Law(Protocol):
    """Decides from what it is told. ``number`` is the flush's own; ``now`` in seconds."""

    def limit(self, now: float) -> int:
        """Return how many flushes may run."""
        ...

    def size(self, running: int) -> int:
        """Return the records of the next flush, beside ``running`` ones, where the scenario leaves that open."""
        ...

    def started(self, number: int, running: int, now: float) -> None:
        """Take note that one was started; ``running`` run, with it."""
        ...

    def ended(self, number: int, ended: Ended, now: float) -> None:
        """Take note that it ended."""
        ...


class Ours:
    """The flush control, told what the engine tells it."""

    def __init__(self, limits: FlushLimits, random: Random) -> None:
        self.control = FlushControl(limits, random)
        self._launches: dict[int, Launch] = {}

    def limit(self, now: float) -> int:
        return self.control.allowed(now)

    def size(self, running: int) -> int:
        return self.control.next_size(running)

    def started(self, number: int, running: int, now: float) -> None:
        self._launches[number] = self.control.launched(running, now)

    def ended(self, number: int, ended: Ended, now: float) -> None:
        launch = self._launches.pop(number)
        self.control.ended(launch, now)
        if ended.refused or ended.failed:
            self.control.failed(launch, now, refused=ended.refused)
        else:
            self.control.delivered(launch, ended.records, ended.seconds, now, filled=True)
