from __future__ import annotations

import itertools

import pytest

from sidecar.core.config import EngineConfig, FlushLimits
from sidecar.core.results import Delivered, Systemic
from sidecar.runtime.commands import AppChanged, Order, Ordered
from sidecar.runtime.control import Gate
from sidecar.runtime.loop import ExitStatus
from sidecar.runtime.report import Report
from sidecar.runtime.watchdog import DRAIN_GRACE, Bounds, verdict
from tests.unit.runtime.fakes import DRAIN_TIMEOUT, P0, P1, QUIESCE_BOUND, World, records, tally

PATIENT = EngineConfig(flush=FlushLimits(min_interval=10.0))


def order(world: World, what: Order, ticket: int = 1) -> None:
    world.outcomes.put(Ordered(what, ticket))


def last(world: World) -> Report:
    assert world.last_books_balance
    return world.observer.reports[-1]


def is_joined(world: World) -> bool:
    return world.fake.joined


def joined(config: EngineConfig | None = None) -> World:
    """Return a world that has its partitions."""
    world = World(config)
    world.steps(1)
    world.fake.assign(P0, P1)
    return world


def test_a_command_ends_a_wait_and_is_obeyed_in_the_next_step_with_a_report_that_has_its_ticket() -> None:
    world = joined()
    order(world, Order.PAUSE, ticket=7)
    world.steps(1)
    assert last(world).ticket == 7
    assert last(world).engine.asked_holds == {"operator": "POST /pause"}
    order(world, Order.RESUME, ticket=8)
    world.steps(1)
    assert (last(world).ticket, last(world).engine.asked_holds) == (8, {})


def test_a_command_that_comes_while_the_loop_waits_for_the_next_poll_cuts_that_wait() -> None:
    world = joined()
    world.steps(3)
    began = world.clock.now

    def once() -> None:
        world.outcomes.on_wait = lambda: None
        order(world, Order.PAUSE)

    world.outcomes.on_wait = once
    world.steps(1)
    assert world.clock.now == pytest.approx(began)  # where it would have waited for records to gather
    world.steps(1)
    assert last(world).ticket == 1


def test_a_hook_that_comes_twice_begins_one_drain() -> None:
    world = joined()
    world.flushers.answer = lambda _batch: None
    world.fake.incoming = [[records(P0, 0, 3)]]
    world.steps(20)
    order(world, Order.DRAIN)
    world.steps(3)
    first = last(world).drain
    order(world, Order.DRAIN, ticket=2)
    world.steps(3)
    assert first is not None
    assert (last(world).ticket, last(world).drain) == (2, first)
    assert tally(world.journal)["drain.started"] == 1


def test_a_quiesce_flushes_commits_and_serves_the_membership_and_a_resume_goes_on_at_the_position() -> None:
    world = joined(PATIENT)
    world.fake.incoming = [[records(P0, 0, 3)]]
    world.steps(1)
    assert world.journal.words("flush") == []
    order(world, Order.QUIESCE)
    world.steps(10)
    assert world.journal.words("flush", "pause", "commit", "resume") == ["flush 3", f"pause {P0} {P1}", f"commit {P0}=3"]
    assert tally(world.journal)["serve"] > 5
    drain = last(world).drain
    assert drain is not None
    assert (drain.kind, drain.expired) == ("quiesce", False)
    assert drain.done_at is not None
    assert drain.done_at - drain.began_at < 1.0
    order(world, Order.RESUME, ticket=2)
    world.steps(1)
    assert world.journal.words("resume") == [f"resume {P1}@0, {P0}@3"]
    assert last(world).drain is None
    assert last(world).phase == "running"


def test_a_quiesce_ends_after_its_bound() -> None:
    world = joined()
    order(world, Order.QUIESCE)
    world.steps(3)
    began = world.clock.now
    while last(world).drain is not None:
        world.steps(1)
    assert QUIESCE_BOUND - 1 < world.clock.now - began < QUIESCE_BOUND + 1
    assert len(world.journal.words("resume")) == 1


def test_a_quiesce_that_is_asked_for_again_is_the_same_one() -> None:
    world = joined()
    world.flushers.answer = lambda _batch: None
    world.fake.incoming = [[records(P0, 0, 3)]]
    world.steps(20)
    order(world, Order.QUIESCE)
    world.steps(3)
    first = last(world).drain
    order(world, Order.QUIESCE, ticket=2)
    world.steps(3)
    assert first is not None
    assert first.done_at is None
    assert last(world).drain == first


def test_to_ask_how_a_quiesce_stands_changes_nothing() -> None:
    world = joined()
    world.control.obey(Ordered(Order.QUIESCE, 1))
    engine = world.driver.engine.snapshot(world.clock.now)
    assert engine.is_settled
    views = [world.control.drain(engine), world.control.drain(engine)]
    assert [None if view is None else view.done_at for view in views] == [None, None]
    world.control.note(engine, world.clock.now)
    noted = world.control.drain(engine)
    world.control.note(engine, world.clock.now + 5.0)
    assert noted is not None
    assert (noted.done_at, world.control.drain(engine)) == (world.clock.now, noted)


