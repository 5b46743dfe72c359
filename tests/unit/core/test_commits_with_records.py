"""Where the downstream is Kafka itself, a delivered flush has committed its offsets: what else commits may not overlap with that."""

from __future__ import annotations

from dataclasses import replace

from sidecar.core.actions import Commit, DeadLetter
from sidecar.core.config import DeadLetterRules
from sidecar.core.events import Advanced, CommitFinished, DeadLetterFinished, DrainRequested, Located, RevokeBegun
from sidecar.core.results import Poison
from tests.unit.core.examples import SMALL, T0, T1, Bench, chunk, only

WITH_RECORDS = replace(SMALL, stored_offsets=True, commits_with_records=True)


def placed(*, dead_letters: bool = False) -> Bench:
    """Return a bench with two partitions that begin at their offset 0."""
    bench = Bench(replace(WITH_RECORDS, dead_letters=DeadLetterRules() if dead_letters else None), T0, T1)
    bench.tell(Located({T0: 0, T1: 0}, {T0: 1, T1: 1}))
    return bench


def committed(bench: Bench) -> list[dict[str, int]]:
    return [{str(tp): offer.offset for tp, offer in each.offsets.items()} for each in only(bench.actions, Commit)]


def answer(bench: Bench, error: str | None = None) -> None:
    last = only(bench.actions, Commit)[-1].offsets
    offsets = {tp: offer.offset for tp, offer in last.items()}
    bench.tell(CommitFinished(offsets, {tp: offer.epoch for tp, offer in last.items()}, error))


def test_what_a_flush_has_committed_is_not_committed_again() -> None:
    bench = placed()
    bench.poll(chunk())
    bench.land(1)
    bench.wait(10)
    assert committed(bench) == []
    assert bench.engine.offsets_to_commit([T0]) == {}


def test_what_passes_without_a_flush_is_committed_once_no_flush_of_the_partition_is_out() -> None:
    bench = placed()
    bench.poll(chunk(T0), chunk(T1))
    bench.land(1)
    bench.tell(Advanced({T0: 12, T1: 12}))
    bench.wait(10)
    assert committed(bench) == [{"orders[0]": 12}]
    answer(bench)
    bench.land(2)
    bench.wait(10)
    assert committed(bench) == [{"orders[0]": 12}, {"orders[1]": 12}]


def test_nothing_of_a_partition_is_flushed_while_a_commit_of_it_is_outstanding() -> None:
    bench = placed()
    bench.tell(Advanced({T0: 3}))
    bench.wait(10)
    bench.poll(chunk(T0, range(3, 13)), chunk(T1))
    assert [start.batch.chunks[0].tp for start in bench.flushed()] == [T1]
    answer(bench)
    assert [start.batch.chunks[0].tp for start in bench.flushed()] == [T1, T0]


def test_a_commit_that_was_refused_lets_the_next_flush_go() -> None:
    bench = placed()
    bench.tell(Advanced({T0: 3}))
    bench.wait(10)
    bench.poll(chunk(T0, range(3, 13)))
    answer(bench, "refused")
    assert len(bench.flushed()) == 1


def test_a_partition_that_leaves_with_a_flush_out_is_not_committed() -> None:
    bench = placed()
    bench.tell(Advanced({T0: 3}))
    bench.poll(chunk(T0, range(3, 13)))
    bench.tell(RevokeBegun([T0]))
    assert bench.engine.offsets_to_commit([T0]) == {}


def test_at_the_end_of_a_drain_that_ran_out_of_time_a_partition_with_a_flush_out_is_not_committed() -> None:
    bench = placed()
    bench.tell(Advanced({T0: 3}))
    bench.poll(chunk(T0, range(3, 13)))
    bench.tell(DrainRequested(bench.now + 1))
    bench.wait(2)
    assert bench.shot.books.released == {("orders", "shutdown"): 10}
    assert bench.engine.offsets_to_commit([T0]) == {}


def test_a_dead_letter_is_sent_before_a_later_record_carries_the_offset_past_it() -> None:
    bench = placed(dead_letters=True)
    bench.poll(chunk(T0, range(1)))
    bench.wait_for_due()
    bench.poll(chunk(T0, range(1, 11)))
    bench.land(1, Poison("too large"))
    [letter] = only(bench.actions, DeadLetter)
    assert len(bench.flushed()) == 1
    bench.tell(DeadLetterFinished(letter.number, None))
    assert [start.batch.chunks[0].start for start in bench.flushed()] == [0, 1]
