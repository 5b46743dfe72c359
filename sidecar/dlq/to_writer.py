"""Redrives letters straight to the downstream: the same writer, as the settings say, without the source topic between.

A batch is tried again while the downstream asks for that, and divided where it is refused as a whole, until the record is found that is to blame. Offsets of the group are left
alone: a writer that keeps offsets writes the records only.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from sidecar.core.records import Batch, Chunk, Headers, TopicPartition
from sidecar.core.results import Delivered, Fenced, Partial, Poison, Result, Retriable, Systemic, TooLarge
from sidecar.dlq.letters import Letter
from sidecar.dlq.redriven import headers_of
from sidecar.writers.protocol import Writer

ATTEMPTS = 5
"""How often a batch is tried that the downstream asks to be tried again."""

WAIT = 1.0
"""Seconds between two attempts where the downstream names no wait."""

LONGEST_WAIT = 30.0
"""Seconds."""


class ToWriter:
    """Implements :class:`sidecar.dlq.work.Target`."""

    def __init__(self, writer: Writer, timeout: float, sleep: Callable[[float], None] = time.sleep) -> None:
        """Write with ``timeout`` seconds an attempt."""
        self._writer = writer
        self._timeout = timeout
        self._sleep = sleep

    def take(self, letters: Sequence[Letter]) -> Sequence[str | None]:
        """Write ``letters``, in order; return why each was not taken."""
        result = self._patiently(letters)
        match result:
            case Delivered():
                return [None] * len(letters)
            case Partial():
                failures = {(failure.tp, failure.offset): failure.error for failure in result.failures}
                return [failures.get(_origin(letter)) for letter in letters]
            case Poison() | TooLarge() if len(letters) > 1:
                half = len(letters) // 2
                return [*self.take(letters[:half]), *self.take(letters[half:])]
            case Poison() | TooLarge() | Retriable() | Systemic() | Fenced():
                return [result.reason] * len(letters)

    def _patiently(self, letters: Sequence[Letter]) -> Result:
        batch = Batch.of([_chunk(letter) for letter in letters])
        for attempt in range(1, ATTEMPTS + 1):
            result = self._writer.write(batch, attempt, time.monotonic() + self._timeout)
            if not isinstance(result, Retriable) or attempt == ATTEMPTS:
                break
            self._sleep(min(LONGEST_WAIT, WAIT if result.wait is None else result.wait))
        return result


def _origin(letter: Letter) -> tuple[TopicPartition, int]:
    assert letter.origin is not None, "what does not say where it came from is refused before"  # noqa: S101 -- our own mistake, never a user's
    return letter.origin


def _chunk(letter: Letter) -> Chunk:
    tp, offset = _origin(letter)
    headers: list[Headers | None] = [headers_of(letter)]
    timestamp = letter.original_timestamp
    return Chunk(tp, 0, range(offset, offset + 1), [timestamp], [letter.key], [letter.value], headers, offset + 1, 0, 0.0, 0)
