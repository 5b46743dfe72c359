from __future__ import annotations

import pytest

from sidecar.core.config import EngineConfig, FlushLimits
from sidecar.core.engine import POLL_RECORDS
from sidecar.core.results import Delivered, Poison, Systemic
from sidecar.runtime.loop import LAST_COMMIT, POLL_WAIT, POSITIONS_EVERY, REPORT_EVERY, REPORT_EVERY_AT_REST, ExitStatus
from sidecar.runtime.pace import BACKLOG_RECORDS, LONGEST_WAIT, SHORTEST_WAIT
from sidecar.runtime.report import Report
from tests.unit.runtime.fakes import DRAIN_TIMEOUT, P0, P1, FakeClient, World, records, tally

SMALL = EngineConfig(max_messages=10, flush=FlushLimits(first_batch=5))


def final(world: World) -> Report:
    """Return the last report, whose books must balance like those of all before it."""
    assert world.last_books_balance
    return world.observer.reports[-1]


def reports_a_second(world: World) -> float:
    """Return how often the loop reported, from its first report to its last."""
    first, *rest = world.observer.reports
    return len(rest) / (rest[-1].made_at - first.made_at)


def test_a_drain_holds_flushes_commits_leaves_and_ends_with_0() -> None:
    world = World(EngineConfig(flush=FlushLimits(min_interval=10.0)))
    world.fake.incoming = [lambda: world.fake.assign(P0, P1), [records(P0, 0, 3)], [records(P1, 0, 2)], world.request_stop]
    status = world.loop.run()
    drain = world.journal[world.journal.index("drain.started") :]

    assert status is ExitStatus.DRAINED
    assert [entry for entry in drain if entry != "serve"] == [
        "drain.started",
        "flush 5",
        f"pause {P0} {P1}",
        f"commit {P0}=3 {P1}=2",
        "close",
        "partitions.revoked",
        "group.left",
    ]
    assert final(world).phase == "stopped"
    assert final(world).engine.books.delivered == {"orders": 5}
    assert world.driver.commits == {"ok": 1, "failed": 0}


def test_the_phases_follow_the_life_of_the_process() -> None:
    world = World()
    world.flushers.answer = lambda _batch: None
    world.run_with(*[[records(P0, n, 1)] for n in range(5)])
    phases = [report.phase for report in world.observer.reports]

    assert [phase for n, phase in enumerate(phases) if phases[n - 1 : n] != [phase]] == [
        "joining",
        "running",
        "draining",
        "stopped",
    ]
    assert [report.joined for report in world.observer.reports] == [phase != "joining" for phase in phases]


def test_a_drain_keeps_the_membership_alive_while_it_waits_for_the_writer_and_ends_at_its_deadline() -> None:
    world = World()
    world.flushers.answer = lambda _batch: None
    status = world.run_with([records(P0, 0, 3)])

    assert status is ExitStatus.UNFINISHED
    assert tally(world.journal)["serve"] > 10
    assert world.stop.requested_at is not None
    assert world.clock.now >= world.stop.requested_at + DRAIN_TIMEOUT
    assert world.journal.words("commit") == []
    assert world.journal[-3:] == ["close", "partitions.revoked", "group.left"]
    assert final(world).engine.books.released == {("orders", "shutdown"): 3}


def test_a_drain_with_a_dead_downstream_ends_at_its_deadline_and_commits_nothing_of_it() -> None:
    world = World()
    world.flushers.answer = lambda _batch: Systemic("connection refused")
    status = world.run_with([records(P0, 0, 3)])

    assert status is ExitStatus.UNFINISHED
    assert world.journal.words("commit") == []


def test_what_was_stopped_by_a_policy_is_left_uncommitted_and_the_status_says_so() -> None:
    world = World()
    world.flushers.answer = lambda batch: Poison("422") if batch.chunks[0].tp == P0 else Delivered()
    status = world.run_with([records(P0, 0, 1)], [records(P1, 0, 2)])

    assert status is ExitStatus.STOPPED
    assert [entry for entry in world.journal.words("commit") if str(P0) in entry] == []
    assert f"{P1}=2" in " ".join(world.journal.words("commit"))


