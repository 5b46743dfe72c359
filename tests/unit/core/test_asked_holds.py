from __future__ import annotations

from dataclasses import replace

import pytest

from sidecar.core.actions import Commit, Finish, HoldBegan, HoldEnded, Pause, Resume
from sidecar.core.backpressure import State
from sidecar.core.config import Policy, Strategy
from sidecar.core.errors import IllegalTransition
from sidecar.core.events import Assigned, CommitFinished, DrainRequested, HoldAsked, HoldLifted, Revoked
from sidecar.core.hold_reasons import ASKED, HoldReason
from sidecar.core.results import Retriable, Systemic
from tests.unit.core.examples import CLICKS, SMALL, T0, T1, Bench, chunk, only, started

QUIESCE, OPERATOR, APP = HoldReason.QUIESCE, HoldReason.OPERATOR, HoldReason.APP
PATIENT = replace(SMALL, flush=replace(SMALL.flush, min_interval=10.0))


def acknowledge(bench: Bench) -> None:
    """Answer the last commit."""
    offers = only(bench.actions, Commit)[-1].offsets
    epochs = {tp: offer.epoch for tp, offer in offers.items()}
    bench.tell(CommitFinished({tp: offer.offset for tp, offer in offers.items()}, epochs, None))


def is_settled(bench: Bench) -> bool:
    return bench.shot.is_settled


@pytest.mark.parametrize("reason", ASKED)
def test_a_hold_that_is_asked_for_holds_every_partition_and_is_told_once(reason: HoldReason) -> None:
    bench = Bench(SMALL, T0, T1)
    assert only(bench.tell(HoldAsked(reason, "a hook")), HoldBegan) == [HoldBegan(reason, "a hook")]
    assert bench.holds == {T0: (reason.value,), T1: (reason.value,)}
    assert bench.shot.asked_holds == {reason.value: "a hook"}
    assert only(bench.tell(HoldAsked(reason, "another hook")), HoldBegan) == []
    assert bench.shot.asked_holds == {reason.value: "another hook"}
    assert only(bench.tell(HoldLifted(reason)), HoldEnded) == [HoldEnded(reason, expired=False)]
    assert bench.holds == {}
    assert only(bench.tell(HoldLifted(reason)), HoldEnded) == []


@pytest.mark.parametrize("reason", [reason for reason in HoldReason if reason not in ASKED])
def test_the_engines_own_reasons_cannot_be_asked_for(reason: HoldReason) -> None:
    bench = Bench(SMALL, T0)
    with pytest.raises(IllegalTransition, match=reason.name):
        bench.tell(HoldAsked(reason, "a hook"))
    assert bench.holds == {}


def test_a_partition_is_held_until_the_last_reason_is_gone_and_one_that_comes_meanwhile_is_held_too() -> None:
    bench = Bench(SMALL, T0)
    bench.tell(HoldAsked(APP, "503"))
    bench.tell(HoldAsked(OPERATOR, "by hand"))
    bench.tell(Assigned({T1: 5}))
    assert bench.holds == {T0: ("operator", "app"), T1: ("operator", "app")}
    bench.tell(HoldLifted(OPERATOR))
    assert bench.holds == {T0: ("app",), T1: ("app",)}
    bench.tell(Revoked([T0]))
    bench.tell(HoldLifted(APP))
    assert bench.holds == {}


def test_a_hold_lifts_itself_when_its_time_is_over_and_wakes_the_engine_for_that() -> None:
    bench = Bench(SMALL, T0)
    bench.tell(HoldAsked(QUIESCE, "a hook", bench.now + 30))
    assert bench.engine.next_due(bench.now) == bench.now + 30
    assert only(bench.wait(29.9), HoldEnded) == []
    assert only(bench.wait(0.1), HoldEnded) == [HoldEnded(QUIESCE, expired=True)]
    assert bench.holds == {}


@pytest.mark.parametrize(("first", "second", "end"), [(10, 20, 20), (20, 10, 20), (10, None, None), (None, 10, None)])
def test_asked_for_again_the_later_end_counts(first: float | None, second: float | None, end: float | None) -> None:
    bench = Bench(SMALL, T0)
    began = bench.now
    for seconds in (first, second):
        bench.tell(HoldAsked(QUIESCE, "a hook", None if seconds is None else began + seconds))
    bench.wait(15)
    assert QUIESCE in bench.engine.asked
    bench.wait(5)
    assert (QUIESCE in bench.engine.asked) is (end is None)


