from __future__ import annotations

import subprocess
import sys

import pytest

from sidecar.runtime.loop import ExitStatus
from sidecar.runtime.watchdog import DRAIN_GRACE, Bounds, verdict

BOUNDS = Bounds(drain_timeout=25.0, stall=120.0)
END = 1000.0 + BOUNDS.drain_timeout + DRAIN_GRACE


@pytest.mark.parametrize(
    ("now", "beat", "requested_at", "draining_since", "expected"),
    [
        (1000.0, 1000.0, None, None, None),
        (1120.0, 1000.0, None, None, None),
        (1120.1, 1000.0, None, None, ExitStatus.FAILED),
        (END, END, 1000.0, None, None),
        (END + 0.1, END, 1000.0, None, ExitStatus.UNFINISHED),
        (END + 0.1, 0.0, 1000.0, None, ExitStatus.UNFINISHED),
        (1001.0, 0.0, 1000.0, None, ExitStatus.FAILED),
        (1e9, 1e9, None, None, None),
        (END + 0.1, END, None, 1000.0, None),
        (END, END, 1020.0, 1000.0, None),
        (END + 0.1, END, 1020.0, 1000.0, ExitStatus.UNFINISHED),
        (1e9, 0.0, None, 1000.0, ExitStatus.FAILED),
    ],
    ids=[
        "fine",
        "at the stall limit",
        "stalled",
        "drain at its end",
        "drain expired",
        "both: the drain's",
        "stalled in a drain",
        "for ever",
        "a hook's drain expired: the process is not ended before the signal",
        "a signal joins a hook's drain",
        "and its deadline",
        "stalled after a hook's drain",
    ],
)
def test_the_verdict(
    now: float, beat: float, requested_at: float | None, draining_since: float | None, expected: ExitStatus | None
) -> None:
    assert verdict(now, beat, requested_at, draining_since, BOUNDS) is expected


@pytest.mark.parametrize("requested_at", [1000.0, None], ids=["a signal", "a hook"])
def test_a_drain_may_take_longer_than_a_step_of_the_loop_otherwise(requested_at: float | None) -> None:
    bounds = Bounds(drain_timeout=200.0, stall=120.0)
    end = 1000.0 + bounds.drain_timeout + DRAIN_GRACE
    assert verdict(end, 1005.0, requested_at, 1000.0, bounds) is None
    assert verdict(end + 0.1, 1005.0, requested_at, 1000.0, bounds) is not None


STALLED = """
import threading
from sidecar.runtime.watchdog import Bounds, Watchdog
hangs = threading.Event()
class Stop:
    requested_at = {requested_at}
def hang_in_the_loop():
    hangs.set()
    threading.Event().wait()
def beat():
    hangs.wait()
    return {beat}
Watchdog(beat, lambda: None, Stop(), Bounds(5.0, 10.0), lambda: 100.0).start()
hang_in_the_loop()
"""


@pytest.mark.parametrize(("beat", "requested_at", "status"), [(0.0, None, 1), (100.0, 90.0, 3)], ids=["stall", "drain"])
def test_past_a_deadline_the_process_ends_and_shows_what_hangs(beat: float, requested_at: float | None, status: int) -> None:
    code = STALLED.format(beat=beat, requested_at=requested_at)

    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)

    assert ended.returncode == status
    assert "hang_in_the_loop" in ended.stderr


def test_the_process_ends_also_where_there_is_no_standard_error_to_write_to() -> None:
    code = "import sys\nsys.stderr = None\n" + STALLED.format(beat=0.0, requested_at=None)

    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=30, check=False)

    assert ended.returncode == 1
