from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from queue import SimpleQueue

import pytest

from sidecar.core.actions import StartFlush
from sidecar.core.errors import WriterUnavailable
from sidecar.core.events import FlushFinished
from sidecar.core.records import Batch
from sidecar.core.results import Delivered, Result, Retriable
from sidecar.runtime.flushers import Flushed, Flushers, Outcome, WriterEnded
from sidecar.writers.protocol import Writer
from tests.parts.watched import Watched
from tests.unit.runtime.fakes import P0, Clock, records

TIMEOUT = 30.0
WITHIN = 10.0


class ScriptedWriter:
    """Implements :class:`sidecar.writers.protocol.Writer`; ``write`` is what it does."""

    def __init__(self, write: Callable[[], Result]) -> None:
        self.calls: list[tuple[int, int, float]] = []
        self.threads: set[int] = set()
        self.closed = threading.Event()
        self._write = write

    def connect(self, deadline: float) -> None:
        raise WriterUnavailable(f"not asked for, until {deadline}")

    def write(self, batch: Batch, attempt: int, deadline: float) -> Result:
        self.calls.append((batch.records, attempt, deadline))
        self.threads.add(threading.get_ident())
        return self._write()

    def close(self) -> None:
        self.closed.set()


def order(flight: int, attempt: int = 1) -> StartFlush:
    return StartFlush(flight, Batch.of([records(P0, 0, 3)]), attempt)


def start(create: Callable[[], Writer], threads: int = 1) -> tuple[Flushers, SimpleQueue[Outcome]]:
    outcomes: SimpleQueue[Outcome] = SimpleQueue()
    flushers = Flushers(create, threads=threads, timeout=TIMEOUT, clock=Clock(), outcomes=outcomes)
    flushers.start()
    return flushers, outcomes


@pytest.mark.parametrize("result", [Delivered(), Retriable("503")])
def test_an_order_becomes_a_result_under_its_flights_number(result: Result) -> None:
    writer = ScriptedWriter(lambda: result)
    flushers, outcomes = start(lambda: writer)
    flushers.submit(order(7, attempt=2))
    outcome = outcomes.get(timeout=WITHIN)

    assert outcome == Flushed(FlushFinished(7, result, 0.0), 3)
    assert writer.calls == [(3, 2, 100.0 + TIMEOUT)]
    assert not writer.closed.is_set()
    assert flushers.stop(WITHIN)
    assert writer.closed.is_set()


def test_each_thread_has_a_writer_of_its_own() -> None:
    both_write = threading.Barrier(2, timeout=WITHIN)

    def write() -> Result:
        both_write.wait()
        return Delivered()

    writers: list[ScriptedWriter] = []

    def create() -> Writer:
        writers.append(ScriptedWriter(write))
        return writers[-1]

    flushers, outcomes = start(create, threads=2)
    flushers.submit(order(1))
    flushers.submit(order(2))
    flights = {
        outcome.event.flight for outcome in (outcomes.get(timeout=WITHIN) for _ in range(2)) if isinstance(outcome, Flushed)
    }
    assert flushers.stop(WITHIN)

    assert flights == {1, 2}
    assert [len(writer.threads) for writer in writers] == [1, 1]
    assert writers[0].threads != writers[1].threads


def test_once_a_batch_is_answered_for_no_thread_holds_it() -> None:
    flushers, outcomes = start(lambda: ScriptedWriter(Delivered))
    values = Watched([b"1", b"2", b"3"])
    watched = values.watch()
    flushers.submit(StartFlush(1, Batch.of([replace(records(P0, 0, 3), values=values)]), 1))
    del values
    outcomes.get(timeout=WITHIN)

    assert watched() is None
    assert flushers.stop(WITHIN)


class Defect(Exception):  # noqa: N818 -- it stands for any
    """What a writer must not raise."""


def test_what_a_writer_raises_reaches_the_loop_as_it_is_and_the_writer_is_closed() -> None:
    def write() -> Result:
        raise Defect("in write")

    writer = ScriptedWriter(write)
    flushers, outcomes = start(lambda: writer)
    flushers.submit(order(1))
    outcome = outcomes.get(timeout=WITHIN)

    assert isinstance(outcome, Defect)
    assert flushers.stop(WITHIN)
    assert writer.closed.is_set()


def test_a_writer_that_ends_its_thread_reaches_the_loop_as_a_failure_and_not_as_an_end_of_the_process() -> None:
    def write() -> Result:
        raise SystemExit(0)

    writer = ScriptedWriter(write)
    flushers, outcomes = start(lambda: writer)
    flushers.submit(order(1))
    outcome = outcomes.get(timeout=WITHIN)

    assert isinstance(outcome, WriterEnded)
    assert str(outcome) == "SystemExit(0)"
    assert flushers.stop(WITHIN)


def test_a_writer_that_cannot_be_made_reaches_the_loop() -> None:
    def create() -> Writer:
        raise Defect("in create")

    flushers, outcomes = start(create)

    assert isinstance(outcomes.get(timeout=WITHIN), Defect)
    assert flushers.stop(WITHIN)


def test_stopping_tells_when_a_writer_was_still_busy() -> None:
    release = threading.Event()

    def write() -> Result:
        release.wait(WITHIN)
        return Delivered()

    flushers, outcomes = start(lambda: ScriptedWriter(write))
    flushers.submit(order(1))
    stopped_at_once = flushers.stop(0.0)
    release.set()
    outcomes.get(timeout=WITHIN)

    assert not stopped_at_once
    assert flushers.stop(WITHIN)
