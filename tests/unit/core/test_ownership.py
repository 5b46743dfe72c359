"""What becomes of the records of a partition that leaves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sidecar.core.actions import Commit, CommitOffset, Resume, StartFlush
from sidecar.core.config import EngineConfig, FlushLimits
from sidecar.core.events import (
    Assigned,
    DrainRequested,
    Event,
    Lost,
    Moved,
    PartitionFailed,
    Polled,
    RevokeBegun,
    Revoked,
    Tick,
)
from sidecar.core.results import Retriable
from tests.unit.core.examples import T0, T1, Bench, chunk, offsets_of, only

ONE_BY_ONE = EngineConfig(max_messages=100, flush=FlushLimits(first_batch=10, max_batch=10, max_in_flight=1))


@pytest.mark.parametrize(("event", "reason"), [(Revoked([T0]), "revoked"), (Lost([T0]), "lost")], ids=["revoked", "lost"])
def test_what_is_queued_of_a_partition_that_leaves_is_given_back_at_once_and_never_flushed(event: Event, reason: str) -> None:
    bench = Bench(ONE_BY_ONE, T0, T1)
    bench.poll(chunk(T1))
    bench.poll(chunk(T0))
    bench.tell(event)
    assert bench.shot.books.released == {("orders", reason): 10}
    bench.tell(Assigned({T0: 0}))
    bench.land(1)
    assert bench.shot.books.buffered + bench.shot.books.in_flight == 0


def test_what_waits_for_a_retry_of_a_partition_that_leaves_is_given_back_at_once() -> None:
    bench = Bench(ONE_BY_ONE, T0)
    bench.poll(chunk())
    bench.land(1, Retriable("503"))
    bench.tell(Revoked([T0]))
    assert bench.shot.books.released == {("orders", "revoked"): 10}
    assert bench.engine.next_due(bench.now) is None


def test_nothing_of_a_partition_that_is_being_revoked_is_flushed_or_taken() -> None:
    bench = Bench(ONE_BY_ONE, T0)
    bench.poll(chunk(offsets=range(20)))
    bench.tell(RevokeBegun([T0]))
    bench.poll(chunk(offsets=range(20, 25)))
    bench.land(1)
    assert [offsets_of(start.batch.chunks) for start in only(bench.actions, StartFlush)] == [list(range(10))]
    assert bench.shot.books.released == {("orders", "revoked"): 5}


def test_a_record_of_an_earlier_epoch_is_given_back_although_its_partition_is_here_again() -> None:
    bench = Bench(ONE_BY_ONE, T0)
    bench.tell(Revoked([T0]))
    bench.tell(Assigned({T0: 0}))
    bench.tell(Polled([replace(chunk(), epoch=1)]))
    assert bench.shot.books.released == {("orders", "revoked"): 10}
    assert bench.committable(T0) == 0


def test_at_the_deadline_of_a_drain_what_is_queued_and_what_is_with_a_flusher_is_given_back() -> None:
    bench = Bench(ONE_BY_ONE, T0)
    bench.poll(chunk(offsets=range(25)))
    bench.tell(DrainRequested(bench.now + 5))
    bench.now += 5
    bench.tell(Tick())
    assert bench.shot.books.released == {("orders", "shutdown"): 25}
    assert bench.shot.books.in_flight == 0


def test_a_log_that_was_cut_above_records_without_an_outcome_goes_on_at_the_first_of_them() -> None:
    bench = Bench(ONE_BY_ONE, T0)
    bench.poll(chunk(offsets=range(30)))
    actions = bench.tell(Moved(T0, 25))
    bench.land(1)
    bench.poll(chunk(offsets=range(30)))
    bench.land(2)
    bench.wait(10)
    assert [resume.positions for resume in only(actions, Resume)] == [{T0: 0}]
    assert offsets_of(bench.flushed()[1].batch.chunks) == list(range(10))
    assert bench.committable(T0) == 10


def test_where_a_log_that_was_cut_goes_on_is_committed_at_once_since_a_restart_would_begin_beyond_it() -> None:
    bench = Bench(ONE_BY_ONE)
    bench.tell(Assigned({T0: 600}))
    bench.tell(Moved(T0, 500))
    bench.wait(10)
    assert [commit.offsets for commit in only(bench.actions, Commit)] == [{T0: CommitOffset(500, 2, None)}]


def test_a_partition_that_is_stopped_stays_so_where_its_log_was_cut() -> None:
    bench = Bench(ONE_BY_ONE, T0)
    bench.poll(chunk(offsets=range(30)))
    bench.tell(PartitionFailed(T0, "a reason"))
    actions = bench.tell(Moved(T0, 25))
    assert only(actions, Resume) == []
    assert bench.engine.stopped == {T0: "a reason"}
    assert bench.committable(T0) == 0
