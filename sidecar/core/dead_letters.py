"""Dead letters: what becomes of a record that the downstream will never take, where there is a topic for them.

::

                   another one was taken   refused again
    condemned ──▶ UNPROVEN ──▶ RECHECKED ──▶ DUE ──────────▶ SENT ──▶ dead-lettered (its offset may be committed)
                     │             │          ▲ │ no token    │
                     │             ▼          │ ▼             │ the topic's broker refused it: again, after a wait
                     │         delivered      └─┴◀────────────┘
                     └──▶ ten in a row: back to the buffer, and the breaker opens

- *Unproven*: an outage can look like poison (a schema changed, and everything is refused). So a letter waits until the downstream has taken another record of the
  same partition since; where there is nothing else to try, it is sent. Ten in a row without a delivery are no poison. Where the downstream keeps offsets, a letter is
  due at once: the offset that is written with a later record would pass one that has no outcome yet.
- *Rechecked*: then it is tried once more, alone. The interleaving: an outage that looked like poison refuses it; the outage ends; the next record is taken. Such a record is
  delivered late, but a dead letter would come later still.
- *Due*: it costs a token (:mod:`sidecar.core.ration`); without one the partition is held.
- *Sent*: nothing of the partition is flushed until the topic's broker has acknowledged it; while that fails, the partition is held.

A record counts as in flight all that time. When its partition leaves, or a drain begins, what is not sent is given back: failures during
a drain never become dead letters.
"""

from __future__ import annotations

from dataclasses import dataclass

from sidecar.core.actions import DeadLetter, DeadLettered, DeadLetterFailed, LetterReason
from sidecar.core.books import ReleaseReason
from sidecar.core.events import DeadLetterFinished
from sidecar.core.records import Chunk, TopicPartition
from sidecar.core.results import Said
from sidecar.core.retry import backoff
from sidecar.core.state import EngineState, Letter, Partition

IN_A_ROW = 10
"""So many records of a partition that are refused without one that is taken are no poison."""

EXHAUSTED = "dead_letter_budget_exhausted: too few deliveries have earned another dead letter"


@dataclass(frozen=True, slots=True)
class Blame:
    """Why a record is condemned; see :class:`~sidecar.core.actions.DeadLetter`.

    ``failed_at`` is the monotonic time of its first failure, ``proven`` tells that the downstream answered for the record itself, ``rechecked`` that it was
    refused once more after another one was taken.
    """

    reason: LetterReason
    error: str
    said: Said
    attempts: int
    failed_at: float
    proven: bool = False
    rechecked: bool = False


