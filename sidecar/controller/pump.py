"""The pump: an engine behind one lock, driven by whoever comes, and the thread that flushes.

The engine decides; this only carries. A push becomes Polled, an answer of ``flush`` becomes FlushFinished, passing time becomes Tick, and
a StartFlush becomes a call of ``flush`` on the worker's thread. The other actions steer a Kafka client, and there is none: whether a push must
wait is asked of the engine (``takes_records``), and Commit stays unanswered, so the engine asks for one only once. Where items may be dropped no push waits: the
engine holds the lane then, too, while too many flushes fail, but drops only what does not fit.

*Who may touch what.* Everything of the engine happens under the lock; ``flush`` and ``size_of`` are called without it. Three conditions
share the lock, so that a push wakes nobody in vain: ``_work`` (the worker waits for orders or for time to pass), ``_room`` (pushes
wait until the engine takes records) and ``_done`` (drains wait for the end).

*A refused item.* The engine refuses what does not fit under ``block`` and then holds the lane until there is room for it; the same item, or
another, is offered at the same offset again. A push whose patience ends offers once more, held or not: above the high watermark there is still
a reserve. Only what does not fit even there is dropped (``max_block``); it never was in the engine's books, so it is counted here.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from math import inf
from random import Random
from typing import Any

from sidecar.controller.clock import Clock
from sidecar.controller.config import ControllerConfig
from sidecar.controller.errors import FlushContractError, NotRunningError
from sidecar.controller.flush import attempt
from sidecar.controller.items import LANE, Parcel, chunk_of
from sidecar.controller.reports import Drained, Metrics, PushResult, metrics_of
from sidecar.core.actions import Action, Dropped, Finish, FlushFailed, StartFlush
from sidecar.core.books import DropReason
from sidecar.core.config import Strategy
from sidecar.core.engine import Engine
from sidecar.core.events import Assigned, DrainRequested, Event, FlushFinished, Polled, Tick

ACCEPTED = PushResult(accepted=True)


class Pump:
    """What the blocking and the asyncio controller have in common."""

    def __init__(self, flush: Callable[[list[Any]], object], config: ControllerConfig, clock: Clock, random: Random) -> None:
        """Flush by ``flush``, which is called on the worker's thread, one call at a time."""
        self._flush = flush
        self._max_block = config.max_block
        self._may_wait = Strategy(config.strategy) is Strategy.BLOCK
        self._clock = clock
        self._engine = Engine(config.engine(), random)
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)
        self._room = threading.Condition(self._lock)
        self._done = threading.Condition(self._lock)
        self._thread = threading.Thread(target=self._run, name="sidecar-flush", daemon=True)
        self._orders: deque[StartFlush] = deque()
        self._wakes: list[Callable[[], object]] = []
        self._started = self._draining = self._flushing = False
        self._asleep_until: float | None = None
        self._finish: Finish | None = None
        self._defect: BaseException | None = None
        self._offset = 0
        self._expired_pushes = 0
        self._failed_flushes = 0
        self._last_error: str | None = None

    def start(self) -> None:
        """Start the worker. Raises NotRunningError the second time."""
        with self._lock:
            if self._started:
                raise NotRunningError("a controller starts once: make a new one")
            self._started = True
            self._handle(Assigned({LANE: 0}))
        self._thread.start()

    def push(self, parcel: Parcel) -> PushResult:
        """Have ``parcel`` taken or dropped, waiting as long as ``max_block`` for it. Raises NotRunningError, FlushContractError."""
        with self._lock:
            deadline = self._clock.now() + self._max_block
            while (pushed := self._offer(parcel)) is None:
                if self._clock.now() >= deadline:
                    return self._give_up(parcel)
                self._clock.wait_until(self._room, deadline)
            return pushed

    def offer(self, parcel: Parcel, wake: Callable[[], object]) -> PushResult | None:
        """Have ``parcel`` taken or dropped at once; where it must wait, return None and call ``wake`` once when it may be offered again."""
        with self._lock:
            pushed = self._offer(parcel)
            if pushed is None:
                self._wakes.append(wake)
            return pushed

    def forget(self, wake: Callable[[], object]) -> None:
        """Do not call ``wake`` any more."""
        with self._lock:
            if wake in self._wakes:
                self._wakes.remove(wake)

    @property
    def waiting(self) -> int:
        """How many offers wait to be made again."""
        with self._lock:
            return len(self._wakes)

    def give_up(self, parcel: Parcel) -> PushResult:
        """Offer ``parcel`` for the last time; where there is no room at all, it is dropped."""
        with self._lock:
            self._check_open()
            return self._give_up(parcel)

    def drain(self, timeout: float) -> Drained:
        """Take nothing more, flush what is here, release after ``timeout`` seconds what could not be."""
        with self._lock:
            if not self._started:
                raise NotRunningError("the controller was not started")
            deadline = self._clock.now() + timeout
            self._begin_drain(deadline)
            while self._finish is None:
                self._check_flush()
                if self._clock.now() >= deadline:
                    self._handle(Tick())
                else:
                    self._clock.wait_until(self._done, deadline)
            return Drained(not self._finish.expired, self._metrics())

    def stop(self) -> None:
        """Take nothing more and release what is here; a flush that runs is not waited for, and its answer is ignored."""
        with self._lock:
            idle = self._thread.is_alive() and not self._flushing
            self._started = True
            self._begin_drain(self._clock.now())
        if idle:
            self._thread.join()

    def metrics(self) -> Metrics:
        """Describe the present moment."""
        with self._lock:
            return self._metrics()

    def _metrics(self) -> Metrics:
        shot = self._engine.snapshot(self._clock.now())
        return metrics_of(shot, self._expired_pushes, self._failed_flushes, self._last_error)

    def _check_open(self) -> None:
        self._check_flush()
        if not self._started:
            raise NotRunningError("the controller was not started: call start(), or use it in a with statement")
        if self._draining:
            raise NotRunningError("the controller takes nothing more: it drains, or is stopped")

    def _check_flush(self) -> None:
        if self._defect is not None:
            raise FlushContractError(
                f"nothing is flushed any more: {type(self._defect).__name__}: {self._defect}"
            ) from self._defect

    def _offer(self, parcel: Parcel) -> PushResult | None:
        self._check_open()
        return None if self._may_wait and not self._engine.takes_records else self._poll(parcel)

    def _give_up(self, parcel: Parcel) -> PushResult:
        pushed = self._poll(parcel)
        if pushed is None:
            self._expired_pushes += 1
            return PushResult(accepted=False, reason=DropReason.MAX_BLOCK.value)
        return pushed

    def _poll(self, parcel: Parcel) -> PushResult | None:
        """Give the engine ``parcel`` as the next record; None when it refuses it."""
        offset = self._offset
        actions = self._handle(Polled([chunk_of(parcel, offset, self._clock.now())]))
        if self._engine.positions()[LANE] == offset:
            return None
        self._offset += 1
        lost = next((each for each in actions if isinstance(each, Dropped) and each.start <= offset < each.end), None)
        return ACCEPTED if lost is None else PushResult(accepted=False, reason=lost.reason.value)

    def _begin_drain(self, deadline: float) -> None:
        self._draining = True
        self._handle(DrainRequested(deadline))
        self._wake_all()

    def _handle(self, event: Event) -> Sequence[Action]:
        """Tell the engine, note what is to be done, wake who waits for it."""
        actions = self._engine.handle(event, self._clock.now())
        for action in actions:
            if isinstance(action, StartFlush):
                self._orders.append(action)
            elif isinstance(action, FlushFailed):
                self._failed_flushes += 1
                self._last_error = action.reason
            elif isinstance(action, Finish):
                self._finish = action
        if self._finish is not None:
            self._wake_all()
        else:
            self._wake()
        return actions

    def _wake(self) -> None:
        """Wake the worker for an order, or where it sleeps longer than the engine now wants; pushes when there is room."""
        if self._orders or self._oversleeps():
            self._work.notify()
        if self._engine.takes_records:
            self._wake_pushes()

    def _oversleeps(self) -> bool:
        if self._asleep_until is None:
            return False
        due = self._engine.next_due(self._clock.now())
        return due is not None and due < self._asleep_until

    def _wake_all(self) -> None:
        self._work.notify_all()
        self._done.notify_all()
        self._wake_pushes()

    def _wake_pushes(self) -> None:
        self._room.notify_all()
        wakes, self._wakes = self._wakes, []
        for wake in wakes:
            wake()

    def _run(self) -> None:
        try:
            while (finished := self._flush_next()) is not None:
                with self._lock:
                    self._handle(finished)
        except BaseException as defect:  # noqa: BLE001 -- pushes and drains raise it
            with self._lock:
                self._defect = defect
                self._wake_all()

    def _next_order(self) -> StartFlush | None:
        """Wait for an order, letting time pass; None when the drain is over."""
        with self._lock:
            self._flushing = False
            while not self._orders and self._finish is None:
                due = self._engine.next_due(self._clock.now())
                if due is not None and due <= self._clock.now():
                    self._handle(Tick())
                else:
                    self._asleep_until = inf if due is None else due
                    self._clock.wait_until(self._work, due)
                    self._asleep_until = None
            self._flushing = self._finish is None
            return None if self._finish is not None else self._orders.popleft()

    def _flush_next(self) -> FlushFinished | None:
        """Wait for an order and carry it out; None when the drain is over. No name of the caller holds the batch: it would stay in memory until the next one comes."""
        order = self._next_order()
        if order is None:
            return None
        began = self._clock.now()
        result = attempt(self._flush, order.batch)
        return FlushFinished(order.flight, result, self._clock.now() - began)
