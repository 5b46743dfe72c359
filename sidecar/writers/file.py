"""``file:///var/data/out.ndjson`` appends NDJSON (:mod:`sidecar.writers.ndjson`) and answers when it is on the disk.

- Before the answer the data is synchronised (``fsync``), and the folder, too, when a file was made or renamed.
- The file holds whole lines only; compressed, whole frames, one a batch (:mod:`sidecar.writers.file_formats`). What a failed write left is
  cut off, and what a crash or a lost power supply has torn at the end is cut off and logged when the file is opened. A compressed file
  that is not only cut short, but damaged, is put aside as if it were full: nobody knows what is behind the damage.
- When the file would grow above ``rotate_size``, or was written to in an earlier interval of ``rotate_interval``, it is renamed to
  ``out.ndjson.000001``, and so on: the highest number is the newest. Nothing is ever deleted. A batch is never divided, so a larger one
  makes a larger file.
- Intervals are counted from 1970 in UTC, so with ``1h`` no file has records that were written in two hours of the clock. The file is renamed
  when the next batch comes. When it was written to last, is what its time of modification says: a restart changes nothing.
- A file that was deleted, moved or replaced meanwhile is written to no more: the next batch goes to a new one, or to that which is there.
- One process at a time: it holds a lock on ``out.ndjson.lock``.

The system may take longer than the deadline to synchronise: that cannot be interrupted. Each failure is one of the whole disk: Systemic.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlsplit

import structlog

from sidecar.core.errors import ConfigurationError, WriterUnavailable
from sidecar.core.records import Batch
from sidecar.core.results import Delivered, Result, Systemic
from sidecar.writers import ndjson
from sidecar.writers.file_formats import FORMATS, Damaged
from sidecar.writers.file_place import Place
from sidecar.writers.options import Option, Options, Value
from sidecar.writers.protocol import Surroundings, WriterKind

OPTIONS: Options = {
    "compression": Option(
        "choice",
        "none",
        "`gzip` or `zstd`: a frame a batch, and `.gz` or `.zst` at the end of the files' names; zstd costs a quarter of the time",
        choices=tuple(map(str, FORMATS)),
    ),
    "rotate_size": Option("size", 64 * 1024 * 1024, "begin a new file when this one would grow above it"),
    "rotate_interval": Option("duration", "", "begin a new file in each such interval of the clock (UTC), such as `1h`"),
}

_NEW_FILE = 0o644
_log = structlog.get_logger(__name__)


class FileWriter:
    """Appends at ``place``; opens the file when it is first needed, and again after each failure. ``clock`` is the wall's."""

    def __init__(self, place: Place, clock: Callable[[], float]) -> None:
        self._place = place
        self._clock = clock
        self._lock: int | None = None
        self._file: int | None = None
        self._length = 0
        self._written_at = 0.0

    def connect(self, deadline: float) -> None:  # noqa: ARG002 -- the Protocol's; a disk has no time-out
        """Open the file, and take the lock."""
        try:
            self._opened()
        except OSError as error:
            raise WriterUnavailable(self._why(error)) from error

    def write(self, batch: Batch, attempt: int, deadline: float) -> Result:  # noqa: ARG002 -- the Protocol's, as above
        """Append the lines of ``batch`` and wait until they are on the disk; each failure is one of the whole disk."""
        try:
            self._append(self._place.format.pack(ndjson.encode(batch)))
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

    def _append(self, content: Sequence[bytes]) -> None:
        file, now, size = self._opened(), self._clock(), sum(map(len, content))
        if self._length and (self._length + size > self._place.rotate_size or self._place.is_due(self._written_at, now)):
            self._rotate()
            file = self._opened()
        for piece in content:
            _write(file, piece)
        os.fsync(file)
        self._length += size
        self._written_at = now

    def _opened(self) -> int:
        """Return the file, locked, with whole lines or frames only."""
        if self._lock is None:
            self._lock = _lock(self._place.lock)
        if self._file is not None and not _is_at(self._file, self._place.path):
            self._close_file()
        if self._file is None:
            try:
                self._file, self._length, self._written_at = _open_repaired(self._place)
            except Damaged as damage:
                self._put_aside(damage)
                self._file, self._length, self._written_at = _open_repaired(self._place)
        return self._file

    def _rotate(self) -> None:
        self._close_file()
        self._place.path.rename(self._place.next_full())

    def _put_aside(self, damage: Damaged) -> None:
        aside = self._place.next_full()
        self._place.path.rename(aside)
        _log.error("writer.file.damaged", path=str(self._place.path), put_aside=str(aside), reason=str(damage))

    def _give_up_file(self) -> None:
        """Cut off what a failed write left, and close: the next write opens the file anew, and repairs what is left to repair."""
        if self._file is not None:
            try:
                os.ftruncate(self._file, self._length)
            except OSError as error:
                _log.warning("writer.file.not_cut", path=str(self._place.path), error=error.strerror)
        with suppress(OSError):  # the failure before it is the one to report
            self._close_file()

    def _close_file(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    def _why(self, error: OSError) -> str:
        if isinstance(error, BlockingIOError):
            return f"file {self._place.path}: another process writes to it"
        return f"file {self._place.path}: {error.strerror}"


def kind(url: str, options: Mapping[str, Value], _surroundings: Surroundings) -> WriterKind:
    """Return the writer for ``url``; raises ConfigurationError."""
    parts = urlsplit(url)
    path = Path(unquote(parts.path))
    if parts.netloc not in ("", "localhost") or not path.is_absolute() or parts.path.endswith("/"):
        raise ConfigurationError("SIDECAR_WRITER__URL: a file is named by its absolute path; write file:///var/data/out.ndjson")
    form = FORMATS[options["compression"]]
    base = path.with_name(path.name.removesuffix(form.suffix) or path.name)
    place = Place(base, form, _rotate_size(options), _rotate_interval(options))
    return WriterKind(f"file://{place.path}", partial(FileWriter, place, time.time), max_in_flight=1, needs_headers=True)


def _rotate_size(options: Mapping[str, Value]) -> int:
    size = int(options["rotate_size"])
    if size < 1:
        raise ConfigurationError("SIDECAR_WRITER__ROTATE_SIZE: must be at least 1 byte")
    return size


def _rotate_interval(options: Mapping[str, Value]) -> float | None:
    if options["rotate_interval"] == "":
        return None
    interval = float(options["rotate_interval"])
    if interval < 1:
        raise ConfigurationError("SIDECAR_WRITER__ROTATE_INTERVAL: must be at least 1s")
    return interval


def _is_at(file: int, path: Path) -> bool:
    """Tell whether ``file`` is the one at ``path`` now: one that was deleted or replaced takes lines like any other, and nobody would see them again."""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def _write(file: int, piece: bytes) -> None:
    rest = memoryview(piece)
    while rest:
        rest = rest[os.write(file, rest) :]


def _lock(path: Path) -> int:
    """Take the lock; raises BlockingIOError when another has it. The system gives it back when the process ends, however it ends."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _NEW_FILE)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(lock)
        raise
    return lock


def _open_repaired(place: Place) -> tuple[int, int, float]:
    """Open or make the file; return it, its length, which ends with a whole line or frame, and when it was written to; raises Damaged."""
    file = os.open(place.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _NEW_FILE)
    try:
        written_at = os.fstat(file).st_mtime  # before it is cut
        length = _cut_torn_end(file, place)
        _sync_folder(place.path)
    except BaseException:
        os.close(file)
        raise
    return file, length, written_at


def _cut_torn_end(file: int, place: Place) -> int:
    """Cut off what follows the last whole line or frame, and return the length of the file."""
    length = os.fstat(file).st_size
    whole = place.format.whole(file, length)
    if whole < length:
        os.ftruncate(file, whole)
        os.fsync(file)
        _log.warning("writer.file.torn_end_cut", path=str(place.path), bytes=length - whole)
    return whole


def _sync_folder(path: Path) -> None:
    """Make the names in the folder of ``path`` durable, too."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
