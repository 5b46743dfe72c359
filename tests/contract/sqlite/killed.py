"""A process that writes batches into a file, and kills itself at one call into SQLite: ``python -m tests.contract.sqlite.killed FILE KEY CALL WHEN``.

It begins where the offsets in the file say, like the sidecar. ``CALL`` is the number of a call into SQLite, from 1, in the second batch that it writes; ``WHEN``
is ``before`` or ``after`` it. So each moment between two of its steps can be chosen. With ``CALL`` 0 it goes on until somebody else kills it, and says
what was delivered. It prints the names of the calls in that batch.
"""

from __future__ import annotations

import itertools
import os
import signal
import sqlite3
import sys
from pathlib import Path
from types import FrameType

from sidecar.core.records import Batch
from sidecar.core.results import Delivered
from sidecar.writers.protocol import Writer
from tests.contract.batches import chunk
from tests.contract.sqlite.stage import ORDERS, Stage, soon, write

EACH = 50


def batch(first: int, expected: int | None) -> Batch:
    """Return the records from ``first`` on, the keys their offsets."""
    numbers = range(first, first + EACH)
    return Batch.of([chunk([b"%d" % n for n in numbers], keys=[b"%d" % n for n in numbers], offset=first)], {ORDERS: expected})


def main() -> None:
    """Write, and die."""
    path, key, call, when = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
    stage = Stage(path)
    writer = stage.writer(key=key)
    for number in itertools.count(1):
        at = stage.offsets(key=key).read([ORDERS], soon()).get(ORDERS)
        if number == 2 and call:
            _die_at(call, "c_call" if when == "before" else "c_return")
        _written(writer, batch(at or 0, at))
        sys.setprofile(None)
        print((at or 0) + EACH, flush=True)  # noqa: T201 -- what it was answered, for the test
        if number == 2 and call:
            return


def _written(writer: Writer, records: Batch) -> None:
    assert write(writer, records) == Delivered()


def _die_at(call: int, moment: str) -> None:
    calls = itertools.count(1)

    def watch(_frame: FrameType, event: str, called: object) -> None:
        if event == moment and isinstance(getattr(called, "__self__", None), sqlite3.Connection) and next(calls) == call:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(watch)


if __name__ == "__main__":
    main()