class DeadLetters:
    """Holds and sends letters."""

    def __init__(self, state: EngineState) -> None:
        """Work on the engine's state."""
        self._state = state
        self._last = 0
        self._unproven: dict[TopicPartition, list[int]] = {}
        self._due: float | None = None
        self._changed = False

    def condemn(self, chunk: Chunk, blame: Blame) -> list[Chunk]:
        """Make a letter of the one record of ``chunk``; return the chunks that are no poison after all: ten in a row, in order, to be tried again."""
        state = self._state
        self._last, self._changed = self._last + 1, True
        wall_ms = chunk.polled_wall_ms + int((blame.failed_at - chunk.polled_at) * 1000)
        letter = DeadLetter(self._last, chunk, blame.reason, blame.error, blame.said, blame.attempts, wall_ms)
        unproven = not (blame.proven or blame.rechecked) and state.rules.max_share < 1 and not state.config.stored_offsets
        state.letters[self._last] = Letter(letter, unproven=unproven)
        if not unproven:
            return []
        numbers = self._unproven.setdefault(chunk.tp, [])
        numbers.append(self._last)
        if len(numbers) < IN_A_ROW:
            return []
        chunks = [state.letters.pop(number).chunk for number in self._unproven.pop(chunk.tp)]
        return sorted(chunks, key=lambda each: each.start)

    def taken(self, tp: TopicPartition) -> None:
        """Take note that the downstream took records of ``tp``: what was refused before is tried once more."""
        state, numbers = self._state, self._unproven.pop(tp, [])
        for number in numbers:
            state.letters[number].unproven, state.letters[number].rechecked = False, True
        if numbers:
            state.rechecks.setdefault(tp, []).extend(numbers)
            self._changed = True

    def finished(self, event: DeadLetterFinished, now: float) -> None:
        """Act on the answer of the topic's broker. One that was given back at the end of a drain is nobody's any more."""
        state, letter = self._state, self._state.letters.get(event.number)
        if letter is None:
            return
        self._changed = True
        if event.error is not None:
            letter.sent, letter.tries = False, letter.tries + 1
            wait = backoff(letter.tries, state.config.retry, state.random)
            letter.due, letter.failure = now + wait, event.error
            state.actions.append(DeadLetterFailed(letter.chunk.tp, letter.chunk.start, event.error, wait))
            return
        del state.letters[event.number]
        state.buffer.settle(letter.chunk)
        state.books.dead_lettered[letter.chunk.tp.topic] += 1
        partition = state.current(letter.chunk)
        if partition is not None:
            partition.ledger.complete(letter.chunk)
        state.actions.append(DeadLettered(letter.chunk.tp, letter.chunk.start, letter.letter.reason, letter.letter.error))

    def run(self, now: float) -> None:
        """Send what may be sent, give back what is ours no more, and note which partitions wait for letters."""
        state = self._state
        if not self._has_work(now):
            return
        self._changed = False
        for letter in list(state.letters.values()):
            if not letter.sent:
                self._advance(letter, now)
        self._due = min((letter.due for letter in state.letters.values() if letter.due is not None), default=None)
        waiting = {
            each.chunk.tp: each.failure
            for each in state.letters.values()
            if not (each.unproven or each.rechecked) and state.current(each.chunk)
        }
        state.holds_stale = state.holds_stale or waiting != state.waits_for_letters
        state.waits_for_letters = waiting

    def next_due(self) -> float | None:
        """Return when a letter is sent again."""
        return self._due

    def release_all(self, reason: ReleaseReason) -> None:
        """Give back every letter, also those that are sent: their answers are nobody's any more."""
        state = self._state
        for letter in state.letters.values():
            state.buffer.settle(letter.chunk)
            state.release(letter.chunk, reason)
        state.letters.clear()
        state.rechecks.clear()
        self._unproven.clear()
        self._due = None
        state.waits_for_letters = {}

    def _has_work(self, now: float) -> bool:
        """Whether anything can have changed for a letter: there may be thousands that wait for a token."""
        state = self._state
        if not state.letters:
            return bool(state.waits_for_letters)
        due = self._due is not None and self._due <= now
        return self._changed or due or bool(self._unproven) or state.holds_stale or state.draining or state.ration.tokens >= 1

    def _advance(self, letter: Letter, now: float) -> None:
        state, chunk = self._state, letter.chunk
        partition = state.current(chunk)
        if partition is None or partition.stopped is not None or state.draining:
            self._give_back(letter, partition)
        elif letter.rechecked or (letter.unproven and not self._nothing_else_to_try(partition)):
            return
        elif (letter.due is None or letter.due <= now) and self._pay(letter):
            self._prove(letter)
            letter.sent, letter.due = True, None
            state.actions.append(letter.letter)

    def _nothing_else_to_try(self, partition: Partition) -> bool:
        state, tp = self._state, partition.tp
        return partition.suspect is None and not state.busy[tp] and not state.buffer.queued(tp)

    def _pay(self, letter: Letter) -> bool:
        """Spend a token, once for each letter; say so the first time that there is none."""
        if letter.paid or self._state.ration.spend():
            letter.paid = True
        elif letter.failure is None:
            self._prove(letter)
            letter.failure = EXHAUSTED
            self._state.actions.append(DeadLetterFailed(letter.chunk.tp, letter.chunk.start, EXHAUSTED, None))
        return letter.paid

    def _prove(self, letter: Letter) -> None:
        if letter.unproven:
            letter.unproven = False
            self._forget_unproven(letter)

    def _forget_unproven(self, letter: Letter) -> None:
        numbers = self._unproven[letter.chunk.tp]
        numbers.remove(letter.letter.number)
        if not numbers:
            del self._unproven[letter.chunk.tp]

    def _give_back(self, letter: Letter, partition: Partition | None) -> None:
        """Release a record; in a drain also what is queued behind it, and take nothing more: order is kept when it comes again."""
        state, chunk = self._state, letter.chunk
        del state.letters[letter.letter.number]
        if letter.unproven:
            self._forget_unproven(letter)
        if letter.rechecked:
            state.forget_recheck(chunk.tp, letter.letter.number)
        state.buffer.settle(chunk)
        if partition is None:
            state.release(chunk, state.fenced.get(chunk.tp, ReleaseReason.REVOKED))
            return
        if partition.stopped is not None:
            state.release(chunk, ReleaseReason.STOPPED)
            return
        state.release(chunk, ReleaseReason.SHUTDOWN)
        partition.revoking = True
        for queued in state.buffer.drop_partition(chunk.tp):
            state.release(queued, ReleaseReason.SHUTDOWN)
