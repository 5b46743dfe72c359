from __future__ import annotations

import pytest

from sidecar.core.actions import CommitFailed, CommitOffset, Dropped
from sidecar.core.config import EngineConfig, FlushLimits, Policy, Strategy
from sidecar.core.events import DivertFinished, Polled, Tick
from sidecar.core.records import Batch
from sidecar.core.results import Delivered
from tests.unit.runtime.fakes import P0, World, finished, records

EACH_AT_ONCE = EngineConfig(flush=FlushLimits(first_batch=1))


def test_a_delivered_batch_is_told_and_then_committed() -> None:
    world = World(EngineConfig(flush=FlushLimits(first_batch=3)))
    world.fake.assign(P0)
    world.driver.handle(Polled([records(P0, 0, 3)]))
    flushing = world.driver.engine.in_flight_of([P0])
    told = world.driver.pump(0)
    world.clock.now += 5.0
    world.driver.handle(Tick())

    assert (flushing, world.driver.engine.in_flight_of([P0]), told) == (1, 0, True)
    assert world.observer.landed_records == 3
    assert world.observer.results == [(Delivered(), 3)]
    assert world.journal.words("commit") == [f"commit {P0}=3"]


def test_pump_without_results_says_so_and_waits_for_none() -> None:
    assert World().driver.pump(0) is False


def test_what_a_writer_raised_is_raised() -> None:
    world = World(EACH_AT_ONCE)
    world.flushers.answer = lambda _batch: ZeroDivisionError("in the writer")
    world.fake.assign(P0)
    world.driver.handle(Polled([records(P0, 0, 1)]))

    with pytest.raises(ZeroDivisionError, match="in the writer"):
        world.driver.pump(0)


def test_an_event_from_within_an_action_waits_until_all_actions_of_the_present_one_are_done() -> None:
    world = World(EACH_AT_ONCE)
    heard: list[int] = []

    def answer_within(_batch: Batch) -> None:
        world.driver.handle(finished({P0: CommitOffset(1, 1, None)}, "refused"))
        heard.append(world.driver.commits["failed"])

    world.flushers.answer = answer_within
    world.fake.assign(P0)
    world.driver.handle(Polled([records(P0, 0, 1)]))

    assert heard == [0]
    assert [type(action) for action in world.observer.actions] == [CommitFailed]
    assert world.driver.commits == {"ok": 0, "failed": 1}
    assert len(world.flushers.orders) == 1


def test_a_commit_that_fails_before_it_is_sent_is_offered_again_later() -> None:
    world = World(EACH_AT_ONCE)
    world.fake.answers = ["_STATE"]
    world.fake.assign(P0)
    world.driver.handle(Polled([records(P0, 0, 1)]))
    world.driver.pump(0)
    for _ in range(2):
        world.clock.now += 5.0
        world.driver.handle(Tick())
        world.driver.client.settle_commits(world.clock.now)

    assert world.journal.words("commit") == [f"commit {P0}=1"] * 2
    assert world.driver.commits == {"ok": 1, "failed": 1}


def test_a_defect_in_an_action_does_not_leave_the_driver_deaf() -> None:
    world = World(EACH_AT_ONCE)

    def fail(_batch: Batch) -> None:
        raise ZeroDivisionError

    world.fake.assign(P0)
    world.flushers.answer = fail
    with pytest.raises(ZeroDivisionError):
        world.driver.handle(Polled([records(P0, 0, 1)]))
    world.driver.handle(finished({P0: CommitOffset(1, 1, None)}, "heard"))

    assert world.driver.commits["failed"] == 1


def test_records_for_an_overflow_topic_are_handed_over_and_dropped_once_that_is_answered_for() -> None:
    policy = Policy(Strategy.DROP_OLDEST, overflow_topic="spare")
    world = World(EngineConfig(max_messages=10, policy=lambda _topic: policy, flush=FlushLimits(first_batch=1, max_batch=1)))
    world.flushers.answer = lambda _batch: None
    world.fake.assign(P0)
    world.driver.handle(Polled([records(P0, 0, 10)]))
    [divert] = world.diverts
    before = list(world.observer.actions)
    world.outcomes.put(DivertFinished(divert.number, None))
    world.driver.pump(0)
    assert not [action for action in before if isinstance(action, Dropped)]
    assert [action.records for action in world.observer.actions if isinstance(action, Dropped)] == [2]
