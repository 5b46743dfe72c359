"""``file:///var/data/out.ndjson`` appends NDJSON (:mod:`sidecar.writers.ndjson`) and answers when it is on the disk.

- Before the answer the data is synchronised (``fsync``), and the folder, too, when a file was made or renamed.
- The file holds whole lines only. What a failed write left is cut off, and a torn last line (a crash, a lost
  power supply) is cut off and logged when the file is opened.
- When the file would grow above ``rotate_size`` it is renamed to ``out.ndjson.000001``, and so on: the highest number is the
  newest. Nothing is ever deleted. A batch is never divided, so a larger one makes a larger file.
- One process at a time: it holds a lock on ``out.ndjson.lock``.

The system may take longer than the deadline to synchronise: that cannot be interrupted.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

import structlog

from sidecar.core.errors import ConfigurationError, WriterUnavailable
from sidecar.core.records import Batch
from sidecar.core.results import Delivered, Result, Systemic
from sidecar.writers import ndjson
from sidecar.writers.options import Option, Options, Value
from sidecar.writers.protocol import Surroundings, WriterKind

OPTIONS: Options = {
    "rotate_size": Option("size", 64 * 1024 * 1024, "begin a new file when this one would grow above it"),
}

_BLOCK = 64 * 1024
"""How much is read at once, from the end, to find the last newline: bytes."""

_NEW_FILE = 0o644
_log = structlog.get_logger(__name__)


class FileWriter:
    """Appends to ``path``; opens it when it is first needed, and again after each failure."""

    def __init__(self, path: Path, rotate_size: int) -> None:
        self._path = path
        self._rotate_size = rotate_size
        self._lock: int | None = None
        self._file: int | None = None
        self._length = 0

    def connect(self, deadline: float) -> None:  # noqa: ARG002 -- the Protocol's; a disk has no time-out
        """Open the file, and take the lock."""
        try:
            self._opened()
        except OSError as error:
            raise WriterUnavailable(self._why(error)) from error

    def write(self, batch: Batch, attempt: int, deadline: float) -> Result:  # noqa: ARG002 -- the Protocol's, as above
        """Append the lines of ``batch`` and wait until they are on the disk; each failure is one of the whole disk."""
        try:
            self._append(ndjson.encode(batch))
        except OSError as error:
            self._give_up_file()
            return Systemic(self._why(error))
        return Delivered()

    def close(self) -> None:
        """Close the file and give the lock back."""
        with suppress(OSError):  # what was answered for is on the disk already
            self._close_file()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _append(self, lines: bytes) -> None:
        file = self._opened()
        if self._length and self._length + len(lines) > self._rotate_size:
            self._rotate()
            file = self._opened()
        rest = memoryview(lines)
        while rest:
            rest = rest[os.write(file, rest) :]
        os.fsync(file)
        self._length += len(lines)

    def _opened(self) -> int:
        """Return the file, locked, with whole lines only."""
        if self._lock is None:
            self._lock = _lock(self._path.with_name(self._path.name + ".lock"))
        if self._file is None:
            self._file, self._length = _open_repaired(self._path)
        return self._file

    def _rotate(self) -> None:
        self._close_file()
        self._path.rename(_next_name(self._path))

    def _give_up_file(self) -> None:
        """Cut off what a failed write left, and close: the next write opens the file anew, and repairs what is left to repair."""
        if self._file is not None:
            try:
                os.ftruncate(self._file, self._length)
            except OSError as error:
                _log.warning("writer.file.not_cut", path=str(self._path), error=error.strerror)
        with suppress(OSError):  # the failure before it is the one to report
            self._close_file()

    def _close_file(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    def _why(self, error: OSError) -> str:
        if isinstance(error, BlockingIOError):
            return f"file {self._path}: another process writes to it"
        return f"file {self._path}: {error.strerror}"


def kind(url: str, options: Mapping[str, Value], _surroundings: Surroundings) -> WriterKind:
    """Return the writer for ``url``; raises ConfigurationError."""
    parts = urlsplit(url)
    path = Path(unquote(parts.path))
    if parts.netloc not in ("", "localhost") or not path.is_absolute() or parts.path.endswith("/"):
        raise ConfigurationError("SIDECAR_WRITER__URL: a file is named by its absolute path; write file:///var/data/out.ndjson")
    rotate_size = int(options["rotate_size"])
    if rotate_size < 1:
        raise ConfigurationError("SIDECAR_WRITER__ROTATE_SIZE: must be at least 1 byte")
    return WriterKind(f"file://{path}", lambda: FileWriter(path, rotate_size), max_in_flight=1, needs_headers=True)


def _lock(path: Path) -> int:
    """Take the lock; raises BlockingIOError when another has it. The system gives it back when the process ends, however it ends."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _NEW_FILE)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(lock)
        raise
    return lock


def _open_repaired(path: Path) -> tuple[int, int]:
    """Open or make the file; return it and its length, which ends with a whole line."""
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _NEW_FILE)
    try:
        length = _cut_torn_line(file, path)
        _sync_folder(path)
    except BaseException:
        os.close(file)
        raise
    return file, length


def _cut_torn_line(file: int, path: Path) -> int:
    """Cut off what follows the last newline, and return the length of the file."""
    length = os.fstat(file).st_size
    whole = _end_of_last_line(file, length)
    if whole < length:
        os.ftruncate(file, whole)
        os.fsync(file)
        _log.warning("writer.file.torn_line_cut", path=str(path), bytes=length - whole)
    return whole


def _end_of_last_line(file: int, length: int) -> int:
    """Return the offset after the last newline, 0 where there is none."""
    stop = length
    while stop > 0:
        start = max(0, stop - _BLOCK)
        newline = os.pread(file, stop - start, start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        stop = start
    return 0


def _next_name(path: Path) -> Path:
    """Return the name for the next file that is full: one above the highest number there is."""
    taken = [
        int(other.suffix[1:]) for other in path.parent.glob("*.*") if other.stem == path.name and other.suffix[1:].isdecimal()
    ]
    return path.with_name(f"{path.name}.{max(taken, default=0) + 1:06}")


def _sync_folder(path: Path) -> None:
    """Make the names in the folder of ``path`` durable, too."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
