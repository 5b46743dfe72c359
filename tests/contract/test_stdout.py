from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from sidecar.core.results import Delivered, Systemic
from sidecar.writers.stdout import StdoutWriter
from tests.contract.batches import lines_of, numbers

ROOT = Path(__file__).parents[2]
PROGRAM = (
    "import time\n"
    "from sidecar.writers import registry\n"
    "from tests.contract.batches import numbers\n"
    "registry.kind('stdout:', {}).create().write(numbers(0, 100), 1, time.monotonic() + 20)\n"
)


def test_the_lines_come_out_of_the_process() -> None:
    ran = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, stdout=subprocess.PIPE, check=True)

    assert ran.stdout == lines_of(numbers(0, 100))


def test_a_reader_that_has_left_is_systemic() -> None:
    reading, writing = os.pipe()
    os.close(reading)

    assert StdoutWriter(writing).write(numbers(0, 1), 1, time.monotonic() + 20) == Systemic("standard output: Broken pipe")
    os.close(writing)


def test_a_writer_leaves_standard_output_open() -> None:
    reading, writing = os.pipe()
    writer = StdoutWriter(writing)
    writer.close()

    assert writer.write(numbers(0, 1), 1, time.monotonic() + 20) == Delivered()
    os.close(writing)
    assert os.read(reading, 9999) == lines_of(numbers(0, 1))
    os.close(reading)
