"""Where the downstream keeps offsets: partitions begin there, each flush says what it expects there, and one that was overtaken begins again."""

from __future__ import annotations

from dataclasses import replace

from sidecar.core.actions import Commit, Locate, PartitionStopped, Pause, Resume
from sidecar.core.events import Advanced, Assigned, DrainRequested, Located, Lost, Moved, Revoked
from sidecar.core.ownership import FENCES
from sidecar.core.results import Fenced, Retriable
from tests.unit.core.examples import SMALL, T0, T1, Bench, chunk, only

STORING = replace(SMALL, stored_offsets=True)
OVERTAKEN = Fenced((T0,), "another owner has written")


def placed(at: int | None = 0) -> Bench:
    """Return a bench with a partition whose offset the downstream has told."""
    bench = Bench(STORING, T0)
    bench.tell(Located({T0: at}, {T0: 1}))
    return bench


def expected(bench: Bench) -> list[int | None]:
    """Return what each flush of T0 expected to find."""
    return [start.batch.expected[T0] for start in bench.flushed()]


def test_nothing_is_taken_of_a_partition_before_the_downstream_has_told_where_it_begins() -> None:
    bench = Bench(STORING, T0)
    assert only(bench.actions, Locate) == [Locate({T0: 1})]
    assert only(bench.actions, Pause) == [Pause([T0])]
    assert bench.holds == {T0: ("position",)}
    bench.poll(chunk())
    assert bench.flushed() == []
    assert bench.shot.books.released == {("orders", "revoked"): 10}


def test_a_partition_begins_where_the_downstream_says_and_not_where_kafka_does() -> None:
    bench = Bench(STORING, T0)
    assert only(bench.tell(Located({T0: 40}, {T0: 1})), Resume) == [Resume({T0: 40})]
    bench.poll(chunk(offsets=range(40, 50)))
    assert expected(bench) == [40]
    assert not bench.holds


def test_a_partition_of_which_the_downstream_keeps_nothing_begins_where_kafka_says() -> None:
    bench = Bench(STORING)
    bench.tell(Assigned({T0: 7}))
    assert only(bench.tell(Located({T0: None}, {T0: 1})), Resume) == [Resume({T0: 7})]
    bench.poll(chunk(offsets=range(7, 17)))
    assert expected(bench) == [None]


def test_each_flush_expects_what_the_last_one_wrote_also_past_offsets_without_a_record() -> None:
    bench = placed()
    bench.poll(chunk(offsets=range(10)))
    bench.land(1)
    bench.poll(chunk(offsets=range(15, 25)))
    assert expected(bench) == [0, 10]


def test_a_retry_expects_the_same_as_the_first_attempt() -> None:
    bench = placed()
    bench.poll(chunk())
    bench.land(1, Retriable("503"))
    bench.wait_for_due()
    assert expected(bench) == [0, 0]


def test_the_offset_is_asked_for_only_once_the_old_flush_of_the_partition_has_ended() -> None:
    bench = placed()
    bench.poll(chunk())
    bench.tell(Revoked([T0]))
    assert only(bench.tell(Assigned({T0: 0})), Locate) == []
    assert only(bench.land(1), Locate) == [Locate({T0: 2})]


def test_an_answer_for_an_earlier_epoch_is_not_believed() -> None:
    bench = Bench(STORING, T0)
    bench.tell(Lost([T0]))
    bench.tell(Assigned({T0: 0}))
    bench.tell(Located({T0: 40}, {T0: 1}))
    assert bench.holds == {T0: ("position",)}


def test_a_partition_that_was_overtaken_gives_back_its_records_and_begins_at_what_is_there_now() -> None:
    bench = placed()
    bench.poll(chunk(offsets=range(25)))
    assert only(bench.land(1, OVERTAKEN), Locate) == [Locate({T0: 2})]
    assert bench.shot.books.released == {("orders", "fenced"): 25}
    assert only(bench.tell(Located({T0: 12}, {T0: 2})), Resume) == [Resume({T0: 12})]
    bench.poll(chunk(offsets=range(12, 22)))
    assert expected(bench) == [0, 12]


