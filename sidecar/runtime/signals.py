"""Signals: the first SIGTERM or SIGINT asks for a drain, the second ends the process at once.

They are blocked in every thread and taken by one that does nothing else. A Python signal handler would run on the main thread only, between two
bytecodes, so never while that thread is inside the Kafka client; and an exception from a handler there would destroy records.

Standard library only, and nothing slow: this is imported before everything else, so that a signal during the start is kept.
"""

from __future__ import annotations

import os
import signal
import threading
import time

TAKEN = frozenset({signal.SIGTERM, signal.SIGINT})


class Signals:
    """Whether, and when (monotonic seconds), the process was asked to end."""

    def __init__(self) -> None:
        """Begin without a request."""
        self.requested_at: float | None = None

    def install(self) -> None:
        """Block the signals and start the thread that takes them; to be called before any other thread is started."""
        signal.pthread_sigmask(signal.SIG_BLOCK, TAKEN)
        threading.Thread(target=self._take, name="signals", daemon=True).start()

    def request(self) -> None:
        """Ask for a drain as the first signal does."""
        if self.requested_at is None:
            self.requested_at = time.monotonic()

    def _take(self) -> None:
        signal.sigwait(TAKEN)
        self.request()
        again = signal.sigwait(TAKEN)
        os._exit(128 + again)
