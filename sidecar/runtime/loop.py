"""The loop: one thread owns the consumer and the engine, and does one step after the other until the drain is over.

A step: hand over what flushers finished, obey, poll (or wait, while everything is held), hand over what came, let time pass, publish.
How it waits depends on what there is to take:

============================== ===========================================================================
partitions                     the loop
============================== ===========================================================================
some flow                      waits for results as long as :class:`~sidecar.runtime.pace.Pace` says, then polls for records
every one is held, not paused  waits for results, and leaves the client alone: polling would take records
every one is held and paused   waits for results, and serves the client ten times a second, so that the membership lives
none, it has not joined yet    waits for commands, and leaves the client alone
============================== ===========================================================================
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Protocol

from sidecar.core.events import Advanced, Polled, Tick
from sidecar.core.records import Chunk
from sidecar.runtime.control import Control, Wait
from sidecar.runtime.driver import Driver
from sidecar.runtime.membership import Membership
from sidecar.runtime.pace import Pace
from sidecar.runtime.report import Report

IDLE_WAIT = 0.1
"""The longest wait of a step, in seconds: how long a signal, a record or the membership may have to wait."""

POLL_WAIT = 0.005
"""The longest poll while there is a backlog: how long the result of a flush may have to wait. After a wait for records to gather none is needed:
the client would be woken for each answer of a broker, which is what that wait is there to avoid."""

SHORTEST_WAIT = 0.001
"""The shortest wait for results, so that a due time that rounding leaves ahead is not asked for in a busy loop."""

REPORT_EVERY = 0.25
REPORT_EVERY_AT_REST = 0.5
"""While the engine hears of nothing: a fifth of what the loop does then is reports. The pulse, once a second, still sees a new one each time."""

REPORT_EVERY_IN_HASTE = 0.05
"""While a drain or a quiesce is on: somebody waits for its end."""

POSITIONS_EVERY = 1.0
LAST_COMMIT = 1.0
"""What the last commit gets, in seconds, even when the drain has used up its time."""


class ExitStatus(enum.IntEnum):
    """How the process ends."""

    DRAINED = 0
    FAILED = 1
    WRONG_USAGE = 2
    UNFINISHED = 3
    STOPPED = 4


class StopRequest(Protocol):
    """When the process was asked to end."""

    requested_at: float | None


class Loop:
    """Runs the sidecar."""

    def __init__(  # noqa: PLR0913, PLR0917 -- its parts, each of another type
        self,
        driver: Driver,
        membership: Membership,
        control: Control,
        stop: StopRequest,
        memory: int,
        wall: Callable[[], float],
    ) -> None:
        """``memory`` is the one number, in bytes for the report; ``wall`` is the Unix time in seconds."""
        self.beat = driver.clock()
        self.loop_seconds: dict[str, float] = dict.fromkeys(("polling", "waiting", "working"), 0.0)
        self._driver = driver
        self._membership = membership
        self._control = control
        self._stop = stop
        self._memory = memory
        self._wall = wall
        self._pace = Pace(self.beat)
        self._reported_at = float("-inf")
        self._positions_at = float("-inf")
        self._subscribed = False
        self._wait: Wait | None = None
        self._reported_events = 0

    def run(self) -> ExitStatus:
        """Join, work until a stop is requested and the drain is over, leave; after a drain that a hook asked for, stay until the signal."""
        self._heed(self._driver.clock())
        self._publish(self._phase)
        while self._driver.finished is None:
            self.step()
        status = self._leave()
        self._linger()
        self._publish("stopped")
        return status

    def step(self) -> None:
        """Do one round."""
        driver, began = self._driver, self._driver.clock()
        self.beat = began
        handled = driver.pump(0)
        self._heed(began)
        waited = driver.clock()
        chunks = self._take_records(waited)
        done_waiting = driver.clock()
        if chunks:
            driver.handle(Polled(chunks))
        if self._subscribed and done_waiting - self._positions_at >= POSITIONS_EVERY:
            self._pass_what_holds_no_record(done_waiting)
        elif not (chunks or handled):
            self._let_time_pass(done_waiting)
        ended = driver.clock()
        self.loop_seconds["working"] += (waited - began) + (ended - done_waiting)
        if ended - self._reported_at >= self._report_every:
            self._publish(self._phase)

    @property
    def _phase(self) -> str:
        if self._control.drain_began is not None:
            return "draining"
        if self._wait is not None:
            return self._wait.phase
        return "running" if self._membership.joined else "joining"

    @property
    def _report_every(self) -> float:
        if self._control.in_haste:
            return REPORT_EVERY_IN_HASTE
        return REPORT_EVERY_AT_REST if self._driver.handled == self._reported_events else REPORT_EVERY

    def _heed(self, now: float) -> None:
        """Do what other threads want, and join the group as soon as nothing stands in the way."""
        if self._stop.requested_at is not None and self._control.drain_began is None:
            self._control.begin_drain(self._stop.requested_at, "a signal")
            self._reported_at = float("-inf")
        self._obey()
        if not self._subscribed and self._control.drain_began is None:
            self._wait = self._control.wait(now)
            if self._wait is None:
                self._subscribed = True
                self._reported_at = float("-inf")
                self._driver.client.join(self._membership)

    def _obey(self) -> None:
        while self._driver.commands:
            self._control.obey(self._driver.commands.popleft())
            self._reported_at = float("-inf")

    def _take_records(self, now: float) -> list[Chunk]:
        driver, engine = self._driver, self._driver.engine
        if not self._subscribed:
            driver.pump(self._patience(now, IDLE_WAIT))
            self.loop_seconds["waiting"] += driver.clock() - now
            return []
        if engine.polling and engine.takes_records:
            return self._poll(engine.poll_limit, now)
        driver.pump(self._patience(now, IDLE_WAIT))
        chunks = driver.client.serve() if engine.polling else []
        ended = driver.clock()
        self.loop_seconds["waiting"] += ended - now
        self._pace = Pace(ended)
        return chunks

    def _poll(self, limit: int, began: float) -> list[Chunk]:
        """Wait for results until enough records should be there, then fetch them."""
        driver, pace = self._driver, self._pace
        if pace.wait:
            until = began + self._patience(began, pace.wait)
            while driver.pump(max(until - driver.clock(), 0.0)) and not driver.commands:
                pass
        now = driver.clock()
        self.loop_seconds["waiting"] += now - began
        chunks = driver.client.poll(pace.most(limit), 0.0 if pace.wait else POLL_WAIT, now - began)
        ended = driver.clock()
        self.loop_seconds["polling"] += ended - now
        pace.polled(sum(map(len, chunks)), limit, ended, driver.engine.flush_interval, has_backlog=driver.client.has_backlog)
        return chunks

    def _patience(self, now: float, longest: float) -> float:
        """Return how long this step may wait."""
        due = self._driver.engine.next_due(now)
        return longest if due is None else min(longest, max(due - now, SHORTEST_WAIT))

    def _pass_what_holds_no_record(self, now: float) -> None:
        """Pass transaction markers and what was aborted, at the tail of a partition. All that the client has given out is with the engine by now."""
        self._positions_at = now
        self._driver.handle(Advanced(self._driver.client.positions()))

    def _let_time_pass(self, now: float) -> None:
        """Nothing happened: tell the engine the time if it waits for it."""
        due = self._driver.engine.next_due(now)
        if due is not None and due <= now:
            self._driver.handle(Tick())

    def _leave(self) -> ExitStatus:
        """Commit what is committable, leave the group.

        An asynchronous commit that is still outstanding would make ``close()`` wait for a session timeout when the broker is away, so without
        an answer in time the group is left to notice by itself.
        """
        driver, before = self._driver, self._membership.uncommitted
        settled, stopped = self._settle(), driver.engine.stopped
        try:
            if settled:
                driver.client.close()
        finally:  # a callback may have raised; the group is left all the same
            committed = self._membership.uncommitted == before
            driver.observer.event("group.left" if settled else "group.left_without_answer")
            self._control.left(driver.finished, committed=committed)
            self._reported_at = float("-inf")
        if not settled or (driver.finished is not None and driver.finished.expired):
            return ExitStatus.UNFINISHED
        if stopped:
            return ExitStatus.STOPPED
        return ExitStatus.DRAINED if committed else ExitStatus.UNFINISHED

    def _settle(self) -> bool:
        """Commit what is committable; return whether every commit was answered in time."""
        driver, client = self._driver, self._driver.client
        deadline = max(self._control.drain_deadline or 0.0, driver.clock() + LAST_COMMIT)
        driver.handle(Advanced(client.positions()))
        settled = client.settle_commits(deadline)
        offsets = driver.engine.offsets_to_commit(driver.engine.positions())
        if settled and offsets:
            client.commit(offsets)
            settled = client.settle_commits(deadline)
        return settled

    def _linger(self) -> None:
        """Stay, drained, as long as only a hook has asked for the drain: the kubelet sends the signal when it is this process's turn."""
        driver = self._driver
        while self._control.stays and self._stop.requested_at is None:
            self.beat = driver.clock()
            self._obey()
            if self.beat - self._reported_at >= REPORT_EVERY:
                self._publish("drained")
            driver.pump(IDLE_WAIT)

    def _publish(self, phase: str) -> None:
        driver, membership = self._driver, self._membership
        now = self._reported_at = driver.clock()
        self._reported_events = driver.handled
        engine = driver.engine.snapshot(now)
        self._control.note(engine, now)
        driver.observer.publish(
            Report(
                phase=phase,
                joined=membership.joined,
                assigned_now=bool(engine.partitions),
                trouble=driver.client.trouble,
                wall_ms=int(self._wall() * 1000),
                made_at=now,
                engine=engine,
                flushes=driver.observer.counts(),
                commits=dict(driver.commits),
                rebalances=dict(membership.rebalances),
                loop_seconds=dict(self.loop_seconds),
                unreadable_headers=dict(driver.client.unreadable_headers),
                missed_offsets=dict(driver.client.missed_offsets),
                fetched_bytes=driver.client.fetched_bytes,
                refetched_bytes=driver.client.refetched_bytes,
                last_delivery_wall=driver.observer.last_delivery_wall,
                memory_limit=self._memory,
                waits_for=None if self._wait is None else self._wait.text,
                drain=self._control.drain(engine),
                ticket=self._control.ticket,
            )
        )
