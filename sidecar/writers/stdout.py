"""``stdout:`` writes NDJSON (:mod:`sidecar.writers.ndjson`) to standard output; the sidecar's own log goes to standard error.

Taken means: handed to the system. A reader that stops reading makes the flush run out of time; the line that was cut is finished
before the next batch, so that a reader never sees half of one.
"""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Iterator, Mapping

from sidecar.core.records import Batch
from sidecar.core.results import Delivered, Result, Retriable, Systemic
from sidecar.writers import ndjson
from sidecar.writers.options import Options, Value
from sidecar.writers.protocol import Surroundings, WriterKind

OPTIONS: Options = {}


class StdoutWriter:
    """Writes to the file descriptor ``output``, which it does not own."""

    def __init__(self, output: int) -> None:
        self._output = output
        self._rest_of_line = b""

    def connect(self, deadline: float) -> None:
        """Do nothing: standard output is open already."""

    def write(self, batch: Batch, attempt: int, deadline: float) -> Result:  # noqa: ARG002 -- the Protocol's
        """Write the lines of ``batch``."""
        lines = b"".join([self._rest_of_line, *ndjson.encode(batch)])
        written = 0
        try:
            for written in _writing(self._output, lines, deadline):  # noqa: B007 -- the last one counts, an error or not
                pass
        except OSError as error:
            return Systemic(f"standard output: {error.strerror}")
        finally:
            if written:
                self._rest_of_line = _rest_of_line(lines, written)
        return Delivered() if written == len(lines) else Retriable("standard output: nobody reads it")

    def close(self) -> None:
        """Leave standard output open: it belongs to the process."""


def kind(_url: str, _options: Mapping[str, Value], _surroundings: Surroundings) -> WriterKind:
    """Return the writer; the rest of the URL means nothing."""
    return WriterKind("stdout:", lambda: StdoutWriter(sys.stdout.fileno()), max_in_flight=1, needs_headers=True)


def _writing(output: int, data: bytes, deadline: float) -> Iterator[int]:
    """Write ``data``, until ``deadline`` at most; yield how many bytes were written so far, after each piece."""
    rest = memoryview(data)
    while rest and select.select([], [output], [], max(0.0, deadline - time.monotonic()))[1]:
        # Not more than a pipe takes at once when it says that it is writable: else the call would wait past the deadline.
        rest = rest[os.write(output, rest[: select.PIPE_BUF]) :]
        yield len(data) - len(rest)


def _rest_of_line(lines: bytes, written: int) -> bytes:
    """Return what is missing of the line that was cut after ``written`` (at least one) bytes; empty where none was."""
    if lines.endswith(b"\n", 0, written):
        return b""
    return lines[written : lines.index(b"\n", written) + 1]
