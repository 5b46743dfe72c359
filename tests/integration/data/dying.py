"""Runs a module that dies by SIGKILL in the middle of a write: ``python dying.py ARMED TIMES PYTHON -m MODULE ARGUMENTS``.

It dies at the ``TIMES``-th call of ``os.fsync`` since there is a file ``ARMED``: what was written by then nobody has been answered for.
The interpreter's hook for profilers shows the calls; see :mod:`tests.integration.faults.dying`, which does the same at a statement to SQLite.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
from pathlib import Path
from types import FrameType


class Death:
    """Counts down."""

    def __init__(self, armed: Path, times: int) -> None:
        self._armed = armed
        self._left = times

    def watch(self, _frame: FrameType, event: str, called: object) -> None:
        """Look at each call; see :func:`threading.setprofile`."""
        if event == "c_call" and called is os.fsync and self._armed.exists():
            self._left -= 1
            if not self._left:
                os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Run the module."""
    armed, times, _python, _m, module, *arguments = sys.argv[1:]
    threading.setprofile(Death(Path(armed), int(times)).watch)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
