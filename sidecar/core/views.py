"""Views: the engine's state as a frozen :class:`~sidecar.core.snapshot.Snapshot`. Reads everything, changes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from typing import NamedTuple

from sidecar.core.config import Ordering
from sidecar.core.flush_control import FlushControl
from sidecar.core.holds import Holds
from sidecar.core.records import Chunk, TopicPartition
from sidecar.core.snapshot import FlowView, OverflowView, PartitionView, RetryView, SearchView, Snapshot
from sidecar.core.state import EngineState, Flight, Partition


class Leaving(NamedTuple):
    """The chunks of a partition on their way to the downstream, to an overflow topic, and to the dead-letter topic."""

    flying: list[Chunk]
    diverted: list[Chunk]
    condemned: list[Chunk]


def snapshot(state: EngineState, holds: Holds, now: float) -> Snapshot:
    """Describe the engine at ``now``."""
    flying = _by_partition(chunk for flight in state.flights.values() for chunk in flight.batch.chunks)
    diverted = _by_partition(divert.chunk for divert in state.diversions)
    condemned = _by_partition(letter.chunk for letter in state.letters.values())
    failed = {
        chunk.tp: flight for flight in state.flights.values() if flight.failure is not None for chunk in flight.batch.chunks
    }
    return Snapshot(
        state=state.backpressure.state.value,
        utilization=state.buffer.utilization,
        buffer_records=state.buffer.size,
        buffer_bytes=state.buffer.nbytes,
        max_messages=state.buffer.max_records,
        max_bytes=state.buffer.max_bytes,
        books=state.books.view(state.buffer),
        partitions=tuple(
            _partition(
                state, holds, p, Leaving(*(by.get(tp, []) for by in (flying, diverted, condemned))), _retry(failed.get(tp), now)
            )
            for tp, p in sorted(state.partitions.items())
        ),
        flow=_flow(state, now),
        search=_search(state.flow),
        overflow=OverflowView(state.diversions.records, state.diversions.trouble),
        transitions={(old.value, new.value): count for (old, new), count in state.backpressure.transitions.items()},
        holds=holds.holds,
        pauses=holds.pauses,
        draining=state.draining,
        asked_holds={reason.value: hold.why for reason, hold in state.asked.items()},
    )


def _by_partition(chunks: Iterable[Chunk]) -> dict[TopicPartition, list[Chunk]]:
    found: dict[TopicPartition, list[Chunk]] = {}
    for chunk in chunks:
        found.setdefault(chunk.tp, []).append(chunk)
    return found


def _retry(flight: Flight | None, now: float) -> RetryView | None:
    """Describe the flight that failed before."""
    if flight is None or flight.failure is None:
        return None
    if flight.due is None:
        return RetryView(flight.failure, flight.attempt - 1, None, flight.limited)
    return RetryView(flight.failure, flight.attempt, max(0.0, flight.due - now), flight.limited)


def _partition(
    state: EngineState, holds: Holds, partition: Partition, leaving: Leaving, retry: RetryView | None
) -> PartitionView:
    """Describe ``partition``, of which ``leaving`` is on its way out."""
    ledger = partition.ledger
    return PartitionView(
        tp=partition.tp,
        epoch=partition.epoch,
        position=ledger.position,
        committed=partition.committed,
        committable=ledger.committable,
        buffered=state.buffer.queued(partition.tp),
        in_flight=sum(map(len, leaving.flying)),
        oldest_wall_ms=_oldest(state, partition, [chunk for chunks in leaving for chunk in chunks]),
        last_wall_ms=partition.last_timestamp,
        holds=tuple(reason.value for reason in holds.reasons.get(partition.tp, ())),
        stopped=partition.stopped,
        stopped_by=None if partition.stopped_by is None else partition.stopped_by.value,
        suspects=0 if partition.suspect is None else partition.suspect.left,
        retry=retry,
        letters=len(leaving.condemned),
        diverting=sum(map(len, leaving.diverted)),
        overflow_trouble=state.diversions.trouble_of(partition.policy.overflow_topic or ""),
        letter_trouble=state.waits_for_letters.get(partition.tp),
    )


def _oldest(state: EngineState, partition: Partition, leaving: list[Chunk]) -> int | None:
    """Return the timestamp of the record with the lowest offset that is here."""
    head = state.buffer.head(partition.tp)
    here = leaving if head is None else [*leaving, head]
    current = [chunk for chunk in here if chunk.epoch == partition.epoch]
    return min(current, key=lambda chunk: chunk.start).timestamps[0] if current else None


def _flow(state: EngineState, now: float) -> FlowView:
    waiting = [flight for flight in state.flights.values() if flight.due is not None]
    breaker = state.breaker
    return FlowView(
        batch_records=state.flow.batch_records,
        interval=state.flow.interval,
        concurrency_limit=state.flow.limit,
        allowed=state.flow.allowed(now),
        max_in_flight=state.config.flush.max_in_flight,
        per_partition=1 if state.config.ordering is Ordering.PARTITION else state.config.flush.max_in_flight,
        flushes_in_flight=len(state.flights) - len(waiting),
        retrying=len(waiting),
        last_failure=max(waiting, key=lambda flight: flight.number).failure if waiting else None,
        breaker=breaker.state.value,
        breaker_reason=breaker.reason,
        letter_tokens=int(state.ration.tokens),
        next_probe_in=None if breaker.probe_at is None else max(0.0, breaker.probe_at - now),
    )


def _search(flow: FlushControl) -> SearchView:
    search = flow.search
    return SearchView(
        cost=flow.cost,
        base=search.base,
        slowdown=search.slowdown,
        queue=search.queue,
        probing=search.probing,
        ceiling=search.ceiling,
        window_began=None if flow.window.began == inf else flow.window.began,
        window_flushes=flow.window.flushes,
        decisions=tuple(flow.decisions.latest),
        turns=dict(flow.decisions.counts),
    )
