"""Landing: what a flush's result does to its records.

Each chunk of a finished flight gets its outcome, goes back to the head of its partition, or stays in the flight for
another attempt. A chunk of an older epoch (its partition was revoked meanwhile) changes nothing but the books: the
downstream may have taken it, and then it was delivered, but its offset is no longer ours to commit.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from itertools import groupby

from sidecar.core.actions import FlushFailed, Landed, LetterReason
from sidecar.core.books import ReleaseReason
from sidecar.core.breaker import BreakerSignal, BreakerState
from sidecar.core.dead_letters import Blame, DeadLetters
from sidecar.core.events import FlushFinished
from sidecar.core.isolation import Isolation, clear
from sidecar.core.records import Batch, Chunk, TopicPartition
from sidecar.core.results import (
    Delivered,
    FailureAction,
    Fenced,
    Partial,
    Poison,
    RecordFailure,
    Retriable,
    Systemic,
    TooLarge,
)
from sidecar.core.retry import backoff
from sidecar.core.state import EngineState, Flight, Partition

OWN_FAILURES = 3
"""A batch that failed so often while others passed fails by itself, or its partition's application does."""

HASTE = 1.0
"""Once the downstream answers again, or a drain or a quiesce begins, no retry waits longer than a random time below this; seconds."""


