"""What a flush takes beside its records, against the allocator: what the memory number holds ready for it is enough, whatever is in the records."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from sidecar.core.records import Batch, Headers
from sidecar.core.results import Delivered
from sidecar.settings.memory import SERIALISED
from sidecar.writers import http_bodies, registry
from sidecar.writers.http_requests import COMPRESSIONS
from sidecar.writers.options import Value
from sidecar.writers.pieces import PIECE
from sidecar.writers.postgresql import binary
from sidecar.writers.tables.changes import changes
from sidecar.writers.tables.declared import OPTIONS, declared
from sidecar.writers.tables.rows import RowMaker, Rows
from tests.contract.batches import chunk

WORK = 8 * PIECE
"""What the work on one piece may take, in bytes, however large the batch is."""

EMOJI = "\N{PARTY POPPER}".encode()
"""One of these makes Python keep four bytes for each character of a text."""

VALUES: Mapping[str, Callable[[int], bytes]] = {
    "json": lambda size: b'{"a":"%b"}' % bytes(b"x" * size),
    "text with an emoji": lambda size: EMOJI + b"x" * size,
    "control characters": lambda size: b"\1" * size,
    "binary": lambda size: b"\xff" * size,
}


def records(value: str, size: int, count: int) -> Batch:
    """Return ``count`` records with keys of their own and no headers; each value is an object of its own, as the client makes them."""
    keys = [b"%d" % number for number in range(count)]
    return Batch.of([chunk([VALUES[value](size) for _ in range(count)], keys=keys, headers=[None] * count)])


def with_headers(content: bytes, each: int, count: int) -> Batch:
    headers: Sequence[Headers] = [[(f"header-{number}", content) for number in range(each)]] * count
    return Batch.of([chunk([b"{}"] * count, keys=[content * 4] * count, headers=headers)])


SMALL = {f"{value} of 1 KiB": records(value, 1024, 2048) for value in VALUES}
LARGE = {f"{value} of 1 MiB": records(value, 2**20, 4) for value in VALUES}
ALONE = {f"{value} of 5 MB, alone": records(value, 5_000_000, 1) for value in VALUES}
HEADERS = {
    "many small headers": with_headers(b"", 40, 500),
    "headers and keys of control characters": with_headers(b"\1" * 1000, 10, 400),
}
ANY = SMALL | LARGE | ALONE | HEADERS
TEXTS = {name: batch for name, batch in (SMALL | LARGE).items() if not name.startswith("binary")}


def of(batches: Mapping[str, Batch]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("batch", batches.values(), ids=batches)


def most_taken(work: Callable[[], object]) -> int:
    """Return the most that the allocator had given out while ``work`` was done, with what it returns."""
    tracemalloc.start()
    try:
        kept = work()
        _, most = tracemalloc.get_traced_memory()
        del kept
    finally:
        tracemalloc.stop()
    return most


def share(batch: Batch) -> int:
    """Return what the memory number has for a flush of ``batch``."""
    return SERIALISED * batch.nbytes + WORK


@pytest.mark.parametrize(
    ("body", "compression"),
    [("ndjson", "none"), ("ndjson", "gzip"), ("json", "none"), ("values", "none"), ("cloudevents", "none")],
)
@of(ANY)
def test_a_request_is_within_its_share(batch: Batch, body: str, compression: str) -> None:
    encode, compress = http_bodies.of_batches("/kafka", "record")[body].encode, COMPRESSIONS[compression]

    def request() -> object:
        pieces = encode(batch)
        return compress(pieces) if isinstance(pieces, Sequence) else pieces

    assert most_taken(request) <= share(batch)


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
@of(ANY)
def test_what_is_appended_to_a_file_is_within_its_share(batch: Batch, compression: str, tmp_path: Path) -> None:
    writer = registry.kind(f"file://{tmp_path}/out.ndjson", {"compression": compression}).create()
    assert most_taken(lambda: writer.write(batch, 1, time.monotonic() + 60)) <= share(batch)


@pytest.mark.parametrize("type_", ["text", "bytea"])
@of(TEXTS)
def test_what_is_copied_into_postgresql_is_within_its_share(batch: Batch, type_: str) -> None:
    maker, types = table(f"v=$:{type_}")

    def copy() -> object:
        rows = maker.rows(batch)
        assert isinstance(rows, Rows)
        for _ in binary.copy_pieces(types, rows.columns):
            pass
        return rows

    assert most_taken(copy) <= share(batch)


@of(TEXTS)
def test_what_is_upserted_into_postgresql_is_within_its_share(batch: Batch) -> None:
    maker, types = table("k=@key:text, v=$:text", key="k")

    def arrays() -> object:
        rows = maker.rows(batch)
        assert isinstance(rows, Rows)
        return rows, [binary.array(type_, cells) for type_, cells in zip(types, changes(rows, [0]).upserts, strict=True)]

    assert most_taken(arrays) <= share(batch)


@pytest.mark.parametrize("type_", ["text", "bytea"])
@of(TEXTS)
def test_what_is_inserted_into_sqlite_is_within_its_share(batch: Batch, type_: str, tmp_path: Path) -> None:
    options: Mapping[str, Value] = {"table": "t", "create": True, "columns": f"v=$:{type_}"}
    writer = registry.kind(f"sqlite://{tmp_path}/out.db", options).create()

    def write() -> object:
        result = writer.write(batch, 1, time.monotonic() + 60)
        assert isinstance(result, Delivered)
        return result

    try:
        assert most_taken(write) <= share(batch)
    finally:
        writer.close()


def table(columns: str, key: str = "") -> tuple[RowMaker, Sequence[str]]:
    chosen = {name: option.default for name, option in OPTIONS.items()} | {"table": "t", "columns": columns, "key": key}
    target = declared(chosen)
    return RowMaker(target, binary.LIMITS), [column.type for column in target.columns]
