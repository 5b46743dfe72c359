"""Dispatch: which records are flushed next, and when.

- A batch that is full (in records or bytes) starts at once; a part-filled one after the interval, or at once when the pressure is
  ELEVATED or above, or the engine drains or is quiesced.
- Partitions are served in turn. Where the first in turn fills a batch on its own it gets one to itself, so a backlog
  spreads over all flights; at a trickle several share a batch.
- One flight per partition: order within it is kept through retries.
- A flight that waits for its retry keeps its place among ``max_in_flight``, so a recovering downstream sees no stampede.
- Where flushes commit offsets themselves, nothing of a partition starts while a commit of it is outstanding (see :mod:`sidecar.core.commits`).
- Nothing of a partition that waits for a dead letter starts (see :mod:`sidecar.core.dead_letters`).
- All retries together are bounded by a budget.
- Suspects of a poisoned batch travel alone (see :class:`~sidecar.core.state.Suspect`).
- While the breaker is open nothing starts; half-open, one small batch does: the smallest that waits for a retry, else a new one.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from operator import itemgetter

from sidecar.core.actions import DeadLetter, StartFlush
from sidecar.core.books import DropReason
from sidecar.core.breaker import BreakerSignal, BreakerState
from sidecar.core.records import Batch, Chunk
from sidecar.core.state import EngineState, Flight, Partition

PROBE_RECORDS = 10
"""The most records of a half-open breaker's probe."""


