"""The work of ``redrive`` and ``drop``: letters are read in order, those that are meant go to a target, and what it took is committed before the next are read.

So it can be ended at any moment and begun again: at worst the letters of one round go twice. A letter that is not meant, is refused, or failed, stays, and is there the next time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sidecar.core.records import TopicPartition
from sidecar.dlq.done import Done
from sidecar.dlq.letters import Letter
from sidecar.dlq.selection import Selection

PIECE = 100
"""The most letters between two commits: more holes than these make might not fit into one."""

Places = Mapping[TopicPartition, tuple[int, str]]
"""Committed offsets with their metadata."""


class Target(Protocol):
    """Where letters go."""

    def take(self, letters: Sequence[Letter]) -> Sequence[str | None]:
        """Return for each of ``letters`` why it was not taken, for people; None where it was."""


@dataclass(slots=True)
class Tally:
    """What came of it, so far. ``refused`` and ``failed`` count letters by the reason; ``stopped`` is why it ended before its time."""

    seen: int = 0
    taken: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    stopped: str | None = None


@dataclass(frozen=True, slots=True)
class Orders:
    """What is to be done: with which letters, with how many at most (None: all), and which must not go, and why."""

    selection: Selection
    most: int | None = None
    refusal: Callable[[Letter], str | None] = lambda _letter: None


class Work:
    """One run over the letters of some partitions."""

    def __init__(self, orders: Orders, committed: Places, target: Target, commit: Callable[[Places], None]) -> None:
        """Go on where ``committed`` says; ``commit`` keeps what is done."""
        self.tally = Tally()
        self._orders = orders
        self._done = {tp: Done(*place) for tp, place in committed.items()}
        self._reached = {tp: offset for tp, (offset, _) in committed.items()}
        self._target = target
        self._commit = commit

    def round(self, letters: Iterable[Letter]) -> bool:
        """Do what is to be done with these; return whether to go on."""
        chosen = [(letter, self._begin_of(letter)) for letter in letters]
        chosen = [(letter, begin) for letter, begin in chosen if self._is_meant(letter)]
        if self._orders.most is not None:
            chosen = chosen[: self._orders.most - self.tally.taken - self.tally.failed.total()]
        for first in range(0, len(chosen), PIECE):
            if self.tally.stopped is None:
                self._send(chosen[first : first + PIECE])
        return self.tally.stopped is None and not self._is_enough()

    def _is_meant(self, letter: Letter) -> bool:
        """Whether a letter is to go. One that is refused is counted."""
        if letter.offset in self._done[letter.tp]:
            return False
        self.tally.seen += 1
        if self._is_enough() or not self._orders.selection.takes(letter):
            return False
        if (reason := self._orders.refusal(letter)) is not None:
            self.tally.refused[reason] += 1
        return reason is None

    def _is_enough(self) -> bool:
        return self._orders.most is not None and self.tally.taken + self.tally.failed.total() >= self._orders.most

    def _begin_of(self, letter: Letter) -> int:
        """Return where the offsets of ``letter`` begin: those between it and the one before hold none."""
        begin, self._reached[letter.tp] = self._reached[letter.tp], letter.offset + 1
        return min(begin, letter.offset)

    def _send(self, chosen: Sequence[tuple[Letter, int]]) -> None:
        answers = self._target.take([letter for letter, _ in chosen])
        changed: dict[TopicPartition, Done] = {}
        for (letter, begin), error in zip(chosen, answers, strict=True):
            if error is None:
                self.tally.taken += 1
                changed[letter.tp] = self._done[letter.tp]
                changed[letter.tp].add(begin, letter.offset + 1)
            else:
                self.tally.failed[error] += 1
        if changed:
            self._commit({tp: (done.offset, done.metadata) for tp, done in changed.items()})
        if any(done.is_full for done in changed.values()):
            self.tally.stopped = "too many open letters lie between those that are done for the group to remember: redrive or drop the first ones, too"
