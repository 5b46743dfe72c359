from __future__ import annotations

from dataclasses import replace

import pytest

from sidecar.core.actions import Commit, CommitFailed, CommitOffset
from sidecar.core.events import Advanced, Assigned, CommitFinished, Lost, RevokeBegun, Revoked
from tests.unit.core.examples import SMALL, T0, T1, Bench, chunk, only


def bench_of(*partitions: int) -> Bench:
    """Return a bench that committed nothing so far."""
    return Bench(SMALL, *[(T0, T1)[number] for number in partitions or (0,)])


def committed(bench: Bench) -> list[dict[str, int]]:
    return [{str(tp): offer.offset for tp, offer in each.offsets.items()} for each in only(bench.actions, Commit)]


def answer(bench: Bench, error: str | None = None) -> None:
    last = only(bench.actions, Commit)[-1].offsets
    offsets = {tp: offer.offset for tp, offer in last.items()}
    bench.tell(CommitFinished(offsets, {tp: offer.epoch for tp, offer in last.items()}, error))


def test_what_was_delivered_is_committed_with_its_epochs() -> None:
    bench = bench_of()
    bench.poll(replace(chunk(), leader_epoch=5))
    bench.land(1)
    bench.wait_for_due()
    assert only(bench.actions, Commit) == [Commit({T0: CommitOffset(10, 1, 5)})]


def test_nothing_is_committed_before_its_outcome_nor_twice() -> None:
    bench = bench_of()
    bench.poll(chunk())
    bench.wait(10)
    assert committed(bench) == []
    bench.land(1)
    bench.wait_for_due()
    answer(bench)
    bench.wait(10)
    assert committed(bench) == [{"orders[0]": 10}]
    assert bench.engine.next_due(bench.now) is None


def test_a_commit_waits_for_the_interval_while_there_is_work_and_a_quarter_of_it_when_quiet() -> None:
    bench = Bench(SMALL, T0, T1)
    bench.poll(chunk(T0, range(20)), chunk(T1))
    bench.land(1)
    assert bench.engine.next_due(bench.now) == 101.0
    bench.now += 0.5
    bench.land(3)
    assert bench.engine.next_due(bench.now) == 101.0
    assert committed(bench) == []
    bench.wait_for_due()
    assert committed(bench) == [{"orders[0]": 20}]
    answer(bench)
    bench.land(2)
    assert bench.engine.next_due(bench.now) == 101.25
    bench.wait_for_due()
    assert committed(bench)[1:] == [{"orders[1]": 10}]


def test_only_one_commit_is_outstanding() -> None:
    bench = bench_of()
    bench.poll(chunk(offsets=range(20)))
    bench.land(1)
    bench.wait(5)
    bench.land(2)
    bench.wait(5)
    assert committed(bench) == [{"orders[0]": 10}]
    answer(bench)
    assert committed(bench) == [{"orders[0]": 10}, {"orders[0]": 20}]


def test_a_refused_commit_is_told_and_offered_again() -> None:
    bench = bench_of()
    bench.poll(chunk())
    bench.land(1)
    bench.wait_for_due()
    answer(bench, "not coordinator")
    assert only(bench.actions, CommitFailed) == [CommitFailed([T0], "not coordinator")]
    assert bench.shot.partitions[0].committed == 0
    bench.wait_for_due()
    assert committed(bench) == [{"orders[0]": 10}] * 2
    answer(bench)
    assert bench.shot.partitions[0].committed == 10


def test_an_answer_for_an_older_epoch_says_nothing_about_this_one() -> None:
    bench = bench_of()
    bench.poll(chunk())
    bench.land(1)
    bench.wait_for_due()
    bench.tell(Lost([T0]))
    bench.tell(Assigned({T0: 0}))
    answer(bench)
    assert bench.shot.partitions[0].committed == 0


def test_offsets_that_hold_no_record_are_committed_too() -> None:
    bench = bench_of()
    bench.tell(Advanced({T0: 40}))
    bench.wait_for_due()
    assert committed(bench) == [{"orders[0]": 40}]


@pytest.mark.parametrize("leaving", [RevokeBegun([T0]), Revoked([T0]), Lost([T0])])
def test_nothing_of_a_partition_that_leaves_is_committed_asynchronously(leaving: RevokeBegun | Revoked | Lost) -> None:
    bench = bench_of()
    bench.poll(chunk())
    bench.wait(1)
    bench.tell(leaving)
    bench.land(1)
    bench.wait(10)
    assert committed(bench) == []


def test_on_revocation_everything_that_no_answer_confirmed_is_offered_synchronously() -> None:
    bench = Bench(SMALL, T0, T1)
    bench.poll(chunk(T0, range(20)), chunk(T1))
    bench.land(1)
    bench.wait(1)
    assert bench.engine.offsets_to_commit([T0, T1]) == {T0: CommitOffset(10, 1, None)}
    answer(bench)
    assert bench.engine.offsets_to_commit([T0, T1]) == {}
    bench.tell(RevokeBegun([T0, T1]))
    bench.land(2)
    assert bench.engine.offsets_to_commit([T0]) == {}
    assert bench.engine.offsets_to_commit([T0, T1]) == {T1: CommitOffset(10, 1, None)}
    assert bench.engine.in_flight_of([T0, T1]) == 1
    bench.tell(Revoked([T0, T1]))
    assert bench.engine.offsets_to_commit([T0, T1]) == {}


def test_a_partition_that_begins_at_an_offset_commits_nothing_until_it_got_further() -> None:
    bench = Bench(SMALL)
    bench.tell(Assigned({T0: 500}))
    bench.wait(10)
    assert committed(bench) == []
    assert bench.engine.offsets_to_commit([T0]) == {}
    assert (bench.engine.epoch(T0), bench.engine.epoch(T1)) == (1, None)


def test_where_a_partition_without_a_committed_offset_starts_is_committed_at_once() -> None:
    bench = Bench(SMALL)
    bench.tell(Assigned({T0: 500, T1: 0}, fresh={T0}))
    assert committed(bench) == [{"orders[0]": 500}]
    answer(bench, "not coordinator")
    assert bench.shot.partitions[0].committed is None
    assert bench.engine.offsets_to_commit([T0, T1]) == {T0: CommitOffset(500, 1, None)}


def test_records_that_come_after_the_revocation_began_are_not_passed_by_the_clients_position() -> None:
    bench = bench_of()
    bench.poll(chunk())
    bench.tell(RevokeBegun([T0]))
    bench.poll(chunk(offsets=range(10, 20)))
    bench.tell(Advanced({T0: 20}))
    bench.land(1)
    assert bench.engine.offsets_to_commit([T0]) == {T0: CommitOffset(10, 1, None)}


def test_the_answer_to_a_synchronous_commit_is_not_taken_for_the_one_that_is_outstanding() -> None:
    bench = Bench(SMALL, T0, T1)
    bench.poll(chunk(T0), chunk(T1))
    bench.land(1)
    bench.wait_for_due()
    bench.tell(RevokeBegun([T1]))
    bench.land(2)
    bench.tell(CommitFinished({T1: 10}, {T1: 1}, None))
    bench.tell(Revoked([T1]))
    bench.poll(chunk(T0, range(10, 20)))
    bench.land(3)
    bench.wait(10)
    assert committed(bench) == [{"orders[0]": 10}]
    answer(bench)
    bench.wait(10)
    assert committed(bench) == [{"orders[0]": 10}, {"orders[0]": 20}]
