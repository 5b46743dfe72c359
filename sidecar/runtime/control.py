"""Control: what the process was asked to do from outside, and what follows from that. Owned by the loop's thread.

=========== ==================== =================================================================================
asked by    what                 ends
=========== ==================== =================================================================================
operator    PAUSE                with RESUME
a hook      QUIESCE (the app's)  with RESUME, when the application is healthy again after it was not, or after its bound
a hook      DRAIN (our own)      never; the process stays until SIGTERM, since a hook must not end it (KEP-753)
SIGTERM     a drain              never; the process ends
the app     a hold               when its health check passes again
=========== ==================== =================================================================================

A drain is begun once, by whoever asks first; all others join it, with its deadline.

The group is joined once the application has been healthy, and no marker of an earlier drain keeps this process from it.
"""

from __future__ import annotations

from dataclasses import dataclass

from sidecar.core.actions import Finish
from sidecar.core.events import DrainRequested, HoldAsked, HoldLifted
from sidecar.core.hold_reasons import HoldReason
from sidecar.core.snapshot import Snapshot
from sidecar.runtime.commands import AppChanged, Command, Order, Ordered
from sidecar.runtime.driver import Driver
from sidecar.runtime.report import DrainView


@dataclass(frozen=True, slots=True)
class Durations:
    """In seconds: how long a drain may take, and a quiesce may last."""

    drain: float
    quiesce: float


@dataclass(frozen=True, slots=True)
class Gate:
    """What stands before the group: an application that must be healthy first, a marker that counts until a time (of the driver's clock)."""

    awaits_app: bool = False
    marked_until: float | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """What the group is not joined for yet, for people, and the phase of the process meanwhile."""

    phase: str
    text: str


class Control:
    """Obeys commands."""

    def __init__(self, driver: Driver, durations: Durations, gate: Gate) -> None:
        self.drain_began: float | None = None
        self.stays = False
        self.ticket = 0
        self._driver = driver
        self._durations = durations
        self._gate = gate
        self._app_trouble: str | None = "its health check has not passed yet" if gate.awaits_app else None
        self._quiesced_at = 0.0
        self._done_at: float | None = None
        self._expired = False
        self._committed = True

    def obey(self, command: Command) -> None:
        """Do what is asked."""
        if isinstance(command, AppChanged):
            self._app_changed(command.trouble)
            return
        self._obey(command)
        self.ticket = command.ticket

    def begin_drain(self, at: float, asked_by: str) -> None:
        """Begin to drain, as of ``at``; it is begun only once."""
        if self.drain_began is None:
            self.drain_began, self._done_at = at, None
            self._driver.observer.event("drain.started", seconds=self._durations.drain, asked_by=asked_by)
            self._driver.handle(DrainRequested(at + self._durations.drain))

    def left(self, finish: Finish | None, *, committed: bool) -> None:
        """Hear that the drain is over, how, and that the group is left; ``committed`` tells that the last commit was not refused."""
        self._done_at = self._driver.clock()
        self._committed = committed
        self._expired = finish is not None and finish.expired

    @property
    def in_haste(self) -> bool:
        """Whether something is to leave, and has not left yet."""
        return self._done_at is None and (self.drain_began is not None or HoldReason.QUIESCE in self._driver.engine.asked)

    @property
    def draining_since(self) -> float | None:
        """When the drain began that is not over yet; None while there is none, and once the group is left."""
        return self.drain_began if self._done_at is None else None

    @property
    def drain_deadline(self) -> float | None:
        """When the drain must be over; None while there is none."""
        return None if self.drain_began is None else self.drain_began + self._durations.drain

    def wait(self, now: float) -> Wait | None:
        """Return what the group must not be joined for yet."""
        if self._gate.marked_until is not None and now < self._gate.marked_until:
            left = self._gate.marked_until - now
            return Wait(
                "drained", f"the pod was draining when this process began: it stays out of the group for {left:.0f} s more"
            )
        if self._gate.awaits_app and self._app_trouble is not None:
            return Wait("waiting", f"waits for the application: {self._app_trouble}")
        return None

    def note(self, engine: Snapshot, now: float) -> None:
        """Note when a quiesce is done, by what the engine says of itself at ``now``; a drain's end is heard by :meth:`left`."""
        if self.drain_began is None and self._done_at is None and _is_quiesced(engine) and engine.is_settled:
            self._done_at = now

    def drain(self, engine: Snapshot) -> DrainView | None:
        """Return how a drain or a quiesce stands, as far as it was noted; ``engine`` tells whether there is a quiesce."""
        if self.drain_began is not None:
            return DrainView("terminal", self.drain_began, self._done_at, expired=self._expired, committed=self._committed)
        return DrainView("quiesce", self._quiesced_at, self._done_at) if _is_quiesced(engine) else None

    def _obey(self, command: Ordered) -> None:
        driver, now = self._driver, self._driver.clock()
        match command.order:
            case Order.PAUSE:
                driver.handle(HoldAsked(HoldReason.OPERATOR, "POST /pause"))
            case Order.RESUME:
                driver.handle(HoldLifted(HoldReason.OPERATOR))
                driver.handle(HoldLifted(HoldReason.QUIESCE))
            case Order.QUIESCE:
                if HoldReason.QUIESCE not in driver.engine.asked and self.drain_began is None:
                    self._quiesced_at, self._done_at = now, None
                driver.handle(HoldAsked(HoldReason.QUIESCE, "/drain", now + self._durations.quiesce))
            case Order.DRAIN:
                self.stays = True
                self.begin_drain(now, "/drain?terminal")

    def _app_changed(self, trouble: str | None) -> None:
        """Hold while the application is not healthy. Once it is, it is another one than that whose hook asked for a quiesce."""
        self._app_trouble = trouble
        if trouble is not None:
            self._driver.handle(HoldAsked(HoldReason.APP, trouble))
        else:
            self._driver.handle(HoldLifted(HoldReason.APP))
            self._driver.handle(HoldLifted(HoldReason.QUIESCE))
            self._gate = Gate(marked_until=self._gate.marked_until)


def _is_quiesced(engine: Snapshot) -> bool:
    return HoldReason.QUIESCE.value in engine.asked_holds