def test_the_others_of_a_batch_in_which_one_was_overtaken_are_flushed_again() -> None:
    bench = Bench(STORING, T0, T1)
    bench.tell(Located({T0: 0, T1: 0}, {T0: 1, T1: 1}))
    bench.poll(chunk(T0, range(3)), chunk(T1, range(3)))
    bench.wait_for_due()
    bench.land(1, OVERTAKEN)
    assert bench.flushed()[-1].batch.expected == {T1: 0}
    assert bench.shot.books.released == {("orders", "fenced"): 3}


def test_a_flush_of_an_old_epoch_that_was_overtaken_does_not_disturb_the_new_one() -> None:
    bench = placed()
    bench.poll(chunk())
    bench.tell(Lost([T0]))
    bench.tell(Assigned({T0: 0}))
    bench.land(1, OVERTAKEN)
    bench.tell(Located({T0: 40}, {T0: 2}))
    assert (bench.holds, bench.engine.epoch(T0)) == ({}, 2)


def test_a_partition_that_is_overtaken_again_and_again_has_two_owners_and_is_stopped() -> None:
    bench = placed()
    for fence in range(FENCES + 1):
        bench.poll(chunk())
        bench.land(fence + 1, OVERTAKEN)
        bench.tell(Located({T0: 0}, {T0: fence + 2}))
    [stop] = only(bench.actions, PartitionStopped)
    assert stop.reason == "another owner has written; it happened 6 times in a row"
    assert bench.shot.partitions[0].stopped_by == "fenced"


def test_a_delivery_forgives_what_was_overtaken_before() -> None:
    bench = placed()
    for fence in range(FENCES + 1):
        bench.poll(chunk(offsets=range(20)))
        bench.land(2 * fence + 1)
        bench.land(2 * fence + 2, OVERTAKEN)
        bench.tell(Located({T0: 0}, {T0: fence + 2}))
    assert only(bench.actions, PartitionStopped) == []


def test_nothing_is_committed_and_nothing_passed_while_the_beginning_is_unknown() -> None:
    bench = Bench(STORING)
    bench.tell(Assigned({T0: 5}, fresh=[T0]))
    bench.tell(Advanced({T0: 9}))
    bench.wait(10)
    assert only(bench.actions, Commit) == []
    assert bench.engine.offsets_to_commit([T0]) == {}
    assert bench.committable() == 5


def test_in_a_drain_a_partition_that_was_told_its_beginning_is_not_taken_to_be_where_the_client_stands() -> None:
    bench = Bench(STORING, T0)
    bench.tell(DrainRequested(bench.now + 5))
    bench.tell(Located({T0: 3}, {T0: 1}))
    bench.tell(Advanced({T0: 9}))
    assert bench.committable() == 3


def test_a_log_that_was_cut_goes_on_further_back_and_overwrites_what_the_downstream_keeps() -> None:
    bench = placed(1_000)
    bench.tell(Moved(T0, 20))
    bench.poll(chunk(offsets=range(20, 30)))
    assert expected(bench) == [1_000]
    assert (bench.engine.epoch(T0), bench.committable()) == (2, 20)


def test_of_a_partition_whose_offset_is_not_known_yet_nothing_is_left_to_commit() -> None:
    bench = Bench(STORING)
    bench.tell(Assigned({T0: 7}, [T0]))
    assert bench.shot.is_settled


def test_where_the_downstream_is_behind_kafka_nothing_is_left_to_commit_once_all_is_delivered() -> None:
    bench = Bench(STORING)
    bench.tell(Assigned({T0: 100}))
    bench.tell(Located({T0: 40}, {T0: 1}))
    bench.poll(chunk(offsets=range(40, 50)))
    assert not bench.shot.is_settled
    bench.land(1)
    assert bench.shot.is_settled