def test_an_application_that_is_healthy_again_ends_a_quiesce_but_no_pause() -> None:
    world = joined()
    order(world, Order.QUIESCE)
    order(world, Order.PAUSE, ticket=2)
    world.outcomes.put(AppChanged("connection refused"))
    world.steps(2)
    assert last(world).engine.asked_holds == {
        "quiesce": "/drain",
        "operator": "POST /pause",
        "app": "connection refused",
    }
    world.outcomes.put(AppChanged(None))
    world.steps(2)
    assert last(world).engine.asked_holds == {"operator": "POST /pause"}


def test_a_resume_does_not_make_an_application_healthy() -> None:
    world = joined()
    world.outcomes.put(AppChanged("503"))
    order(world, Order.RESUME)
    world.steps(2)
    assert last(world).engine.asked_holds == {"app": "503"}


def run_with_a_hook(world: World, *after: int) -> ExitStatus:
    """Have a hook ask for the drain and, after so many more steps of the loop, a signal come; run to the end."""
    world.fake.incoming = [lambda: world.fake.assign(P0), [records(P0, 0, 3)], lambda: order(world, Order.DRAIN)]
    waits = itertools.count()

    def signal_later(_report: Report) -> None:
        if next(waits) == after[0]:
            world.request_stop()

    world.observer.on_publish = signal_later
    return world.loop.run()


def test_after_a_hooks_drain_the_process_stays_out_of_the_group_until_the_signal() -> None:
    world = World()
    status = run_with_a_hook(world, 40)
    phases = [report.phase for report in world.observer.reports]

    assert status is ExitStatus.DRAINED
    assert phases.count("drained") > 20
    assert phases[-1] == "stopped"
    assert tally(world.journal)["drain.started"] == tally(world.journal)["close"] == 1
    drained = next(report for report in world.observer.reports if report.phase == "drained")
    assert drained.drain is not None
    assert drained.drain.done_at is not None
    assert drained.ticket == 1
    after = world.journal[world.journal.index("group.left") + 1 :]
    assert after == []


def test_a_signal_long_after_a_hooks_drain_is_over_is_no_drain_that_ran_out_of_time() -> None:
    world = World()
    run_with_a_hook(world, 40)
    drain = last(world).drain

    assert drain is not None
    assert world.clock.now > drain.began_at + DRAIN_TIMEOUT + DRAIN_GRACE, "the signal came too soon for this test"
    bounds = Bounds(DRAIN_TIMEOUT, stall=60.0)
    assert verdict(world.clock.now, world.loop.beat, world.stop.requested_at, world.control.draining_since, bounds) is None


def test_a_signal_during_a_hooks_drain_joins_it_with_its_deadline() -> None:
    world = World()
    world.flushers.answer = lambda _batch: Systemic("connection refused")
    status = run_with_a_hook(world, 30)
    drain = last(world).drain

    assert status is ExitStatus.UNFINISHED
    assert drain is not None
    assert drain.done_at is not None
    assert drain.expired
    assert drain.done_at - drain.began_at == pytest.approx(DRAIN_TIMEOUT, abs=0.5)
    assert last(world).engine.books.released == {("orders", "shutdown"): 3}
    assert tally(world.journal)["drain.started"] == 1


def test_a_hook_after_the_signal_joins_its_drain_and_the_process_does_not_stay() -> None:
    world = World()
    world.flushers.answer = lambda _batch: None
    world.fake.incoming = [
        lambda: world.fake.assign(P0),
        [records(P0, 0, 3)],
        world.request_stop,
        lambda: order(world, Order.DRAIN),
        lambda: world.flushers.land(world.flushers.orders.pop(), Delivered()),
    ]
    assert world.loop.run() is ExitStatus.DRAINED
    assert "drained" not in [report.phase for report in world.observer.reports]
    assert last(world).ticket == 1


def test_the_group_is_joined_once_the_application_is_healthy_and_never_waits_for_it_again() -> None:
    world = World(gate=Gate(awaits_app=True))
    world.steps(5)
    assert (last(world).phase, last(world).waits_for) == (
        "waiting",
        "waits for the application: its health check has not passed yet",
    )
    world.outcomes.put(AppChanged("http://app answers 503"))
    world.steps(2)
    assert last(world).waits_for == "waits for the application: http://app answers 503"
    assert not is_joined(world)
    assert tally(world.journal)["poll"] + tally(world.journal)["serve"] == 0
    world.outcomes.put(AppChanged(None))
    world.steps(2)
    assert is_joined(world)
    world.fake.assign(P0)
    world.outcomes.put(AppChanged("refused"))
    world.steps(2)
    assert (last(world).phase, last(world).waits_for) == ("running", None)
    assert last(world).engine.asked_holds == {"app": "refused"}


def test_a_marker_keeps_the_process_out_of_the_group_until_its_time() -> None:
    world = World(gate=Gate(marked_until=110.0))
    world.steps(5)
    assert last(world).phase == "drained"
    assert "the pod was draining" in str(last(world).waits_for)
    while world.clock.now < 109.9:
        world.steps(1)
    assert not is_joined(world)
    world.steps(3)
    assert is_joined(world)
    assert last(world).waits_for is None


@pytest.mark.parametrize("gate", [Gate(awaits_app=True), Gate(marked_until=1e9)])
def test_a_signal_before_the_group_was_joined_ends_the_process_without_joining(gate: Gate) -> None:
    world = World(gate=gate)
    world.request_stop()
    assert world.loop.run() is ExitStatus.DRAINED
    assert not is_joined(world)
