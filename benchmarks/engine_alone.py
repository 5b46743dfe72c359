"""The engine without Kafka, threads and a downstream, driven from memory: what its decisions cost a record. ``python -m benchmarks.engine_alone HOW``.

- ``through``: every record is taken, flushed and delivered at once.
- ``sampled``: the buffer is between its watermarks, so 1 in 10 is kept; the readings' records are those that are dropped.

A poll has so many records of a partition as ``--run`` says, of as many partitions as it has room for.

Prints one JSON object, like :mod:`benchmarks.subject`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random

from benchmarks.measure import PARTITIONS, value
from benchmarks.meter import Meter, encode
from sidecar.app import tune_interpreter
from sidecar.core.actions import StartFlush
from sidecar.core.backpressure import State
from sidecar.core.config import EngineConfig, Policy, Strategy
from sidecar.core.engine import Engine
from sidecar.core.events import Assigned, Event, FlushFinished, Polled
from sidecar.core.records import CHUNK_BYTES, Chunk, TopicPartition, accounted_bytes
from sidecar.core.results import Delivered

RECORDS = 2_000_000
TPS = [TopicPartition("records", number) for number in range(PARTITIONS)]
EVERY = 0.003
"""Seconds between two polls, as the engine is told: a rate of 660,000 records a second."""

POLL = 2000
"""Records of a poll: as many as one of a backlog has. It is no constant of the sidecar's, since other revisions are measured by this, too, which may not have that."""

RUN = POLL // PARTITIONS
"""Records of a chunk where nothing else is said: those of a poll evenly of all partitions."""

FILLED, FLOOD, FLOODS = 30_000, 50_000, 20
"""Records in the buffer when the flood begins, and in the flood: a tenth of it is kept, which does not fill the buffer. So it takes many of both."""


def main() -> None:
    """Drive an engine as ``how`` says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("how", choices=[*HOW])
    parser.add_argument("--run", type=int, default=RUN, help="records of a chunk")
    options = parser.parse_args()
    tune_interpreter()
    meter = Meter()
    print(encode(meter.read(HOW[options.how](meter, options.run))))


def through(meter: Meter, run: int) -> int:
    """Let records through; return how many."""
    engine = _engine(Policy())
    polls = list(_polls(RECORDS, run))
    meter.begin()
    for number, chunks in enumerate(polls):
        _deliver(engine, Polled(chunks), number * EVERY)
    return engine.snapshot(len(polls) * EVERY).books.delivered[TPS[0].topic]


def sampled(meter: Meter, run: int) -> int:
    """Let about one in ten through; return how many were dropped for that."""
    engines = [_engine(Policy(Strategy.SAMPLE, sample_rate=10)) for _ in range(FLOODS)]
    filling, flood = list(_polls(FILLED, run)), list(_polls(FLOOD, run, FILLED))
    for engine in engines:
        for chunks in filling:
            engine.handle(Polled(chunks), 0.0)
    before = sum(map(_dropped, engines))
    meter.begin()
    for engine in engines:
        for chunks in flood:
            engine.handle(Polled(chunks), 0.0)
    assert {engine.state for engine in engines} == {State.ELEVATED}  # noqa: S101 -- else something else would be measured
    return sum(map(_dropped, engines)) - before


def _dropped(engine: Engine) -> int:
    return engine.snapshot(0.0).books.dropped.get((TPS[0].topic, "sample"), 0)


HOW: Mapping[str, Callable[[Meter, int], int]] = {"through": through, "sampled": sampled}


def _engine(policy: Policy) -> Engine:
    engine = Engine(EngineConfig(policy=lambda _topic: policy), Random(1))  # noqa: S311 -- spreads retries
    engine.handle(Assigned(dict.fromkeys(TPS, 0)), 0.0)
    return engine


def _deliver(engine: Engine, event: Event, now: float) -> None:
    """Handle ``event`` and what follows from it; every flush is delivered at once."""
    events = [event]
    while events:
        actions = engine.handle(events.pop(), now)
        events += [FlushFinished(action.flight, Delivered(), 0.001) for action in actions if isinstance(action, StartFlush)]


def _polls(records: int, run: int, after: int = 0) -> Iterator[list[Chunk]]:
    tps: Sequence[TopicPartition] = TPS[: POLL // run]
    keys = [b"%d" % number for number in range(run)]  # of which about a tenth is kept
    values = [value(number) for number in range(run)]
    stamps = [1_700_000_000_000] * run
    nbytes = CHUNK_BYTES + accounted_bytes(keys, values, None)
    poll = run * len(tps)
    for number in range(after // poll, (after + records) // poll):
        offsets = range(number * run, (number + 1) * run)
        yield [Chunk(tp, 1, offsets, stamps, keys, values, None, offsets.stop, nbytes, 0.0, stamps[0]) for tp in tps]


if __name__ == "__main__":
    main()