def test_what_the_client_raises_ends_the_loop_without_a_commit() -> None:
    world = World()
    world.flushers.answer = lambda _batch: None

    def fail() -> None:
        raise ConnectionAbortedError("fenced")

    with pytest.raises(ConnectionAbortedError, match="fenced"):
        world.run_with([records(P0, 0, 3)], fail)
    assert world.journal.words("commit", "close") == []


def test_what_a_writer_raises_ends_the_loop() -> None:
    world = World(SMALL)
    world.flushers.answer = lambda _batch: ZeroDivisionError("in the writer")

    with pytest.raises(ZeroDivisionError):
        world.run_with([records(P0, 0, 5)])
    assert world.journal.words("commit", "close") == []


def test_without_an_answer_to_a_commit_the_group_is_left_without_closing() -> None:
    world = World()
    world.fake.answers = [FakeClient.SILENCE] * 3
    status = world.run_with([records(P0, 0, 3)])

    assert status is ExitStatus.UNFINISHED
    assert "close" not in world.journal
    assert world.journal[-1] == "group.left_without_answer"
    assert len(world.journal.words("commit")) == 1


@pytest.mark.parametrize(("answers", "committed"), [(["refused", "refused"], False), (["refused", None], True)])
def test_a_drain_whose_last_commit_is_refused_says_so(answers: list[str | None], *, committed: bool) -> None:
    world = World()
    world.fake.answers = answers
    status = world.run_with([records(P0, 0, 3)])

    assert status is (ExitStatus.DRAINED if committed else ExitStatus.UNFINISHED)
    assert world.journal[-3:] == [f"commit now {P0}=3", "partitions.revoked", "group.left"]
    drain = final(world).drain
    assert drain is not None
    assert drain.committed is committed


def test_a_drain_whose_partitions_are_lost_before_the_last_commit_was_taken_says_so() -> None:
    world = World()
    world.fake.answers = ["refused"]
    world.fake.while_closing = lambda: world.fake.listener.lost([P0])
    assert world.run_with([records(P0, 0, 3)]) is ExitStatus.UNFINISHED


def test_a_drain_whose_partitions_are_revoked_while_it_settles_says_that_their_commit_was_refused() -> None:
    world = World()
    world.fake.answers = ["refused"]
    world.fake.while_settling = lambda: world.fake.listener.revoking([P0])
    assert world.run_with([records(P0, 0, 3)]) is ExitStatus.UNFINISHED


def test_that_a_restart_mends_nothing_is_said_before_that_a_commit_was_refused() -> None:
    world = World()
    world.flushers.answer = lambda batch: Poison("422") if batch.chunks[0].tp == P0 else Delivered()
    world.fake.answers = ["refused"] * 3
    assert world.run_with([records(P0, 0, 1)], [records(P1, 0, 2)]) is ExitStatus.STOPPED


def test_what_the_client_raises_as_it_closes_ends_the_loop_with_the_group_left() -> None:
    def fail() -> None:
        raise ZeroDivisionError("in a callback")

    world = World()
    world.fake.while_closing = fail
    with pytest.raises(ZeroDivisionError):
        world.run_with([records(P0, 0, 3)])
    assert world.journal[-1] == "group.left"


def test_the_last_commit_gets_its_time_even_when_the_drain_has_used_up_its_own() -> None:
    world = World()
    world.flushers.answer = lambda batch: Delivered() if batch.chunks[0].tp == P1 else None
    world.fake.answers = [FakeClient.SILENCE]
    status = world.run_with([records(P0, 0, 1)], [records(P1, 0, 1)])

    assert status is ExitStatus.UNFINISHED
    assert world.stop.requested_at is not None
    assert world.clock.now >= world.stop.requested_at + DRAIN_TIMEOUT
    assert world.clock.now <= world.stop.requested_at + DRAIN_TIMEOUT + 2 * LAST_COMMIT


def test_offsets_without_records_that_the_client_passed_last_are_committed_at_the_end() -> None:
    world = World()

    def pass_markers() -> None:
        world.fake.at = {P0: 8}
        world.request_stop()

    world.run_with([records(P0, 0, 3)], pass_markers)

    assert world.journal.words("commit")[-1] == f"commit {P0}=8"


