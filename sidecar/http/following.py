"""Waiting, on the admin server's event loop, for a report of which something is true."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from sidecar.runtime.report import Report

LOOK_EVERY = 0.05


class Following:
    """Follows the reports. One timer looks for all who wait, so a thousand of them cost no more than one while nothing changes."""

    def __init__(self, latest: Callable[[], Report | None]) -> None:
        self._latest = latest
        self._seen: Report | None = None
        self._changed: asyncio.Event | None = None

    async def until(self, holds: Callable[[Report], bool], within: float) -> Report | None:
        """Return the first report for which ``holds`` is true; None when there is none ``within`` seconds."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + within
        while (report := self._latest()) is None or not holds(report):
            if (left := deadline - clock()) <= 0:
                return None
            await self._next(report, left)
        return report

    async def _next(self, seen: Report | None, within: float) -> None:
        """Return when there is another report than ``seen``, or the time is over."""
        if self._changed is None:
            self._changed, self._seen = asyncio.Event(), seen
            self._look_later(self._changed)
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._changed.wait()

    def _look_later(self, changed: asyncio.Event) -> None:
        asyncio.get_running_loop().call_later(LOOK_EVERY, self._look, changed)

    def _look(self, changed: asyncio.Event) -> None:
        if self._latest() is self._seen:
            self._look_later(changed)
        else:
            self._changed = None
            changed.set()
