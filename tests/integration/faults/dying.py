"""Runs a module that dies by SIGKILL at a statement to SQLite: ``python dying.py TRAIL AT TIMES PYTHON -m MODULE ARGUMENTS``.

``AT`` is what the statement is (see :func:`kind_of`), in the ``TIMES``-th transaction that has one. What the transaction had done before goes to the file ``TRAIL``, a word a line.
There is no network in front of SQLite, so this is done within the process: by the interpreter's hook for profilers, which shows each connection at its
first call, and by the connection's own, which tells of each statement before it runs.
"""

from __future__ import annotations

import os
import runpy
import signal
import sqlite3
import sys
import threading
from pathlib import Path
from types import FrameType

TABLE, OFFSETS = "orders", "places"


def kind_of(statement: str) -> str | None:
    """Return what a statement is: ``begin``, ``offsets``, ``rows`` or ``commit``; None for what writes nothing."""
    if statement.startswith(("BEGIN", "COMMIT")):
        return statement.split(maxsplit=1)[0].lower()
    if not statement.startswith(("INSERT", "UPDATE")):
        return None
    return "offsets" if f'"{OFFSETS}"' in statement else "rows"


class Death:
    """Counts down."""

    def __init__(self, trail: Path, at: str, times: int) -> None:
        self._trail = trail
        self._at = at
        self._left = times
        self._before: list[str] = []

    def watch(self, _frame: FrameType, event: str, called: object) -> None:
        """Look at each statement of each connection; see :func:`threading.setprofile`."""
        connection = getattr(called, "__self__", None)
        if event == "c_call" and isinstance(connection, sqlite3.Connection):
            connection.set_trace_callback(self._came)

    def _came(self, statement: str) -> None:
        kind = kind_of(statement)
        if kind is None:
            return
        if kind == "begin":
            self._before = []
        if kind == self._at and kind not in self._before:
            self._left -= 1
            if not self._left:
                self._trail.write_text("\n".join(self._before))
                os.kill(os.getpid(), signal.SIGKILL)
        self._before = list(dict.fromkeys([*self._before, kind]))


def main() -> None:
    """Run the module."""
    trail, at, times, _python, _m, module, *arguments = sys.argv[1:]
    threading.setprofile(Death(Path(trail), at, int(times)).watch)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
