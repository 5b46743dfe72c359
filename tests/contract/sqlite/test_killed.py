from __future__ import annotations

import itertools
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.contract.sqlite.killed import EACH
from tests.contract.sqlite.stage import ORDERS, Stage

ROOT = Path(__file__).parents[3]


def start(stage: Stage, key: str, call: int, when: str) -> subprocess.Popen[str]:
    command = (sys.executable, "-m", "tests.contract.sqlite.killed", stage.path, key, str(call), when)
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def is_whole(stage: Stage, answered: int) -> None:
    """Assert that each record up to the stored offset is there once, and those at least that were answered for."""
    end = stage.stored().get(ORDERS, 0)
    offsets = [offset for (offset,) in stage.query("SELECT offset FROM t ORDER BY offset")]
    assert offsets == list(range(end))
    assert end >= answered
    assert end % EACH == 0


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("key", ["", "key"], ids=["appended", "replaced"])
def test_whatever_call_it_is_killed_at_each_record_is_there_once(stage: Stage, key: str, when: str) -> None:
    """Calls 1, 2, ... of a batch, each in a process of its own on the same file, until one batch has no more calls."""
    died = 0
    for call in itertools.count(1):
        with start(stage, key, call, when) as process:
            output, _ = process.communicate(timeout=60)
        answered = [int(line) for line in output.split()]
        is_whole(stage, answered[-1])
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL
        died += 1
    assert died >= 6  # the time limit, BEGIN, the offset, the rows (and deletes), COMMIT, ...


def test_killed_at_any_moment_by_somebody_else_it_goes_on_with_each_record_once(stage: Stage) -> None:
    chance = random.Random(5)
    for _ in range(8):
        with start(stage, "", 0, "never") as process:
            assert process.stdout is not None
            answered = [int(process.stdout.readline()) for _ in range(chance.randint(1, 30))]
            time.sleep(chance.random() / 200)  # anywhere in a batch; whatever moment it is, the end must be the same
            process.send_signal(signal.SIGKILL)
            answered += [int(line) for line in process.stdout.read().split()]
        is_whole(stage, answered[-1])
