from __future__ import annotations

from dataclasses import replace

import pytest

from sidecar.core.actions import Commit, Finish, Pause, Released, Resume, StartFlush
from sidecar.core.backpressure import State
from sidecar.core.books import ReleaseReason
from sidecar.core.events import Advanced, Assigned, DrainRequested, FlushFinished
from sidecar.core.results import Delivered, Result, Retriable, Systemic
from tests.unit.core.examples import SMALL, T0, T1, Bench, chunk, only, started


def test_a_drain_with_nothing_to_do_finishes_at_once() -> None:
    bench = Bench(SMALL, T0)
    actions = bench.tell(DrainRequested(bench.now + 30))
    assert only(actions, Finish) == [Finish(expired=False)]
    assert only(actions, Pause) == [Pause([T0])]
    assert bench.engine.next_due(bench.now) is None


def test_a_drain_flushes_everything_at_once_polls_on_takes_nothing_and_finishes_when_empty() -> None:
    bench = Bench(SMALL, T0, T1)
    bench.poll(chunk(T0, range(15)), chunk(T1, range(2)))
    actions = bench.tell(DrainRequested(bench.now + 30))
    assert started(actions) == [(T1, [0, 1])]
    assert bench.holds == {T0: ("drain",), T1: ("drain",)}
    assert only(actions, Pause) == [Pause([T0, T1])]
    assert bench.engine.polling
    assert only(bench.poll(chunk(T0, range(15, 18))), Released) == [Released(T0, 3, ReleaseReason.SHUTDOWN)]
    assert started(bench.land(1)) == [(T0, [10, 11, 12, 13, 14])]
    bench.land(2)
    assert only(bench.actions, Finish) == []
    assert only(bench.land(3), Finish) == [Finish(expired=False)]
    assert bench.shot.books.delivered == {"orders": 17}
    assert {str(tp): offer.offset for tp, offer in bench.engine.offsets_to_commit([T0, T1]).items()} == {
        "orders[0]": 15,
        "orders[1]": 2,
    }


@pytest.mark.parametrize("answer", [Systemic("refused"), Retriable("503"), Retriable("429", 3.0), None])
def test_with_a_dead_downstream_a_drain_ends_at_its_deadline_released_and_uncommitted(answer: Result | None) -> None:
    bench = Bench(SMALL, T0)
    bench.poll(chunk(offsets=range(15)))
    bench.tell(DrainRequested(110.0))
    answered = 0
    for _ in range(500):
        if only(bench.actions, Finish):
            break
        flights = only(bench.actions, StartFlush)
        if answer is not None and answered < len(flights):
            bench.land(flights[answered].flight, answer)
            answered += 1
        else:
            bench.wait_for_due()
    assert bench.now == 110.0
    assert only(bench.actions, Finish) == [Finish(expired=True)]
    assert bench.shot.books.released == {("orders", "shutdown"): 15}
    assert bench.shot.books.delivered == {}
    assert only(bench.actions, Commit) == []
    assert bench.engine.offsets_to_commit([T0]) == {}


def test_a_result_after_the_end_is_nobodys() -> None:
    bench = Bench(SMALL, T0)
    bench.poll(chunk())
    bench.tell(DrainRequested(110.0))
    bench.wait(10)
    before = bench.shot
    assert bench.tell(FlushFinished(1, Delivered(), 9.0)) == []
    assert bench.shot == before
    assert bench.wait(1000) == []


def test_a_second_request_only_brings_the_deadline_forward() -> None:
    bench = Bench(SMALL, T0)
    bench.poll(chunk())
    bench.tell(DrainRequested(130.0))
    bench.tell(DrainRequested(200.0))
    assert bench.engine.next_due(bench.now) == 130.0
    bench.tell(DrainRequested(105.0))
    assert only(bench.wait(4.999), Finish) == []
    assert only(bench.wait(0.002), Finish) == [Finish(expired=True)]


def test_a_drain_brings_retries_and_the_probe_forward() -> None:
    bench = Bench(SMALL, T0)
    bench.poll(chunk())
    for _ in range(12):
        bench.land(1, Retriable("503"))
        bench.wait(60)
    bench.land(1, Retriable("503"))
    bench.tell(DrainRequested(bench.now + 30))
    assert len(started(bench.wait(1.0))) == 1
    bench.land(1, Systemic("refused"))
    for _ in range(3):
        bench.wait_for_due()
        bench.land(bench.flushed()[-1].flight, Systemic("refused"))
    assert only(bench.actions, Finish) == []


def test_draining_is_never_left_and_new_partitions_are_held() -> None:
    bench = Bench(replace(SMALL, pause_after=10), T0)
    bench.poll(chunk())
    bench.tell(DrainRequested(bench.now + 30))
    bench.tell(Assigned({T1: 0}))
    assert bench.engine.state is State.DRAINING
    assert bench.holds == {T0: ("drain",), T1: ("drain",)}
    bench.land(1)
    bench.wait(100)
    assert bench.engine.state is State.DRAINING
    assert only(bench.actions, Resume) == []
    assert bench.shot.draining


def test_records_that_were_given_back_are_not_passed_by_the_clients_position_in_the_last_commit() -> None:
    bench = Bench(SMALL, T0, T1)
    bench.poll(chunk(T0), chunk(T1))
    bench.tell(DrainRequested(bench.now + 30))
    bench.poll(chunk(T0, range(10, 20)))
    bench.land(1)
    bench.land(2)
    bench.tell(Advanced({T0: 20, T1: 12}))
    assert {tp: offer.offset for tp, offer in bench.engine.offsets_to_commit([T0, T1]).items()} == {T0: 10, T1: 12}