class Landing:
    """Acts on results."""

    def __init__(self, state: EngineState, letters: DeadLetters) -> None:
        """Work on the engine's state; condemned records become ``letters``."""
        self._state = state
        self._letters = letters
        self._isolation = Isolation(state, letters)

    def land(self, event: FlushFinished, now: float) -> Collection[TopicPartition]:
        """Act on one result; return the partitions of which another owner has written.

        The result of a flight that was abandoned at the end of a drain is nobody's any more.
        """
        flight = self._state.flights.get(event.flight)
        if flight is None:
            return ()
        self._state.flow.ended(flight.launch, now)
        match event.result:
            case Delivered():
                self._delivered(flight, event.seconds, now)
            case Partial():
                self._partial(flight, event.result, now)
            case Retriable():
                self._retriable(flight, event.result, now)
            case Systemic():
                self._systemic(flight, event.result, now)
            case Poison():
                self._poisoned(flight, event.result, now)
            case TooLarge():
                self._too_large(flight, event.result.reason, now)
            case Fenced():
                return self._fenced(flight, event.result, now)
        return ()

    def hasten_retries(self, now: float) -> None:
        """Bring waiting retries forward, each once: answers to others come too often for it to keep any distance else."""
        for flight in self._state.flights.values():
            if flight.due is not None and not flight.fixed:
                flight.due = min(flight.due, now + self._state.random.uniform(0.0, HASTE))
                flight.fixed = True

    def abandon(self, tp: TopicPartition) -> None:
        """Release the records of ``tp`` in flights that wait for a retry; those with a flusher stay until their result."""
        for flight in list(self._state.flights.values()):
            if flight.due is not None and any(chunk.tp == tp for chunk in flight.batch.chunks):
                self._keep(flight, [chunk for chunk in flight.batch.chunks if not self._released_if_stale(chunk)])

    def abandon_all(self, reason: ReleaseReason) -> None:
        """Release the records of every flight; what their flushers bring later is nobody's any more."""
        for flight in list(self._state.flights.values()):
            if flight.due is None:
                del self._state.flights[flight.number]  # its partitions stay busy: its flusher may still write
            else:
                self._retire(flight)
            for chunk in flight.batch.chunks:
                self._state.buffer.settle(chunk)
                self._state.release(chunk, reason)

    def _delivered(self, flight: Flight, seconds: float, now: float) -> None:
        state, batch = self._state, flight.batch
        self._retire(flight)
        for chunk in batch.chunks:
            self._deliver(flight, chunk)
        state.flow.delivered(flight.launch, batch.records, seconds, now, filled=flight.filled)
        state.actions.append(Landed(batch.chunks))
        self._took_records(batch.records, now)
        self._answered(flight, now)

    def _partial(self, flight: Flight, result: Partial, now: float) -> None:
        """Deliver the records that no failure names, act on the others one by one; too many rejected ones are a failure of the whole."""
        state = self._state
        rejects, records = sum(failure.action is FailureAction.REJECT for failure in result.failures), flight.batch.records
        flight.mass = self._isolation.is_mass(flight, rejects)
        landed, again, rejected = self._sort(flight, result)
        for run in landed:
            self._deliver(flight, run)
        for run, failure in rejected:
            blame = self._isolation.blame(flight, LetterReason.POISON, failure.error, result.said, now)
            self._condemn(run, replace(blame, proven=True))
        if landed:
            state.actions.append(Landed(landed))
            self._took_records(sum(map(len, landed)), now)
        self._keep(flight, [run for run in again if not self._released_if_stale(run)])
        if flight.mass and flight.number in state.flights:
            why = f"{rejects} of {records} records are rejected, too many to be poison"
            self._wait(flight, Retriable(why, result.wait), now)
            self._open(flight, why, now)
            return
        self._answered(flight, now)
        if flight.number in state.flights:
            self._wait(flight, Retriable(f"{len(again)} records asked to be retried", result.wait), now)

    def _sort(self, flight: Flight, result: Partial) -> tuple[list[Chunk], list[Chunk], list[tuple[Chunk, RecordFailure]]]:
        """Return the runs that were delivered, those to be sent again, and the single records that are rejected, each with its failure."""
        failures = {(failure.tp, failure.offset): failure for failure in result.failures}
        landed: list[Chunk] = []
        again: list[Chunk] = []
        rejected: list[tuple[Chunk, RecordFailure]] = []
        for run, failure in (pair for chunk in flight.batch.chunks for pair in _runs(chunk, failures)):
            if failure is None:
                landed.append(run)
            elif failure.action is FailureAction.RETRY or flight.mass:
                again.append(run)
            else:
                rejected.append((run, failure))
        return landed, again, rejected

    def _retriable(self, flight: Flight, result: Retriable, now: float) -> None:
        state = self._state
        self._keep(flight, [chunk for chunk in flight.batch.chunks if not self._released_if_stale(chunk)])
        if flight.number in state.flights:
            flight.failed_at = now if flight.failed_at is None else flight.failed_at
            if self._is_exhausted(flight, now):
                blame = self._isolation.blame(flight, LetterReason.RETRIES_EXHAUSTED, result.reason, result.said, now)
                self._isolate(flight, blame, (), now)
            else:
                self._wait(flight, result, now)
        self._note_failure(flight, result, now)
        refused = result.too_many or result.wait is not None
        if refused or not self._is_its_own(flight):
            state.flow.failed(flight.launch, now, refused=refused)

    def _is_its_own(self, flight: Flight) -> bool:
        """Whether it is this batch that fails, not the downstream: again and again, while others are taken. That says nothing of load, which is every flush's."""
        return flight.attempt >= OWN_FAILURES and flight.failed_at is not None and self._state.delivered_at > flight.failed_at

    def _note_failure(self, flight: Flight, result: Retriable, now: float) -> None:
        """Tell the breaker; that the rate is limited is no failure, but a probe that is refused for it has not passed."""
        breaker = self._state.breaker
        if flight.probe:
            flight.probe = False
            self._state.signal_breaker(BreakerSignal.FAILURE, now, result.reason)
        elif breaker.state is BreakerState.CLOSED and not result.too_many and breaker.note(failed=True, now=now):
            self._state.signal_breaker(
                BreakerSignal.TRIPPED, now, f"half of the latest flushes or more failed, the last one: {result.reason}"
            )

    def _is_exhausted(self, flight: Flight, now: float) -> bool:
        """Whether a batch was tried for long enough, while the downstream took others: an outage exhausts nothing.

        Where it is divided already to find the record that is to blame, one failure is enough for a part.
        """
        state, limits, failed_at = self._state, self._state.config.retry, flight.failed_at
        if failed_at is None or state.config.dead_letters is None or state.draining or state.delivered_at <= failed_at:
            return False
        if self._isolation.is_divided_for_retries(flight.batch):
            return True
        tried = limits.max_attempts is not None and flight.attempt >= limits.max_attempts
        return tried or (limits.max_elapsed is not None and now - failed_at >= limits.max_elapsed)

    def _systemic(self, flight: Flight, result: Systemic, now: float) -> None:
        self._say_failed(flight, result.reason)
        self._return_all(flight)
        self._open(flight, result.reason, now)
        self._state.flow.failed(flight.launch, now, refused=False)

    def _open(self, flight: Flight, reason: str, now: float) -> None:
        """Open the breaker. Half-open, it listens to its probe alone."""
        if flight.probe or self._state.breaker.state is not BreakerState.HALF_OPEN:
            flight.probe = False
            self._state.signal_breaker(BreakerSignal.SYSTEMIC, now, reason)

    def _poisoned(self, flight: Flight, result: Poison, now: float) -> None:
        """Look for the record that is to blame, unless so many are named that none is."""
        records = flight.batch.records
        if self._isolation.is_mass(flight, len(result.named)):
            why = f"{len(result.named)} of {records} records are refused, too many to be poison; the last reason: {result.reason}"
            self._systemic(flight, Systemic(why), now)
            return
        flight.failed_at = now if flight.failed_at is None else flight.failed_at
        self._isolate(
            flight, self._isolation.blame(flight, LetterReason.POISON, result.reason, result.said, now), result.named, now
        )

    def _isolate(self, flight: Flight, blame: Blame, named: Collection[RecordFailure], now: float) -> None:
        """Condemn a record that is alone, else suspect all of them; tell the breaker where it is the whole that is at fault."""
        self._say_failed(flight, blame.error)
        fault = None
        if flight.batch.records == 1:
            self._retire(flight)
            fault = self._condemn(flight.batch.chunks[0], blame)
        else:
            self._isolation.suspect(flight, self._return_all(flight), named, blame)
        if fault is not None:
            self._open(flight, fault, now)
        elif blame.reason is LetterReason.POISON:
            self._answered(flight, now)

    def _too_large(self, flight: Flight, reason: str, now: float) -> None:
        batch = flight.batch
        if batch.records == 1:
            self._poisoned(flight, Poison(reason), now)
            return
        self._say_failed(flight, reason)
        self._state.flow.too_large(batch.records, batch.nbytes, now)
        self._return_all(flight)
        self._answered(flight, now)

    def _fenced(self, flight: Flight, result: Fenced, now: float) -> list[TopicPartition]:
        """Put everything back; return those partitions that are still the same assignment as the flight's."""
        current = {chunk.tp for chunk in flight.batch.chunks if self._state.current(chunk) is not None}
        self._say_failed(flight, result.reason)
        self._return_all(flight)
        self._answered(flight, now)
        return [tp for tp in result.tps if tp in current]

    def _answered(self, flight: Flight, now: float) -> None:
        """Close the breaker if it waits for this answer, and bring waiting retries forward: the downstream answers."""
        if flight.probe or self._state.breaker.state is BreakerState.CLOSED:
            flight.probe = False
            self._state.signal_breaker(BreakerSignal.SUCCESS, now)
            self._state.breaker.note(failed=False, now=now)
            self.hasten_retries(now)

    def _took_records(self, records: int, now: float) -> None:
        """Take note that the downstream took records: it earns dead letters and retries."""
        state = self._state
        state.delivered_at = now
        state.ration.earn(records)
        state.budget.earn()
        state.breaker.delivered()

    def _deliver(self, flight: Flight, chunk: Chunk) -> None:
        state = self._state
        state.buffer.settle(chunk)
        state.books.delivered[chunk.tp.topic] += chunk.records
        partition = state.current(chunk)
        if partition is not None:
            partition.ledger.complete(chunk)
            partition.stored, partition.fences = chunk.end, 0
            if state.config.commits_with_records:
                partition.requested = partition.committed = chunk.end
            if self._state.letters:
                self._letters.taken(chunk.tp)
            if flight.suspect and flight.recheck is None:  # else it is none of the present suspects
                clear(partition, chunk.records)

    def _condemn(self, chunk: Chunk, blame: Blame) -> str | None:
        """Do away with a record that the downstream will never take; return what is wrong with the whole, if it is."""
        partition = self._state.current(chunk)
        if self._released_if_stale(chunk) or partition is None:
            return None
        return self._isolation.condemn(partition, chunk, blame)

    def _released_if_stale(self, chunk: Chunk) -> bool:
        """Release a chunk whose partition is no longer the one it came from, or is stopped."""
        state, partition = self._state, self._state.current(chunk)
        if partition is not None and partition.stopped is None:
            return False
        state.buffer.settle(chunk)
        stopped = partition is not None
        state.release(chunk, ReleaseReason.STOPPED if stopped else state.fenced.get(chunk.tp, ReleaseReason.REVOKED))
        return True

    def _return_all(self, flight: Flight) -> list[tuple[Partition, int]]:
        """End the flight and put its records back at the head of their partitions; return (partition, records) of each."""
        state = self._state
        self._retire(flight)
        groups: dict[TopicPartition, list[Chunk]] = {}
        for chunk in flight.batch.chunks:
            if not self._released_if_stale(chunk):
                groups.setdefault(chunk.tp, []).append(chunk)
        for chunks in groups.values():
            state.buffer.put_back(chunks)
        return [(state.partitions[tp], sum(map(len, chunks))) for tp, chunks in groups.items()]

    def _keep(self, flight: Flight, chunks: list[Chunk]) -> None:
        """Leave only ``chunks`` in the flight; end it when there are none. Its name changes with its records, else it stays."""
        if not chunks:
            self._retire(flight)
        elif len(chunks) != len(flight.batch.chunks) or any(a is not b for a, b in zip(chunks, flight.batch.chunks, strict=True)):
            self._free(flight)
            flight.batch = Batch.of(chunks, self._state.expected(chunks))
            self._state.busy.update({chunk.tp for chunk in chunks})

    def _retire(self, flight: Flight) -> None:
        del self._state.flights[flight.number]
        self._free(flight)

    def _free(self, flight: Flight) -> None:
        busy = self._state.busy
        for tp in {chunk.tp for chunk in flight.batch.chunks}:
            busy[tp] -= 1
            if not busy[tp]:
                del busy[tp]

    def _wait(self, flight: Flight, failure: Retriable, now: float) -> None:
        state, asked = self._state, failure.wait
        wait = backoff(flight.attempt, state.config.retry, state.random, asked)
        if state.hurries and asked is None:
            wait = min(wait, HASTE)
        flight.due = now + wait
        flight.fixed = asked is not None
        flight.failure = failure.reason
        flight.limited = failure.too_many or asked is not None
        self._say_failed(flight, failure.reason, wait)

    def _say_failed(self, flight: Flight, reason: str, retry_in: float | None = None) -> None:
        self._state.actions.append(FlushFailed(flight.number, flight.batch.records, flight.attempt, reason, retry_in))


def _runs(chunk: Chunk, failures: dict[tuple[TopicPartition, int], RecordFailure]) -> list[tuple[Chunk, RecordFailure | None]]:
    """Split ``chunk`` into runs of delivered records (with None) and single failed ones (with their failure)."""
    named = [failures.get((chunk.tp, offset)) for offset in chunk.offsets]
    runs: list[tuple[Chunk, RecordFailure | None]] = []
    index = 0
    for failure, group in groupby(named):
        length = len(list(group))
        if failure is None:
            runs.append((chunk.slice(index, index + length), None))
        else:
            runs += [(chunk.slice(i, i + 1), failure) for i in range(index, index + length)]
        index += length
    return runs
