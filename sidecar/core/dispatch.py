"""Dispatch: which records are flushed next, and when.

- A batch that is full (in records or bytes) starts at once; a part-filled one after the interval, or at once when the pressure is
  ELEVATED or above, or the engine drains or is quiesced.
- Topics are served by weight (:mod:`sidecar.core.fair_queue`), the partitions of a topic in turn. Where the first in turn fills a batch on its own it gets one
  to itself, so a backlog spreads over all flights; at a trickle several share a batch.
- What has waited too long by its topic's policy is dropped on its way out (:mod:`sidecar.core.expiry`).
- One flight per partition: order within it is kept through retries. Where no order is asked for, any number; but one alone while poison is searched for or a record
  is tried once more, and no more where so many later ranges are delivered that the ledger remembers :data:`RUN_AHEAD` of them: what a restart would repeat is bounded, too.
- How many run at once is the flush control's choice. A flight that waits for its retry is not among them, so one that goes on failing does not keep others from being
  taken; but it keeps its place among ``max_in_flight``, so a recovering downstream sees no stampede.
- Where flushes commit offsets themselves, nothing of a partition starts while a commit of it is outstanding (see :mod:`sidecar.core.commits`).
- Nothing of a partition that waits for a dead letter starts (see :mod:`sidecar.core.dead_letters`).
- All retries together are bounded by a budget.
- Suspects of a poisoned batch travel alone (see :class:`~sidecar.core.state.Suspect`).
- While the breaker is open nothing starts; half-open, one small batch does: the smallest that waits for a retry, else a new one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf

from sidecar.core.actions import DeadLetter, StartFlush
from sidecar.core.breaker import BreakerSignal, BreakerState
from sidecar.core.buffer import NEARLY_ALL
from sidecar.core.config import Ordering
from sidecar.core.expiry import Expiry
from sidecar.core.fair_queue import FairQueue
from sidecar.core.flush_control import Launch
from sidecar.core.records import Batch, Chunk
from sidecar.core.state import EngineState, Flight, Partition

PROBE_RECORDS = 10
"""The most records of a half-open breaker's probe."""

RUN_AHEAD = 1000
"""How many delivered ranges of a partition may lie beyond a record without an outcome before no more of it is flushed beside that."""


@dataclass(slots=True)
class Load:
    """A batch that is being filled: the records and bytes that it has room for still, and what is in it."""

    room_records: int
    room_bytes: float
    chunks: list[Chunk] = field(default_factory=list)

    def add(self, chunks: list[Chunk]) -> int:
        """Add ``chunks``; return their bytes."""
        nbytes = sum([chunk.nbytes for chunk in chunks])
        self.chunks += chunks
        self.room_records -= sum([chunk.records for chunk in chunks])
        self.room_bytes -= nbytes
        return nbytes


