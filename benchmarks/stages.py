"""Where the consuming thread's time goes, by stage: its stack is looked at a thousand times a second while it works.

Each look counts as much as the thread has used of the CPU since the last one, so waiting counts nothing. A look cannot happen inside of the client, only when a call
of it is over; so what the client took since the last look counts for it, and by the many looks nothing is shifted. (A tracing profiler would make each call of a function
dearer by about what our functions take, and the client's one call a poll by nothing.)
"""

from __future__ import annotations

import signal
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePath
from types import FrameType

EVERY = 0.001

CLIENT, COLUMNS, CHUNKS = "the client's consume()", "columns", "chunks"
OTHER = "everything else"

STAGES: Mapping[str, str] = {
    "kafka/columns.py": COLUMNS,
    "kafka/consumer.py": "around the client",
    "kafka/turns.py": "around the client",
    "kafka/refetched.py": "around the client",
    "core/intake.py": "intake",
    "core/dispatch.py": "dispatch",
    "core/landing.py": "landing",
    "core/dead_letters.py": "landing",
    "core/commits.py": "commits",
    "core/holds.py": "holds",
    "core/engine.py": "engine",
    "core/views.py": "reports",
    "runtime/driver.py": "loop",
    "runtime/loop.py": "loop",
}
"""By file, for whom time counts: the first of them, from the inside outwards. What is in no line (buffer, ledger, books, the flush control) counts for its caller."""


def stage(calls: Iterable[tuple[str, str]]) -> str:
    """Return the stage of a stack, given as (file, function), the innermost call first."""
    for depth, (file, function) in enumerate(calls):
        where = "/".join(PurePath(file).parts[-2:])
        if where == "kafka/consumer.py" and function in {"commit", "commit_now"}:
            return "commits"
        if where == "kafka/consumer.py" and function == "poll" and not depth:
            return CLIENT
        if where == "kafka/columns.py" and depth:
            return CHUNKS
        if where == "runtime/loop.py" and function == "_publish":
            return "reports"
        if where in STAGES:
            return STAGES[where]
    return OTHER


class Sampler:
    """Looks at the thread that it is made and begun on, which must be the main one."""

    def __init__(self) -> None:
        """Begin nothing yet."""
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._last = 0.0

    def begin(self) -> None:
        """Look from now on."""
        self._last = time.thread_time()
        signal.signal(signal.SIGALRM, self._look)
        signal.setitimer(signal.ITIMER_REAL, EVERY, EVERY)

    def end(self) -> dict[str, float]:
        """Look no more; return the CPU seconds by stage."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        return dict(self._seconds)

    def _look(self, _signal: int, frame: FrameType | None) -> None:
        now = time.thread_time()
        self._seconds[stage(_calls(frame))] += now - self._last
        self._last = time.thread_time()


def _calls(frame: FrameType | None) -> Iterator[tuple[str, str]]:
    while frame is not None:
        yield frame.f_code.co_filename, frame.f_code.co_name
        frame = frame.f_back
