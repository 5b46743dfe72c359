"""Isolation: which record of a refused batch is to blame, and what becomes of it.

By partition first: suspects of different partitions never travel together. Then by the name that the writer gave, else by halves, in order: about
2·log2(n) + 1 calls for one bad record among n, and the good ones are delivered as they are found. What is found is dead-lettered where there
is a topic for that, else it stops its partition, or is dropped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from sidecar.core.actions import LetterReason
from sidecar.core.books import DropReason, ReleaseReason
from sidecar.core.config import OnPoison
from sidecar.core.dead_letters import IN_A_ROW, Blame, DeadLetters
from sidecar.core.records import Batch, Chunk, TopicPartition
from sidecar.core.results import RecordFailure, Said
from sidecar.core.state import EngineState, Flight, Partition, StopKind, Suspect


class Isolation:
    """Finds poison."""

    def __init__(self, state: EngineState, letters: DeadLetters) -> None:
        """Work on the engine's state; condemned records become ``letters``."""
        self._state = state
        self._letters = letters

    def blame(self, flight: Flight, reason: LetterReason, error: str, said: Said, now: float) -> Blame:
        """Return why the records of a flight fail, and since when they were tried: also in the larger batches that they came from."""
        attempts, failed_at = flight.attempt, now if flight.failed_at is None else flight.failed_at
        if flight.recheck is not None:
            before = flight.recheck
            since = before.chunk.polled_at + (before.failed_wall_ms - before.chunk.polled_wall_ms) / 1000
            return Blame(before.reason, error, said, attempts + before.attempts, since, rechecked=True)
        suspect = next((found for chunk in flight.batch.chunks if (found := self._suspect(chunk)) is not None), None)
        if suspect is None:
            return Blame(reason, error, said, attempts, failed_at)
        return Blame(suspect.reason, error, said, attempts + suspect.attempts, suspect.failed_at)

    def suspect(
        self, flight: Flight, groups: Sequence[tuple[Partition, int]], named: Collection[RecordFailure], blame: Blame
    ) -> None:
        """Suspect the records of ``flight``, which are back at the heads of their partitions: ``groups`` are those, and how many of each."""
        places = _first_named(flight.batch, named)
        for partition, records in groups:
            place, before = places.get(partition.tp), partition.suspect.left if partition.suspect else 0
            behind = 0 if flight.suspect else before  # others, which a flight beside this one left
            if place is not None:
                left = behind + records if behind else max(before, place + 1)
                partition.suspect = Suspect(left, place + 1, blame.reason, blame.attempts, blame.failed_at, known=True)
            elif not named:
                bad = records if len(groups) == 1 else 0
                left = behind + records if behind else max(before, records)
                partition.suspect = Suspect(left, bad, blame.reason, blame.attempts, blame.failed_at)

    def is_divided_for_retries(self, batch: Batch) -> bool:
        """Whether a batch is part of one that was retried for long enough."""
        suspects = (self._suspect(chunk) for chunk in batch.chunks)
        return any(suspect is not None and suspect.reason is LetterReason.RETRIES_EXHAUSTED for suspect in suspects)

    def condemn(self, partition: Partition, chunk: Chunk, blame: Blame) -> str | None:
        """Do away with the one record of ``chunk``; return what is wrong with the whole where so many are refused that it is no poison."""
        state = self._state
        if state.config.dead_letters is not None:
            if not blame.rechecked:
                _go_on(partition)
            return self._acquit(partition, self._letters.condemn(chunk, blame), blame)
        state.buffer.settle(chunk)
        if state.config.on_poison is OnPoison.DROP:
            partition.ledger.complete(chunk)
            state.drop(chunk, DropReason.POISON, blame.error)
            _go_on(partition)
        else:
            state.release(chunk, ReleaseReason.STOPPED)
            state.stop(partition, StopKind.POISON, f"poison record at offset {chunk.start}: {blame.error}")
        return None

    def is_mass(self, flight: Flight, rejects: int) -> bool:
        """Whether so many records of a batch are rejected that it is none of theirs: a batch of ten or more, or what such a one left."""
        state, records = self._state, flight.batch.records
        large = flight.mass or records >= IN_A_ROW
        return state.config.dead_letters is not None and large and rejects > state.rules.max_share * records

    def _acquit(self, partition: Partition, chunks: list[Chunk], blame: Blame) -> str | None:
        """Put back records that are no poison."""
        if not chunks:
            return None
        partition.suspect = None
        self._state.buffer.put_back(chunks)
        return f"{len(chunks)} records in a row are refused, too many to be poison; the last one: {blame.error}"

    def _suspect(self, chunk: Chunk) -> Suspect | None:
        partition = self._state.current(chunk)
        return None if partition is None else partition.suspect


def clear(partition: Partition, records: int) -> None:
    """Take ``records`` that were delivered, or dropped for another reason, from the head of the suspects of ``partition``."""
    suspect = partition.suspect
    if suspect is not None:
        suspect.left -= records
        suspect.bad = max(0, suspect.bad - records)
        if suspect.left <= 0:
            partition.suspect = None


def _go_on(partition: Partition) -> None:
    """Go on after a record that was to blame: where the next one is, if there is one, is not known."""
    clear(partition, 1)
    if partition.suspect is not None:
        partition.suspect.bad, partition.suspect.known = 0, False


def _first_named(batch: Batch, named: Collection[RecordFailure]) -> dict[TopicPartition, int]:
    """Return the place of the first named record among those of its partition, by partition."""
    names = {(failure.tp, failure.offset) for failure in named}
    places: dict[TopicPartition, int] = {}
    before: Counter[TopicPartition] = Counter()
    for chunk in batch.chunks if names else ():
        for offset in chunk.offsets:
            if (chunk.tp, offset) in names:
                places.setdefault(chunk.tp, before[chunk.tp])
            before[chunk.tp] += 1
    return places
