from __future__ import annotations

import itertools
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest
from structlog.testing import capture_logs

from sidecar.core.records import Batch
from sidecar.core.results import Delivered
from sidecar.writers import registry
from sidecar.writers.file_formats import FORMATS
from sidecar.writers.protocol import Writer
from tests.contract.batches import chunk, lines_of
from tests.contract.decoded import DECOMPRESS
from tests.contract.test_file import lines, write

COMPRESSIONS = ("gzip", "zstd")


def writer_to(folder: Path, compression: str, rotate_size: int = 10**9) -> Writer:
    return registry.kind(f"file://{folder}/out.ndjson", {"compression": compression, "rotate_size": rotate_size}).create()


def file_of(folder: Path, compression: str) -> Path:
    return folder / f"out.ndjson{FORMATS[compression].suffix}"


def frames(folder: Path, compression: str, count: int) -> list[bytes]:
    """Write ``count`` batches of ten, and return the frame of each."""
    path = file_of(folder, compression)
    writer = writer_to(folder, compression)
    lengths = [0]
    for n in range(count):
        assert write(writer, n * 10, n * 10 + 10) == Delivered()
        lengths.append(path.stat().st_size)
    writer.close()
    content = path.read_bytes()
    return [content[a:b] for a, b in itertools.pairwise(lengths)]


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_the_whole_file_is_one_stream_and_each_batch_a_frame(tmp_path: Path, compression: str) -> None:
    each = frames(tmp_path, compression, 3)

    assert DECOMPRESS[compression](b"".join(each)) == lines(0, 30)
    assert [DECOMPRESS[compression](frame) for frame in each] == [lines(0, 10), lines(10, 20), lines(20, 30)]


def test_the_usual_command_reads_it(tmp_path: Path) -> None:
    frames(tmp_path, "gzip", 2)
    told = subprocess.run(["zcat", file_of(tmp_path, "gzip")], capture_output=True, check=True)  # noqa: S607 -- wherever it is
    assert told.stdout == lines(0, 20)


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_wherever_a_crash_has_torn_the_last_frame_it_is_cut_off_and_the_others_stay(tmp_path: Path, compression: str) -> None:
    first, second = frames(tmp_path, compression, 2)
    path = file_of(tmp_path, compression)
    for torn in range(len(second)):
        path.write_bytes(first + second[:torn])
        writer = writer_to(tmp_path, compression)
        with capture_logs() as logs:
            writer.connect(time.monotonic() + 20)
        writer.close()

        assert path.read_bytes() == first
        assert [(log["event"], log["bytes"]) for log in logs] == ([("writer.file.torn_end_cut", torn)] if torn else [])


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_after_a_torn_frame_the_file_goes_on(tmp_path: Path, compression: str) -> None:
    first, second = frames(tmp_path, compression, 2)
    path = file_of(tmp_path, compression)
    path.write_bytes(first + second[:-1])
    writer = writer_to(tmp_path, compression)
    assert write(writer, 10, 30) == Delivered()
    writer.close()

    assert DECOMPRESS[compression](path.read_bytes()) == lines(0, 30)


def reopened(folder: Path, compression: str, content: bytes) -> dict[str, bytes]:
    """Put ``content`` into the file, open it, and return the files that there are then."""
    path = file_of(folder, compression)
    path.write_bytes(content)
    writer = writer_to(folder, compression)
    writer.connect(time.monotonic() + 20)
    writer.close()
    files = {file.name: file.read_bytes() for file in folder.glob(f"*{path.suffix}")}
    for name in files:
        (folder / name).unlink()
    return files


@pytest.mark.parametrize(("compression", "without_meaning"), [("gzip", range(4, 10)), ("zstd", ())])
def test_a_file_with_any_byte_damaged_is_put_aside_as_it_is_and_nothing_is_cut(
    tmp_path: Path, compression: str, without_meaning: Sequence[int]
) -> None:
    first, second = frames(tmp_path, compression, 2)
    suffix = FORMATS[compression].suffix
    for at, byte in enumerate(first):
        damaged = first[:at] + bytes([byte ^ 0xFF]) + first[at + 1 :] + second
        kept = {f"out.ndjson{suffix}": damaged}  # gzip: the time, the level and the system are under no checksum
        aside = {f"out.ndjson.000001{suffix}": damaged, f"out.ndjson{suffix}": b""}
        assert reopened(tmp_path, compression, damaged) == (kept if at in without_meaning else aside), at


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_the_sidecar_goes_on_after_a_damaged_file_and_tells_of_it(tmp_path: Path, compression: str) -> None:
    first, second = frames(tmp_path, compression, 2)
    path = file_of(tmp_path, compression)
    path.write_bytes(first + bytes(len(second)))
    writer = writer_to(tmp_path, compression)
    with capture_logs() as logs:
        assert write(writer, 20, 30) == Delivered()
    writer.close()

    aside = tmp_path / f"out.ndjson.000001{path.suffix}"
    assert [(log["event"], log["put_aside"]) for log in logs] == [("writer.file.damaged", str(aside))]
    assert aside.read_bytes() == first + bytes(len(second))
    assert DECOMPRESS[compression](path.read_bytes()) == lines(20, 30)


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("before", range(65_530, 65_540))
def test_a_frame_behind_a_torn_one_is_seen_wherever_it_begins(tmp_path: Path, compression: str, before: int) -> None:
    first, second = frames(tmp_path, compression, 2)
    noise = b'"%b"' % Random(1).randbytes(100_000).hex().encode()
    long = b"".join(FORMATS[compression].pack([noise]))[:before]
    content = first + long + second

    files = reopened(tmp_path, compression, content)

    assert files[f"out.ndjson.000001{FORMATS[compression].suffix}"] == content


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_frames_longer_than_what_is_read_at_once_are_found_whole(tmp_path: Path, compression: str) -> None:
    noise = [b'"%b"' % Random(n).randbytes(100_000).hex().encode() for n in range(4)]  # hardly to be compressed to less than half
    batches = [Batch.of([chunk(noise[n : n + 2], offset=n)]) for n in (0, 2)]
    writer = writer_to(tmp_path, compression)
    for batch in batches:
        assert writer.write(batch, 1, time.monotonic() + 20) == Delivered()
    writer.close()
    path = file_of(tmp_path, compression)
    whole = path.read_bytes()
    assert len(whole) > 5 * 65_536

    path.write_bytes(whole[:-1])
    writer = writer_to(tmp_path, compression)
    assert writer.write(batches[1], 2, time.monotonic() + 20) == Delivered()
    writer.close()
    assert DECOMPRESS[compression](path.read_bytes()) == b"".join(map(lines_of, batches))


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_the_size_that_counts_is_the_compressed_one_and_full_files_keep_their_suffix(tmp_path: Path, compression: str) -> None:
    suffix = FORMATS[compression].suffix
    writer = writer_to(tmp_path, compression, 10)
    for n in range(3):
        assert write(writer, n, n + 1) == Delivered()
    writer.close()

    files = {path.name: DECOMPRESS[compression](path.read_bytes()) for path in tmp_path.glob(f"*{suffix}")}
    assert files == {
        f"out.ndjson.000001{suffix}": lines(0, 1),
        f"out.ndjson.000002{suffix}": lines(1, 2),
        f"out.ndjson{suffix}": lines(2, 3),
    }
