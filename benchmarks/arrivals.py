"""How old records are when they arrive, and how many of a partition in a row: a writer for ``python:benchmarks.arrivals:write``, and the former for the bare loop.

It is called in the measured process, so what it notes is read there.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from sidecar.core.records import Batch

waits: list[float] = []
"""Seconds between a record's timestamp, which the producer gave it, and its arrival."""

runs: list[int] = []
"""Records of each chunk."""


def write(batch: Batch) -> None:
    """Take a batch."""
    for chunk in batch.chunks:
        note(chunk.timestamps)
        runs.append(len(chunk))


def note(timestamps: Iterable[int]) -> None:
    """Take note of records with these timestamps, in ms, that are here now."""
    now = time.time()
    waits.extend(now - stamp / 1000 for stamp in timestamps)
