from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidecar.core.records import Batch
from sidecar.core.results import Delivered
from sidecar.writers.file import FileWriter
from sidecar.writers.file_formats import FORMATS
from sidecar.writers.file_place import Place
from tests.contract.batches import numbers
from tests.contract.test_file import lines

NOON = 1_700_049_600.0
HOUR = 3600.0


class Clock:
    """The wall's; it stands still until it is moved."""

    def __init__(self) -> None:
        self.now = NOON + 60

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def hourly(folder: Path, clock: Clock, compression: str = "none") -> FileWriter:
    return FileWriter(Place(folder / "out.ndjson", FORMATS[compression], 10**9, HOUR), clock)


def write(writer: FileWriter, batch: Batch) -> None:
    assert writer.write(batch, 1, time.monotonic() + 20) == Delivered()


def numbered(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.glob("out.ndjson*")):
        if path.suffix != ".lock":
            yield path.name, path.read_bytes()


def test_no_file_has_what_was_written_in_two_hours_of_the_clock(tmp_path: Path, clock: Clock) -> None:
    writer = hourly(tmp_path, clock)
    for first, minutes in enumerate((0, 58.9, 59, 60, 200)):
        clock.now = NOON + 60 + minutes * 60
        write(writer, numbers(first, first + 1))
    writer.close()

    assert list(numbered(tmp_path)) == [
        ("out.ndjson", lines(4, 5)),
        ("out.ndjson.000001", lines(0, 2)),
        ("out.ndjson.000002", lines(2, 4)),
    ]


def test_a_restart_does_not_forget_when_the_file_was_written_to(tmp_path: Path, clock: Clock) -> None:
    for first in range(3):  # a process each
        writer = hourly(tmp_path, clock)
        write(writer, numbers(first, first + 1))
        writer.close()
        os.utime(tmp_path / "out.ndjson", (clock.now, clock.now))
        clock.now += 45 * 60

    assert list(numbered(tmp_path)) == [("out.ndjson", lines(2, 3)), ("out.ndjson.000001", lines(0, 2))]


def test_an_empty_file_and_a_clock_that_goes_back_begin_no_new_one(tmp_path: Path, clock: Clock) -> None:
    writer = hourly(tmp_path, clock)
    writer.connect(time.monotonic() + 20)
    clock.now += 10 * HOUR
    write(writer, numbers(0, 1))
    clock.now -= 5 * HOUR
    write(writer, numbers(1, 2))
    writer.close()

    assert list(numbered(tmp_path)) == [("out.ndjson", lines(0, 2))]


def test_compressed_and_plain_files_are_numbered_together(tmp_path: Path, clock: Clock) -> None:
    for first, compression in enumerate(("gzip", "none", "zstd")):
        writer = hourly(tmp_path, clock, compression)
        for n in (first, first + 1):
            write(writer, numbers(n, n + 1))
            clock.now += HOUR
        writer.close()

    assert [name for name, _ in numbered(tmp_path)] == [
        "out.ndjson",
        "out.ndjson.000001.gz",
        "out.ndjson.000002",
        "out.ndjson.000003.zst",
        "out.ndjson.gz",
        "out.ndjson.zst",
    ]