def test_a_quiesce_pauses_at_once_and_polls_on_an_operators_hold_need_not() -> None:
    bench = Bench(SMALL, T0, T1)
    assert only(bench.tell(HoldAsked(QUIESCE, "a hook")), Pause) == [Pause([T0, T1])]
    assert bench.engine.polling
    other = Bench(SMALL, T0, T1)
    assert only(other.tell(HoldAsked(OPERATOR, "by hand")), Pause) == []
    assert not other.engine.polling
    assert only(other.wait(1.0), Pause) == [Pause([T0, T1])]
    assert other.engine.polling


def test_a_quiesce_flushes_part_filled_batches_at_once_commits_soon_and_goes_on_at_the_position() -> None:
    bench = Bench(PATIENT, T0, T1)
    assert started(bench.poll(chunk(T0, range(3)), chunk(T1, range(2)))) == []
    assert started(bench.tell(HoldAsked(QUIESCE, "a hook"))) == [(T0, [0, 1, 2]), (T1, [0, 1])]
    assert not is_settled(bench)
    bench.land(1)
    assert not is_settled(bench)
    while bench.engine.next_due(bench.now) is not None:
        bench.wait_for_due()
    assert bench.now < 100.2
    assert not is_settled(bench)
    acknowledge(bench)
    assert is_settled(bench)
    assert bench.engine.state is State.NORMAL
    assert only(bench.tell(HoldLifted(QUIESCE)), Resume) == [Resume({T0: 3, T1: 2})]
    assert started(bench.poll(chunk(T0, range(3, 5)))) == []  # and waits for its interval again


def test_a_quiesce_brings_retries_and_the_probe_forward() -> None:
    bench = Bench(SMALL, T0)
    bench.poll(chunk())
    for _ in range(12):
        bench.land(1, Retriable("503"))
        bench.wait(60)
    bench.land(1, Retriable("503"))
    bench.tell(HoldAsked(QUIESCE, "a hook"))
    for _ in range(3):  # each failure during it waits little, too
        assert len(started(bench.wait(1.0))) == 1
        bench.land(1, Retriable("503"))
    bench.wait(1.0)
    bench.land(1, Systemic("refused"))
    assert bench.holds == {T0: ("quiesce", "breaker")}
    assert only(bench.actions, Finish) == []


def test_an_operators_hold_leaves_the_pace_of_flushes_alone() -> None:
    bench = Bench(PATIENT, T0)
    bench.poll(chunk(T0, range(3)))
    assert started(bench.tell(HoldAsked(OPERATOR, "by hand"))) == []
    assert started(bench.wait(10.0)) == [(T0, [0, 1, 2])]


def test_a_hold_that_was_asked_for_is_no_time_that_max_block_counts() -> None:
    bench = Bench(replace(SMALL, policy=lambda _: Policy(Strategy.BLOCK, max_block=0.5)), T0)
    bench.tell(HoldAsked(OPERATOR, "by hand"))
    bench.wait(60)
    bench.poll(chunk(T0, range(40)))
    assert bench.shot.books.dropped == {}


def test_it_holds_topics_of_every_strategy() -> None:
    bench = Bench(replace(SMALL, policy=lambda _: Policy(Strategy.DROP_OLDEST)), T0, CLICKS)
    bench.tell(HoldAsked(APP, "503"))
    assert bench.holds == {T0: ("app",), CLICKS: ("app",)}


def test_a_drain_during_a_quiesce_goes_on_to_its_end_and_no_lifted_hold_brings_it_back() -> None:
    bench = Bench(SMALL, T0)
    bench.poll(chunk())
    bench.tell(HoldAsked(QUIESCE, "the application's hook", bench.now + 5))
    bench.tell(DrainRequested(bench.now + 30))
    assert bench.holds == {T0: ("drain", "quiesce")}
    bench.tell(HoldLifted(QUIESCE))
    bench.tell(HoldAsked(OPERATOR, "by hand", bench.now + 1))
    bench.wait(2)
    assert bench.holds == {T0: ("drain",)}
    assert only(bench.land(1), Finish) == [Finish(expired=False)]
    bench.tell(HoldLifted(OPERATOR))
    assert only(bench.actions, Resume) == []
    assert bench.engine.state is State.DRAINING
