"""The watchdog: ends the process when a deadline that the loop itself should have kept has passed.

Two deadlines: the drain's (exit status 3: it ran out of time; only after a signal, a hook alone must not end the process), and the loop's own
heartbeat (exit status 1: a restart may mend it; a silent member of a group keeps its partitions, under KIP-848 until its session expires
whatever ``max.poll.interval.ms`` says). A signal shares the deadline of a hook's drain that is still under way. One that comes when that is
over, as it does where the application takes long to stop, counts from itself: what is late then is only the goodbye. A drain's last commit is waited
for without a step of the loop until that deadline, which may be longer than a step may take otherwise. The stacks of all threads go to
standard error first: what hangs is the only interesting thing then.
"""

from __future__ import annotations

import faulthandler
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass

from sidecar.runtime.loop import ExitStatus, StopRequest

DRAIN_GRACE = 2.0
"""Seconds past the drain's deadline that the last commit and the goodbye to the group get."""

CHECK_EVERY = 0.25


@dataclass(frozen=True, slots=True)
class Bounds:
    """Both in seconds: ``drain_timeout`` from the request to end, ``stall`` without a heartbeat."""

    drain_timeout: float
    stall: float


def verdict(
    now: float, beat: float, requested_at: float | None, draining_since: float | None, bounds: Bounds
) -> ExitStatus | None:
    """Return the exit status with which the process must end now; None: all is well."""
    began = requested_at if draining_since is None else draining_since
    if requested_at is not None and began is not None and now > began + bounds.drain_timeout + DRAIN_GRACE:
        return ExitStatus.UNFINISHED
    alive_until = beat + bounds.stall
    if draining_since is not None:
        alive_until = max(alive_until, draining_since + bounds.drain_timeout + DRAIN_GRACE)
    return ExitStatus.FAILED if now > alive_until else None


class Watchdog:
    """A thread that looks a few times a second."""

    def __init__(
        self,
        beat: Callable[[], float],
        draining_since: Callable[[], float | None],
        stop: StopRequest,
        bounds: Bounds,
        clock: Callable[[], float],
    ) -> None:
        """``beat`` returns when the loop last began a step, ``draining_since`` when a drain did that is not over, on ``clock``."""
        self._beat = beat
        self._draining_since = draining_since
        self._stop = stop
        self._bounds = bounds
        self._clock = clock
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def cancel(self) -> None:
        """Stop watching: the loop ended by itself."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(CHECK_EVERY):
            status = verdict(self._clock(), self._beat(), self._stop.requested_at, self._draining_since(), self._bounds)
            if status is not None:
                try:
                    faulthandler.dump_traceback(all_threads=True)
                finally:  # also where there is no standard error to write to
                    os._exit(status)