def test_offsets_without_records_are_passed_while_records_of_another_partition_flow() -> None:
    world = World()
    world.fake.assign(P0, P1)
    world.fake.at = {P1: 8}
    for n in range(30):
        world.fake.incoming = [[records(P0, n, n + 1)]]
        world.steps(1)

    assert world.clock.now > 100.0 + POSITIONS_EVERY
    assert world.driver.engine.positions()[P1] == 8


def test_while_all_is_held_the_client_is_left_alone_and_after_a_while_paused_and_served() -> None:
    world = World(EngineConfig(max_messages=10, flush=FlushLimits(first_batch=5), pause_after=0.5))
    world.flushers.answer = lambda _batch: None
    world.fake.assign(P0)
    world.fake.incoming = [[records(P0, 0, 10)]]
    world.steps(1)
    after_the_poll = len(world.journal)
    world.steps(1)
    world.clock.now += 0.1
    world.steps(1)
    held = world.journal[after_the_poll:]
    world.clock.now += 0.5
    world.steps(3)
    paused = world.journal[after_the_poll + len(held) :]

    assert [entry for entry in held if entry in {"poll", "serve"} or entry.startswith("pause")] == []
    assert f"pause {P0}" in paused
    assert "serve" in paused
    assert "poll" not in paused


def test_a_hold_of_one_partition_pauses_it_and_polls_on() -> None:
    world = World()
    world.fake.assign(P0, P1)
    world.membership.stopped(P0, "offset 7 is gone")
    world.steps(2)

    assert world.journal.words("pause") == [f"pause {P0}"]
    assert tally(world.journal)["poll"] == 2


def test_a_hold_ends_with_a_resume_at_the_position_when_the_writer_has_caught_up() -> None:
    world = World(EngineConfig(max_messages=10, flush=FlushLimits(first_batch=5), pause_after=0.0))
    world.flushers.answer = lambda _batch: None
    world.fake.assign(P0)
    world.fake.incoming = [[records(P0, 0, 10)]]
    world.steps(3)
    while world.flushers.orders:
        world.flushers.land(world.flushers.orders.pop(), Delivered())
        world.steps(1)

    assert world.journal.words("pause", "resume") == [f"pause {P0}", f"resume {P0}@10"]
    assert world.observer.landed_records == 10


def test_the_loop_polls_briefly_and_not_longer_than_it_must_once_it_has_waited_for_results_instead() -> None:
    world = World()
    world.fake.assign(P0)
    world.fake.incoming = [[], [records(P0, 0, 1)], []]
    world.steps(3)

    assert world.fake.timeouts == [POLL_WAIT, 0.0, 0.0]
    assert world.loop.loop_seconds["polling"] == pytest.approx(POLL_WAIT)
    assert world.loop.loop_seconds["waiting"] == pytest.approx(LONGEST_WAIT, abs=2 * POLL_WAIT)


def test_polls_are_larger_at_the_tail_than_of_a_backlog() -> None:
    world = World()
    world.fake.assign(P0)
    world.fake.incoming = [[records(P0, 0, 1)], [records(P0, 1, 1)], []]
    world.steps(1)
    world.fake.has_backlog = True
    world.steps(2)

    assert world.fake.limits == [BACKLOG_RECORDS, POLL_RECORDS, BACKLOG_RECORDS]


def test_reports_come_less_often_while_nothing_happens() -> None:
    world = World()
    world.fake.assign(P0)
    world.steps(100)
    at_rest = reports_a_second(world)
    world.fake.incoming = [[records(P0, n, 1)] for n in range(100)]
    world.observer.reports.clear()
    world.steps(100)

    assert at_rest < 1.1 / REPORT_EVERY_AT_REST < reports_a_second(world) <= 1 / REPORT_EVERY


def test_records_count_as_polled_when_they_began_to_gather() -> None:
    world = World()
    world.fake.assign(P0)
    world.fake.incoming = [[], [], []]
    world.steps(3)

    assert world.fake.gatherings == [0.0, pytest.approx(SHORTEST_WAIT), pytest.approx(2 * SHORTEST_WAIT)]


def test_the_heartbeat_and_the_shares_of_time_move_with_each_step() -> None:
    world = World()
    world.fake.assign(P0)
    world.steps(1)
    first = world.loop.beat
    world.steps(1)

    assert world.loop.beat > first
    assert world.loop.loop_seconds["polling"] > 0
    assert sum(world.loop.loop_seconds.values()) == pytest.approx(world.clock.now - 100.0)
