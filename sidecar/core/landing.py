"""Landing: what a flush's result does to its records.

Each chunk of a finished flight gets its outcome, goes back to the head of its partition, or stays in the flight for
another attempt. A chunk of an older epoch (its partition was revoked meanwhile) changes nothing but the books: the
downstream may have taken it, and then it was delivered, but its offset is no longer ours to commit.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import groupby

from sidecar.core.actions import FlushFailed, Landed
from sidecar.core.books import DropReason, ReleaseReason
from sidecar.core.breaker import BreakerSignal, BreakerState
from sidecar.core.config import OnPoison
from sidecar.core.events import FlushFinished
from sidecar.core.records import Batch, Chunk, TopicPartition
from sidecar.core.results import Delivered, FailureAction, Fenced, Partial, Poison, RecordFailure, Retriable, Systemic, TooLarge
from sidecar.core.retry import backoff
from sidecar.core.state import EngineState, Flight, Partition, StopKind, Suspect

HASTE = 1.0
"""Once the downstream answers again, or a drain or a quiesce begins, no retry waits longer than a random time below this; seconds."""


class Landing:
    """Acts on results."""

    def __init__(self, state: EngineState) -> None:
        """Work on the engine's state."""
        self._state = state

    def land(self, event: FlushFinished, now: float) -> Collection[TopicPartition]:
        """Act on one result; return the partitions of which another owner has written.

        The result of a flight that was abandoned at the end of a drain is nobody's any more.
        """
        flight = self._state.flights.get(event.flight)
        if flight is None:
            return ()
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
                self._poisoned(flight, event.result.reason, now)
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
            self._retire(flight)
            for chunk in flight.batch.chunks:
                self._state.buffer.settle(chunk)
                self._state.release(chunk, reason)

    def _delivered(self, flight: Flight, seconds: float, now: float) -> None:
        batch = flight.batch
        self._retire(flight)
        for chunk in batch.chunks:
            self._deliver(chunk)
        self._state.flow.flushed(batch.records, seconds, filled=flight.filled)
        self._state.actions.append(Landed(batch.chunks))
        self._answered(flight, now)

    def _partial(self, flight: Flight, result: Partial, now: float) -> None:
        """Deliver the records that no failure names, act on the others one by one."""
        failures = {(failure.tp, failure.offset): failure for failure in result.failures}
        landed: list[Chunk] = []
        again: list[Chunk] = []
        rejected: list[tuple[Chunk, RecordFailure]] = []
        for run, failure in (pair for chunk in flight.batch.chunks for pair in _runs(chunk, failures)):
            if failure is None:
                self._deliver(run)
                landed.append(run)
            elif failure.action is FailureAction.RETRY:
                again.append(run)
            else:
                rejected.append((run, failure))
        for run, failure in rejected:
            self._poison(run, failure.error)
        if landed:
            self._state.actions.append(Landed(landed))
        self._keep(flight, [run for run in again if not self._released_if_stale(run)])
        self._answered(flight, now)
        if flight.number in self._state.flights:
            self._wait(flight, Retriable(f"{len(again)} records asked to be retried", result.wait), now)

    def _retriable(self, flight: Flight, result: Retriable, now: float) -> None:
        self._keep(flight, [chunk for chunk in flight.batch.chunks if not self._released_if_stale(chunk)])
        if flight.number in self._state.flights:
            self._wait(flight, result, now)
        if flight.probe:
            flight.probe = False
            self._state.signal_breaker(BreakerSignal.FAILURE, now, result.reason)

    def _systemic(self, flight: Flight, result: Systemic, now: float) -> None:
        self._say_failed(flight, result.reason)
        self._return_all(flight)
        if flight.probe or self._state.breaker.state is not BreakerState.HALF_OPEN:
            self._state.signal_breaker(BreakerSignal.SYSTEMIC, now, result.reason)

    def _poisoned(self, flight: Flight, reason: str, now: float) -> None:
        """Isolate the poison: by partition first, then by halves, in order (2·log2 n + 1 calls for one bad record)."""
        self._say_failed(flight, reason)
        if flight.batch.records == 1:
            self._retire(flight)
            self._poison(flight.batch.chunks[0], reason)
        else:
            groups = self._return_all(flight)
            for partition, records in groups:
                left = partition.suspect.left if partition.suspect else 0
                partition.suspect = Suspect(max(left, records), records if len(groups) == 1 else 0)
        self._answered(flight, now)

    def _too_large(self, flight: Flight, reason: str, now: float) -> None:
        batch = flight.batch
        if batch.records == 1:
            self._poisoned(flight, reason, now)
            return
        self._say_failed(flight, reason)
        self._state.flow.too_large(batch.records, batch.nbytes)
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
            self.hasten_retries(now)

    def _deliver(self, chunk: Chunk) -> None:
        state = self._state
        state.buffer.settle(chunk)
        state.books.delivered[chunk.tp.topic] += len(chunk)
        partition = state.current(chunk)
        if partition is not None:
            partition.ledger.complete(chunk)
            partition.stored, partition.fences = chunk.end, 0
            if partition.suspect is not None:
                _clear(partition, len(chunk))

    def _poison(self, chunk: Chunk, reason: str) -> None:
        """Stop the partition at a record that the downstream will never take, or drop the record."""
        state, partition = self._state, self._state.current(chunk)
        if self._released_if_stale(chunk) or partition is None:
            return
        state.buffer.settle(chunk)
        if state.config.on_poison is OnPoison.DROP:
            partition.ledger.complete(chunk)
            state.drop(chunk, DropReason.POISON, reason)
            if partition.suspect is not None:
                _clear(partition, len(chunk))
                if partition.suspect is not None:
                    partition.suspect.bad = 0
        else:
            state.release(chunk, ReleaseReason.STOPPED)
            state.stop(partition, StopKind.POISON, f"poison record at offset {chunk.start}: {reason}")

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


def _clear(partition: Partition, records: int) -> None:
    """Take ``records`` from the head of the suspects of ``partition``."""
    suspect = partition.suspect
    if suspect is not None:
        suspect.left -= records
        suspect.bad = max(0, suspect.bad - records)
        if suspect.left <= 0:
            partition.suspect = None


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
