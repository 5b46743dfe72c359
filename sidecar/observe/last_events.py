"""The last events: what was logged lately, kept for the live page. A log that passes everything on, and remembers the end of it.

An event is kept as the log has it: its name and fields, which hold no payload and no secret. Each field is cut to
:data:`LONGEST` characters. Readers on other threads see :attr:`LastEvents.latest`, which is swapped whole; of two threads that log at the very
same moment one may be missing there, in the log never.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from sidecar.observe.log_actions import Log

KEPT = 50
LONGEST = 200


class LoggedEvent(NamedTuple):
    """``at`` is Unix time in seconds, ``text`` the fields as ``name=value``."""

    at: float
    level: str
    name: str
    text: str


class LastEvents:
    """A log in front of another one."""

    def __init__(self, log: Log, wall: Callable[[], float]) -> None:
        """Pass on to ``log``; ``wall`` is Unix time in seconds."""
        self.latest: tuple[LoggedEvent, ...] = ()
        self._log = log
        self._wall = wall

    def info(self, event: str, **fields: object) -> object:
        """Log at level info."""
        self._keep("info", event, fields)
        return self._log.info(event, **fields)

    def warning(self, event: str, **fields: object) -> object:
        """Log at level warning."""
        self._keep("warning", event, fields)
        return self._log.warning(event, **fields)

    def error(self, event: str, **fields: object) -> object:
        """Log at level error."""
        self._keep("error", event, fields)
        return self._log.error(event, **fields)

    def _keep(self, level: str, event: str, fields: dict[str, object]) -> None:
        text = " ".join(f"{name}={_cut(str(value))}" for name, value in fields.items() if value is not None)
        self.latest = (*self.latest[-KEPT + 1 :], LoggedEvent(self._wall(), level, event, text))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
