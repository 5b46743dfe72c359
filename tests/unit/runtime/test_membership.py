from __future__ import annotations

from sidecar.core.config import EngineConfig, FlushLimits
from sidecar.core.events import Polled
from sidecar.core.results import Delivered
from tests.unit.runtime.fakes import P0, P1, REVOKE_TIMEOUT, World, records

ONE_BY_ONE = EngineConfig(flush=FlushLimits(first_batch=3))


def flying(*, answered: bool) -> World:
    """Return a world with three records of P0 in flight; the writer has answered, but nobody has looked yet, or it never does."""
    world = World(ONE_BY_ONE)
    world.flushers.answer = lambda _batch: Delivered() if answered else None
    world.fake.assign(P0, P1)
    world.driver.handle(Polled([records(P0, 0, 3)]))
    assert world.engine.in_flight_of([P0]) == 1
    return world


def test_an_assignment_begins_an_epoch_is_counted_and_said() -> None:
    world = World()
    before = (world.membership.joined, world.membership.epoch_of(P0))
    world.fake.assign(P0, P1)
    world.membership.assigned({}, fresh=())

    assert before == (False, None)
    assert (world.membership.joined, world.membership.epoch_of(P0), world.membership.position_of(P0)) == (True, 1, 0)
    assert world.membership.rebalances == {"assigned": 2, "revoked": 0, "lost": 0}
    assert world.journal == ["partitions.assigned"]


def test_a_revocation_lets_what_flies_land_then_commits_then_fences() -> None:
    world = flying(answered=True)
    world.membership.revoking([P0])

    assert world.journal.words("flush", "commit", "partitions") == [
        "partitions.assigned",
        "flush 3",
        f"commit now {P0}=3",
        "partitions.revoked",
    ]
    assert (world.membership.epoch_of(P0), world.membership.epoch_of(P1)) == (None, 1)
    assert world.driver.commits["ok"] == 1


def test_a_revocation_waits_for_what_flies_only_until_its_deadline() -> None:
    world = flying(answered=False)
    began = world.clock.now
    world.membership.revoking([P0])
    took = world.clock.now - began
    world.flushers.land(world.flushers.orders[0], Delivered())
    world.driver.pump(0)
    books = world.engine.snapshot(world.clock.now).books

    assert took == REVOKE_TIMEOUT
    assert world.journal.words("commit") == []
    assert world.membership.epoch_of(P0) is None
    assert books.delivered == {"orders": 3}
    assert books.unaccounted == 0


def test_a_refused_commit_of_a_revocation_is_counted_and_the_partition_goes_all_the_same() -> None:
    world = flying(answered=True)
    world.fake.answers = ["REBALANCE_IN_PROGRESS"]
    world.membership.revoking([P0])

    assert world.driver.commits == {"ok": 0, "failed": 1}
    assert world.membership.epoch_of(P0) is None


def test_lost_partitions_are_given_back_without_a_commit() -> None:
    world = flying(answered=True)
    world.membership.lost([P0])
    world.driver.pump(0)
    world.driver.handle(Polled([records(P1, 0, 1)]))
    books = world.engine.snapshot(world.clock.now).books

    assert world.journal.words(f"commit {P0}", f"commit now {P0}") == []
    assert world.membership.rebalances["lost"] == 1
    assert world.membership.epoch_of(P0) is None
    assert books.unaccounted == 0


def test_queued_records_of_lost_partitions_are_released_as_lost() -> None:
    world = World()
    world.fake.assign(P0)
    world.driver.handle(Polled([records(P0, 0, 3)]))
    world.membership.lost([P0])

    assert world.engine.snapshot(world.clock.now).books.released == {("orders", "lost"): 3}


def test_a_move_forward_is_a_gap_and_a_move_back_a_new_epoch_that_begins_unpaused() -> None:
    world = World()
    world.fake.assign(P0)
    world.membership.moved(P0, 50)
    forward = (world.membership.position_of(P0), world.membership.epoch_of(P0), list(world.journal.words("resume")))
    world.membership.moved(P0, 10)

    assert forward == (50, 1, [])
    assert (world.membership.position_of(P0), world.membership.epoch_of(P0)) == (10, 2)
    assert world.journal.words("resume") == [f"resume {P0}@10"]


def test_a_stopped_partition_is_stopped_alone_with_its_reason() -> None:
    world = World()
    world.fake.assign(P0, P1)
    world.membership.stopped(P0, "offset 7 is gone")

    assert world.engine.stopped == {P0: "offset 7 is gone"}
    assert world.journal.words("pause") == [f"pause {P0}"]
