"""What happened in a pod, and when: entries with monotonic times, gathered from the kubelet, from the sidecar's log and from the application."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple


def _unix_at_zero() -> tuple[float, float]:
    """Return the Unix time at the zero of the monotonic clock, behind how wrong it may be: by the time between two looks."""
    before, unix, after = time.monotonic(), time.time(), time.monotonic()
    return after - before, unix - before


UNIX_AT_ZERO = min(_unix_at_zero() for _ in range(20))[1]
"""The Unix time at the zero of the monotonic clock, which all processes of this machine share. The best of some: between two looks this process can be stopped."""


class Entry(NamedTuple):
    """At ``at`` (monotonic seconds) something happened; ``detail`` (an exit status, an answer) is for people."""

    at: float
    what: str
    detail: str = ""


def monotonic_time_of(unix: float) -> float:
    """Return the monotonic time of a Unix time."""
    return unix - UNIX_AT_ZERO


def monotonic_time(timestamp: str) -> float:
    """Return the monotonic time of a log line's ISO timestamp."""
    return monotonic_time_of(datetime.fromisoformat(timestamp).timestamp())


class Journal:
    """Entries of one pod; any thread may add. Each is named ``<who> <what>``: ``app TERM``, ``sidecar exit``, ``last delivery``."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []

    def add(self, what: str, detail: object = "", at: float | None = None) -> None:
        """Note what happens now, or happened ``at``."""
        self._entries.append(Entry(time.monotonic() if at is None else at, what, str(detail)))

    @property
    def entries(self) -> Sequence[Entry]:
        """All entries in the order of their times."""
        return sorted(self._entries)

    def times(self, what: str) -> Sequence[float]:
        """Return when ``what`` happened, each time."""
        return [entry.at for entry in self.entries if entry.what == what]

    def detail(self, what: str) -> str:
        """Return the detail of the last ``what``."""
        return next(entry.detail for entry in reversed(self.entries) if entry.what == what)

    def assert_order(self, chain: Iterable[str]) -> None:
        """Assert that these things happened, each (for the first time since then) after the one before it."""
        at = float("-inf")
        for what in chain:
            later = [moment for moment in self.times(what) if moment >= at]
            assert later, f"{what!r} was not seen after {at:.3f}:\n{self}"
            at = later[0]

    def __str__(self) -> str:
        """Return a line an entry, with seconds since the first."""
        entries = self.entries
        return "\n".join(f"{at - entries[0].at:8.3f}  {what:24} {detail}" for at, what, detail in entries)
