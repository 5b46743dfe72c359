"""A file of its own, writers for it, and somebody else who looks at it and locks it."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sidecar.core.records import Batch, TopicPartition
from sidecar.core.results import Result
from sidecar.writers import registry
from sidecar.writers.options import Value
from sidecar.writers.protocol import StoredOffsets, Surroundings, Writer, WriterKind
from tests.contract.batches import chunk

ORDERS = TopicPartition("orders", 0)


def soon() -> float:
    """Return a deadline that a file which is well keeps easily."""
    return time.monotonic() + 20


class Stage:
    """A file with the table ``t`` and the offsets in ``o``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._opened: list[Writer | StoredOffsets] = []

    def kind(self, group: str = "group", **options: Value) -> WriterKind:
        """Return the kind of writer, whose file and tables are made unless ``create`` is False."""
        own: dict[str, Value] = {"table": "t", "offsets_table": "o", "create": True}
        return registry.kind(f"sqlite://{quote(str(self.path))}", own | options, Surroundings(group))

    def writer(self, group: str = "group", **options: Value) -> Writer:
        """Return a new writer, which is closed with the stage."""
        writer = self.kind(group, **options).create()
        self._opened.append(writer)
        return writer

    def offsets(self, **options: Value) -> StoredOffsets:
        """Return what reads the offsets."""
        make = self.kind("group", **options).stored_offsets
        assert make is not None
        offsets = make()
        self._opened.append(offsets)
        return offsets

    def query(self, statement: str) -> Sequence[tuple[Any, ...]]:
        """Run a statement in a session of its own."""
        with closing(sqlite3.connect(self.path)) as connection, connection:
            return connection.execute(statement).fetchall()

    def column(self, name: str) -> list[Any]:
        """Return one column of the table, in the order of insertion."""
        return [row[0] for row in self.query(f'SELECT "{name}" FROM t ORDER BY rowid')]  # noqa: S608 -- our own name

    def stored(self) -> Mapping[TopicPartition, int]:
        """Return the offsets that are kept, of every group."""
        return {TopicPartition(*row[:2]): row[2] for row in self.query("SELECT topic, partition, next_offset FROM o")}

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Let somebody else write, and not come to an end with it."""
        with closing(sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield

    def close(self) -> None:
        """Close the writers."""
        for opened in self._opened:
            opened.close()


def write(writer: Writer, batch: Batch, within: float = 20.0) -> Result:
    """Write ``batch`` for the first time."""
    return writer.write(batch, 1, time.monotonic() + within)


def orders(first: int, stop: int, expected: int | None) -> Batch:
    """Return records of one partition, their values their offsets, with the offset that is expected in the table."""
    return Batch.of([chunk([b"%d" % n for n in range(first, stop)], offset=first)], {ORDERS: expected})