class Dispatch:
    """Starts flights."""

    def __init__(self, state: EngineState) -> None:
        """Work on the engine's state."""
        self._state = state
        self._last_flight = 0

    def run(self, now: float) -> None:
        """Start everything that may start now."""
        state = self._state
        if state.breaker.is_probe_due(now):
            state.signal_breaker(BreakerSignal.PROBE_DUE, now)
        if state.breaker.state is BreakerState.HALF_OPEN:
            self._probe(now)
        elif state.breaker.state is BreakerState.CLOSED:
            self._retry_due(now)
            self._start_new(now)

    def next_due(self, now: float) -> float | None:
        """Return when :meth:`run` has something to do if nothing else happens before; None: not by itself."""
        state = self._state
        if state.breaker.state is BreakerState.OPEN:
            return state.breaker.probe_at
        if state.breaker.state is BreakerState.HALF_OPEN:
            return None
        dues = [flight.due for flight in state.flights.values() if flight.due is not None]
        if len(state.flights) < state.config.flush.max_in_flight and (ready := self._ready()):
            dues.append(now if self._hurries() else self._oldest(ready) + state.flow.interval)
        return min(dues, default=None)

    def _probe(self, now: float) -> None:
        flights = self._state.flights.values()
        if any(flight.probe for flight in flights):
            return
        waiting = [flight for flight in flights if flight.due is not None]
        if waiting:
            flight = min(waiting, key=lambda flight: flight.batch.records)
            flight.probe = True
            self._again(flight)
            return
        while ready := self._ready():
            if self._launch_first(ready[:1], PROBE_RECORDS, now, probe=True):
                return

    def _retry_due(self, now: float) -> None:
        for flight in self._state.flights.values():
            if flight.due is not None and flight.due <= now:
                if self._state.budget.spend(now):
                    self._again(flight)
                else:
                    flight.due = self._state.budget.next_at(now)

    def _start_new(self, now: float) -> None:
        state = self._state
        limit = state.config.flush.max_in_flight
        while (state.buffer.queued_records or state.rechecks) and len(state.flights) < limit and (ready := self._ready()):
            if not self._is_due(ready, now):
                return
            self._launch_first(ready, state.flow.batch_records, now, probe=False)

    def _ready(self) -> list[Partition]:
        """List the partitions that have queued records and no flight, first in turn first."""
        state = self._state
        queued, busy, waits = state.buffer.queued, state.busy, state.waits_for_letters
        rechecks = state.rechecks
        ready = [
            p
            for tp, p in state.partitions.items()
            if (queued(tp) or tp in rechecks) and not busy[tp] and not p.revoking and tp not in waits
        ]
        return [p for p in ready if p.requested == p.committed] if state.config.commits_with_records else ready

    def _is_due(self, ready: list[Partition], now: float) -> bool:
        buffer, flow = self._state.buffer, self._state.flow
        if self._hurries() or any(p.suspect or p.tp in self._state.rechecks for p in ready):
            return True
        records = sum(buffer.queued(p.tp) for p in ready)
        nbytes = buffer.queued_bytes * records / buffer.queued_records
        return records >= flow.batch_records or nbytes >= flow.batch_bytes or now >= self._oldest(ready) + flow.interval

    def _hurries(self) -> bool:
        return self._state.backpressure.flushes_at_once or self._state.hurries

    def _oldest(self, ready: Iterable[Partition]) -> float:
        heads = (self._state.buffer.head(p.tp) for p in ready)
        return min(head.polled_at for head in heads if head is not None)

    def _launch_first(self, ready: list[Partition], records: int, now: float, *, probe: bool) -> bool:
        """Start a flight: a record that is to be tried once more, alone, else a batch; return whether there was anything to start."""
        again = next((partition.tp for partition in ready if partition.tp in self._state.rechecks), None)
        if again is None:
            return self._launch(self._fill(ready, records, now), probe=probe)
        letter = self._state.take_recheck(again)
        return self._launch([letter.chunk], probe=probe, recheck=letter)

    def _fill(self, ready: list[Partition], records: int, now: float) -> list[Chunk]:
        """Take a batch from the head of the turn; those served go to its end."""
        suspect = next((p for p in ready if p.suspect), None)
        if suspect is not None and suspect.suspect is not None:
            return self._take(suspect, min(records, suspect.suspect.cap), float("inf"), now)
        chunks: list[Chunk] = []
        nbytes = float(self._state.flow.batch_bytes)
        for partition in ready:
            taken = self._take(partition, records, nbytes, now)
            if not taken and not chunks:
                taken = self._take(partition, 1, float("inf"), now)
            chunks += taken
            records -= sum(map(len, taken))
            nbytes -= sum(chunk.nbytes for chunk in taken)
            if records <= 0 or self._state.buffer.queued(partition.tp):
                break
        return chunks

    def _take(self, partition: Partition, records: int, nbytes: float, now: float) -> list[Chunk]:
        """Take from one partition and send it to the end of the turn."""
        state = self._state
        taken = state.buffer.take(partition.tp, records, nbytes)
        if taken:
            state.partitions[partition.tp] = state.partitions.pop(partition.tp)
        if partition.policy.max_age is None:
            return taken
        return [fresh for chunk in taken for fresh in self._drop_expired(partition, chunk, partition.policy.max_age, now)]

    def _drop_expired(self, partition: Partition, chunk: Chunk, max_age: float, now: float) -> list[Chunk]:
        """Drop the records of a taken chunk that are older than ``max_age`` seconds; return the runs of the others.

        Age is the record's age when it was polled, by its timestamp and the wall clock of that moment, plus the monotonic
        time since: a clock that jumps meanwhile expires nothing. A negative timestamp means none, and never expires.
        """
        oldest = chunk.polled_wall_ms + (now - chunk.polled_at - max_age) * 1000
        kept: list[Chunk] = []
        flags = enumerate(0 <= timestamp < oldest for timestamp in chunk.timestamps)
        for expired, group in groupby(flags, key=itemgetter(1)):
            run = [index for index, _ in group]
            part = chunk.slice(run[0], run[-1] + 1)
            if expired:
                self._state.buffer.settle(part)
                partition.ledger.complete(part)
                self._state.drop(part, DropReason.EXPIRED)
            else:
                kept.append(part)
        return kept

    def _launch(self, chunks: list[Chunk], *, probe: bool, recheck: DeadLetter | None = None) -> bool:
        """Start a flight; return whether there was anything to start (all that was taken may have expired)."""
        if not chunks:
            return False
        state, flow = self._state, self._state.flow
        batch = Batch.of(chunks, state.expected(chunks))
        filled = batch.records >= flow.batch_records or batch.nbytes >= flow.batch_bytes * 0.9
        self._last_flight += 1
        flight = Flight(self._last_flight, batch, 0, probe, filled, recheck=recheck)
        state.flights[flight.number] = flight
        state.busy.update({chunk.tp for chunk in chunks})
        self._again(flight)
        return True

    def _again(self, flight: Flight) -> None:
        flight.attempt += 1
        flight.due = None
        self._state.actions.append(StartFlush(flight.number, flight.batch, flight.attempt))
