"""The driver: hands events to the engine and carries out the actions that come back.

An action can cause an event at once (a commit that fails before it is sent). That event is handled after all
actions of the present one, so actions are carried out in the order in which the engine gave them.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

from sidecar.core.actions import Action, Commit, DeadLetter, Divert, Finish, Landed, Locate, Pause, Resume, StartFlush
from sidecar.core.engine import Engine
from sidecar.core.events import CommitFinished, DeadLetterFinished, DivertFinished, Event, Located
from sidecar.runtime.client import Client
from sidecar.runtime.commands import AppChanged, Command, Ordered
from sidecar.runtime.flushers import Flushed, Outcome
from sidecar.runtime.observer import Observer
from sidecar.runtime.stored_offsets import NotLocated


@dataclass(frozen=True, slots=True)
class Hands:
    """Who carries out what the client does not; what is not there is never asked for."""

    flush: Callable[[StartFlush], None]
    locate: Callable[[Locate], None] | None = None
    dead_letter: Callable[[DeadLetter], None] | None = None
    divert: Callable[[Divert], None] | None = None


class Driver:
    """The engine with its hands. Owned by the loop's thread."""

    def __init__(  # noqa: PLR0913, PLR0917 -- its parts, each of another type
        self,
        engine: Engine,
        client: Client,
        hands: Hands,
        outcomes: SimpleQueue[Outcome],
        observer: Observer,
        clock: Callable[[], float],
    ) -> None:
        """``outcomes`` is where ``hands`` put what came of their work; ``clock`` is monotonic. ``handled`` counts the events so far."""
        self.engine = engine
        self.client = client
        self.observer = observer
        self.clock = clock
        self.finished: Finish | None = None
        self.handled = 0
        self.commits: Counter[str] = Counter(ok=0, failed=0)
        self.commands: deque[Command] = deque()
        self._outcomes = outcomes
        self._events: deque[Event] = deque()
        self._handling = False
        self._hands: dict[type, Callable[[Any], None]] = {
            StartFlush: hands.flush,
            Pause: lambda action: client.pause(action.partitions),
            Resume: lambda action: client.resume(action.positions),
            Commit: lambda action: client.commit(action.offsets),
            Finish: self._finish,
            Landed: lambda action: observer.landed(action.chunks),
        }
        if hands.locate is not None:
            self._hands[Locate] = hands.locate
        if hands.dead_letter is not None:
            self._hands[DeadLetter] = hands.dead_letter
        if hands.divert is not None:
            self._hands[Divert] = hands.divert

    def handle(self, event: Event) -> None:
        """Let the engine decide on ``event`` and do what it says; from within an action, after that action's event."""
        self._events.append(event)
        if self._handling:
            return
        self._handling = True
        try:
            while self._events:
                self._handle(self._events.popleft())
        finally:
            self._handling = False

    def pump(self, timeout: float) -> bool:
        """Handle all results that are there, waiting up to ``timeout`` seconds for the first; return whether there was one.

        A command ends the wait, too; it is kept in :attr:`commands`, since this may be called from within a callback.
        Raises what a writer raised.
        """
        try:
            outcome = self._outcomes.get(timeout > 0, timeout)
        except Empty:
            return False
        while True:
            self._take(outcome)
            if self._outcomes.empty():
                return True
            outcome = self._outcomes.get()

    def _take(self, outcome: Outcome) -> None:
        if isinstance(outcome, Ordered | AppChanged):
            self.commands.append(outcome)
            return
        if isinstance(outcome, Located | DeadLetterFinished | DivertFinished):
            self.handle(outcome)
            return
        if isinstance(outcome, NotLocated):
            self.observer.trouble(
                "stored_offsets.not_read", partitions=outcome.partitions, attempts=outcome.attempts, reason=outcome.reason
            )
            return
        if not isinstance(outcome, Flushed):
            raise outcome
        self.observer.flushed(outcome.event.result, outcome.event.seconds, outcome.records)
        self.handle(outcome.event)

    def _handle(self, event: Event) -> None:
        if isinstance(event, CommitFinished):
            self.commits["ok" if event.error is None else "failed"] += 1
        self.handled += 1
        now = self.clock()
        known: list[Action] = []
        for action in self.engine.handle(event, now):
            hand = self._hands.get(type(action))
            if hand is None:
                known.append(action)
            else:
                hand(action)
        if known:
            self.observer.acted(known, now)

    def _finish(self, finish: Finish) -> None:
        self.finished = finish
        self.observer.acted([finish], self.clock())