class Dispatch:
    """Starts flights."""

    def __init__(self, state: EngineState) -> None:
        """Work on the engine's state."""
        self._state = state
        self._expiry = Expiry(state)
        self._queue = FairQueue()
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
        if not self._has_place(now):
            return state.flow.next_hang(now)
        dues = [flight.due for flight in state.flights.values() if flight.due is not None]
        if self._has_work() and self._has_room() and (ready := self._ready()):
            dues.append(now if self._is_urgent(ready) else self._oldest(ready) + state.flow.interval)
        return min(dues, default=None)

    def _probe(self, now: float) -> None:
        flights = self._state.flights.values()
        if any(flight.probe for flight in flights):
            return
        waiting = [flight for flight in flights if flight.due is not None]
        if waiting:
            flight = min(waiting, key=lambda flight: flight.batch.records)
            flight.probe = True
            self._again(flight, now)
            return
        while ready := self._ready():
            if self._launch_first(ready[:1], min(PROBE_RECORDS, self._state.flow.batch_records), now, probe=True):
                return

    def _retry_due(self, now: float) -> None:
        for flight in self._state.flights.values():
            if flight.due is not None and flight.due <= now and self._has_place(now):
                if self._state.budget.spend(now):
                    self._again(flight, now)
                else:
                    flight.due = self._state.budget.next_at(now)

    def _start_new(self, now: float) -> None:
        state = self._state
        while self._has_work() and self._has_room() and self._has_place(now):
            ready = self._ready()
            if not ready or not self._is_due(ready, now):
                return
            self._launch_first(ready, state.flow.next_size(self._running()), now, probe=False)

    def _has_work(self) -> bool:
        """Whether anything is queued, or to be tried once more; asked first, since a sidecar at rest would else look at each partition in vain."""
        return bool(self._state.buffer.queued_records or self._state.rechecks)

    def _running(self) -> int:
        """Count the flights that a flusher has."""
        return sum(flight.due is None for flight in self._state.flights.values())

    def _has_room(self) -> bool:
        """Whether another flight may be under way: not beside as many bytes as full batches would have, which only records larger than a batch come to.

        What is on its way to a dead-letter or an overflow topic does not count: it may wait for long, and, for a token, for deliveries.
        """
        state, limits = self._state, self._state.config.flush
        if len(state.flights) >= limits.max_in_flight:
            return False
        most = limits.max_in_flight * limits.max_batch_bytes
        return state.buffer.in_flight_bytes < most or sum(flight.batch.nbytes for flight in state.flights.values()) < most

    def _has_place(self, now: float) -> bool:
        return self._running() < self._state.flow.allowed(now)

    def _ready(self) -> list[Partition]:
        """List the partitions that have queued records and may have another flight, first in turn first."""
        state = self._state
        queued, waits = state.buffer.queued, state.waits_for_letters
        rechecks = state.rechecks
        ready = [
            p
            for tp, p in state.partitions.items()
            if (queued(tp) or tp in rechecks) and self._may_fly(p) and not p.revoking and tp not in waits
        ]
        if state.config.commits_with_records:
            ready = [p for p in ready if p.requested == p.committed]
        turns = {topic: self._turn(topic) for topic in {p.tp.topic for p in ready}}
        return ready if len(turns) < 2 else sorted(ready, key=lambda p: turns[p.tp.topic])  # noqa: PLR2004 -- one topic has nobody to be fair to

    def _turn(self, topic: str) -> tuple[float, float]:
        """Return what tells whose turn it is; where it is equal, who was served longest ago stays first."""
        return self._queue.start(topic), -self._state.policy(topic).share

    def _may_fly(self, partition: Partition) -> bool:
        """Whether another flight of ``partition`` may start beside those that it has."""
        state, tp = self._state, partition.tp
        if tp not in state.busy:
            return True
        alone = state.config.ordering is Ordering.PARTITION or partition.suspect is not None or tp in state.rechecks
        return not alone and partition.ledger.islands < RUN_AHEAD

    def _is_due(self, ready: list[Partition], now: float) -> bool:
        buffer, flow = self._state.buffer, self._state.flow
        if self._is_urgent(ready):
            return True
        records = sum(buffer.queued(p.tp) for p in ready)
        nbytes = buffer.queued_bytes * records / buffer.queued_records
        return records >= flow.batch_records or nbytes >= flow.batch_bytes or now >= self._oldest(ready) + flow.interval

    def _is_urgent(self, ready: Iterable[Partition]) -> bool:
        """Whether nothing waits for its interval."""
        state = self._state
        hurries = state.backpressure.flushes_at_once or state.hurries
        return hurries or any(p.suspect or p.tp in state.rechecks for p in ready)

    def _oldest(self, ready: Iterable[Partition]) -> float:
        heads = (self._state.buffer.head(p.tp) for p in ready)
        return min(head.polled_at for head in heads if head is not None)

    def _launch_first(self, ready: list[Partition], records: int, now: float, *, probe: bool) -> bool:
        """Start a flight: a record that is to be tried once more, alone, else a batch; return whether there was anything to start."""
        again = next((partition.tp for partition in ready if partition.tp in self._state.rechecks), None)
        full = self._state.flow.batch_records
        if again is None:
            return self._launch(self._fill(ready, records, now), full if probe else min(full, records), now, probe=probe)
        letter = self._state.take_recheck(again)
        return self._launch([letter.chunk], full, now, probe=probe, recheck=letter)

    def _fill(self, ready: list[Partition], records: int, now: float) -> list[Chunk]:
        """Take a batch from the head of the turn; those served go to its end."""
        load = Load(records, self._state.flow.batch_bytes)
        suspect = next((p for p in ready if p.suspect), None)
        if suspect is not None and suspect.suspect is not None:
            load.room_records = min(records, suspect.suspect.cap)
            self._take_some(suspect, load, now)
            return load.chunks
        for partition in ready:
            take = self._take if load.chunks else self._take_some
            take(partition, load, now)
            if load.room_records <= 0 or self._state.buffer.queued(partition.tp):
                break
        return load.chunks

    def _take_some(self, partition: Partition, load: Load, now: float) -> None:
        """Take from one partition at least a record, even if that is larger than a batch alone; nothing only where what was taken expired."""
        queued = self._state.buffer.queued(partition.tp)
        self._take(partition, load, now)
        if self._state.buffer.queued(partition.tp) == queued:
            alone = Load(1, inf)
            self._take(partition, alone, now)
            load.add(alone.chunks)

    def _take(self, partition: Partition, load: Load, now: float) -> None:
        """Take from one partition and send it to the end of the turn; what expires on its way out is made up for."""
        state, served = self._state, 0
        while taken := state.buffer.take(partition.tp, load.room_records, load.room_bytes):
            fresh = self._expiry.fresh(partition, taken, now)
            served += load.add(fresh)
            if fresh == taken:
                break
        if served:  # no record is without bytes
            state.partitions[partition.tp] = state.partitions.pop(partition.tp)
            self._queue.charge(partition.tp.topic, served, partition.policy.share)

    def _launch(self, chunks: list[Chunk], full: int, now: float, *, probe: bool, recheck: DeadLetter | None = None) -> bool:
        """Start a flight, which ``full`` records fill; return whether there was anything to start (all that was taken may have expired)."""
        if not chunks:
            return False
        state, flow = self._state, self._state.flow
        batch = Batch.of(chunks, state.expected(chunks))
        filled = batch.records >= full * NEARLY_ALL or batch.nbytes >= flow.batch_bytes * NEARLY_ALL
        self._last_flight += 1
        suspect = any(state.partitions[chunk.tp].suspect is not None for chunk in chunks)
        flight = Flight(self._last_flight, batch, 0, probe, filled, self._launched(now), suspect=suspect, recheck=recheck)
        state.flights[flight.number] = flight
        state.busy.update({chunk.tp for chunk in chunks})
        self._start(flight)
        return True

    def _again(self, flight: Flight, now: float) -> None:
        flight.launch = self._launched(now)
        flight.due = None
        self._start(flight)

    def _launched(self, now: float) -> Launch:
        """Tell the flush control that another flush runs."""
        return self._state.flow.launched(self._running() + 1, now)

    def _start(self, flight: Flight) -> None:
        flight.attempt += 1
        self._state.actions.append(StartFlush(flight.number, flight.batch, flight.attempt))
