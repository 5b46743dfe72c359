from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pytest

from sidecar.core.errors import WriterUnavailable
from sidecar.core.results import Delivered, Result, Systemic
from sidecar.writers import registry
from sidecar.writers.protocol import Writer
from tests.contract.batches import lines_of, numbers
from tests.contract.downstreams import InFile

ROOT = Path(__file__).parents[2]


def writer_to(path: Path, rotate_size: int = 10_000) -> Writer:
    return registry.kind(f"file://{path}", {"rotate_size": rotate_size}).create()


def write(writer: Writer, first: int, stop: int) -> Result:
    return writer.write(numbers(first, stop), 1, time.monotonic() + 20)


def lines(first: int, stop: int) -> bytes:
    return lines_of(numbers(first, stop))


@contextmanager
def system_calls() -> Iterator[list[str]]:
    """Note the names of what is called in C, as they are called."""
    calls: list[str] = []

    def note(_frame: FrameType, event: str, called: object) -> None:
        if event == "c_call":
            calls.append(getattr(called, "__name__", ""))

    sys.setprofile(note)
    try:
        yield calls
    finally:
        sys.setprofile(None)


def test_the_file_and_its_name_are_on_the_disk_before_the_answer(tmp_path: Path) -> None:
    writer = writer_to(tmp_path / "out.ndjson")
    seen = []
    for first in (0, 2):
        with system_calls() as calls:
            assert write(writer, first, first + 2) == Delivered()
        seen.append([call for call in calls if call in ("write", "fsync")])
    writer.close()

    assert seen == [["fsync", "write", "fsync"], ["write", "fsync"]]  # the first: the folder, which has a new name in it


@pytest.mark.parametrize("left", ["nothing", "another file"])
def test_a_file_that_was_deleted_or_replaced_is_written_to_no_more(tmp_path: Path, left: str) -> None:
    path = tmp_path / "out.ndjson"
    writer = writer_to(path)
    assert write(writer, 0, 2) == Delivered()
    path.unlink()
    if left == "another file":
        path.write_bytes(lines(0, 1))

    assert write(writer, 2, 4) == Delivered()
    writer.close()
    assert path.read_bytes() == (lines(2, 4) if left == "nothing" else lines(0, 1) + lines(2, 4))


@pytest.mark.parametrize(
    ("left", "kept"),
    [
        (b"", b""),
        (b'{"torn"', b""),
        (b'{"whole":1}\n{"torn"', b'{"whole":1}\n'),
        (b'{"whole":1}\n', b'{"whole":1}\n'),
        (b"whole\n" * 30_000 + b"t" * 200_000, b"whole\n" * 30_000),
    ],
)
def test_a_torn_last_line_is_cut_off_and_a_whole_one_is_kept(tmp_path: Path, left: bytes, kept: bytes) -> None:
    path = tmp_path / "out.ndjson"
    path.write_bytes(left)
    writer = writer_to(path, 10_000_000)

    writer.connect(time.monotonic() + 20)
    assert path.read_bytes() == kept

    assert write(writer, 0, 2) == Delivered()
    writer.close()
    assert path.read_bytes() == kept + lines(0, 2)


def test_a_file_that_would_grow_too_large_gets_the_next_number_and_nothing_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "out.ndjson"
    (tmp_path / "out.ndjson.000041").write_bytes(b"older\n")
    (tmp_path / "out.ndjson.bak").write_bytes(b"not ours\n")
    two = len(lines(0, 2))
    for first in range(0, 10, 2):  # a process each: the numbers go on
        writer = writer_to(path, 2 * two)
        assert write(writer, first, first + 2) == Delivered()
        writer.close()

    assert {file.name: file.read_bytes() for file in tmp_path.iterdir() if file.suffix != ".lock"} == {
        "out.ndjson.000041": b"older\n",
        "out.ndjson.bak": b"not ours\n",
        "out.ndjson.000042": lines(0, 4),
        "out.ndjson.000043": lines(4, 8),
        "out.ndjson": lines(8, 10),
    }


def test_a_batch_larger_than_a_file_stays_in_one(tmp_path: Path) -> None:
    writer = writer_to(tmp_path / "out.ndjson", 10)
    assert write(writer, 0, 50) == Delivered()
    assert write(writer, 50, 51) == Delivered()
    writer.close()

    assert (tmp_path / "out.ndjson.000001").read_bytes() == lines(0, 50)
    assert (tmp_path / "out.ndjson").read_bytes() == lines(50, 51)


def test_a_full_disk_a_missing_folder_and_a_second_process_are_told_apart(tmp_path: Path) -> None:
    full = tmp_path / "full.ndjson"
    full.symlink_to("/dev/full")
    missing = tmp_path / "missing" / "out.ndjson"
    shared = tmp_path / "out.ndjson"
    owner = writer_to(shared)
    assert write(owner, 0, 1) == Delivered()

    assert write(writer_to(full), 0, 1) == Systemic(f"file {full}: No space left on device")
    assert write(writer_to(missing), 0, 1) == Systemic(f"file {missing}: No such file or directory")
    second = writer_to(shared)
    assert write(second, 0, 1) == Systemic(f"file {shared}: another process writes to it")
    with pytest.raises(WriterUnavailable, match="another process writes to it"):
        second.connect(time.monotonic() + 20)

    owner.close()
    assert write(second, 1, 2) == Delivered()
    second.close()
    assert shared.read_bytes() == lines(0, 2)


def test_a_write_that_failed_half_way_leaves_nothing_behind(tmp_path: Path) -> None:
    disk = InFile(tmp_path)
    writer = writer_to(tmp_path / "out.ndjson")
    assert write(writer, 0, 2) == Delivered()
    disk.go_down()
    try:
        assert isinstance(write(writer, 2, 50), Systemic)
        assert (tmp_path / "out.ndjson").read_bytes() == lines(0, 2)
    finally:
        disk.come_back()
    writer.close()


def test_what_was_answered_for_survives_a_kill_and_the_next_process_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "out.ndjson"
    program = (
        "import sys, itertools\n"
        "from pathlib import Path\n"
        "from tests.contract.test_file import write, writer_to\n"
        "writer = writer_to(Path(sys.argv[1]), 10**9)\n"
        "for first in itertools.count(0, 100):\n"
        "    assert str(write(writer, first, first + 100)) == 'Delivered()'\n"
        "    print(first + 100, flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, path], stdout=subprocess.PIPE, cwd=ROOT) as child:
        assert child.stdout is not None
        answered = [child.stdout.readline() for _ in range(20)]
        child.send_signal(signal.SIGKILL)
        answered += child.stdout.readlines()
    writer = writer_to(path, 10**9)
    writer.connect(time.monotonic() + 20)
    writer.close()

    kept = path.read_bytes()
    assert kept.startswith(lines(0, int(answered[-1])))
    assert kept == lines(0, kept.count(b"\n"))
