"""Accounted bytes against the allocator: what the limits promise is what the process takes."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import pytest

from sidecar.core.records import CHUNK_BYTES, Chunk, Headers, accounted_bytes, record_bytes
from tests.unit.core.examples import T0, chunk

RECORDS = 2_000
POLL = 100
FIRST = 10**12
"""Offsets and times too large for the interpreter's cache of small integers."""


class Shape(NamedTuple):
    """What the client makes of one record."""

    key: int | None
    value: int | None
    headers: int | None = None
    gaps: bool = True


def made(shape: Shape, first: int, count: int) -> Chunk:
    """Make a chunk of fresh objects, as a poll does."""
    stop = first + count
    keys = [None if shape.key is None else bytes(shape.key) for _ in range(count)]
    values = [None if shape.value is None else bytes(shape.value) for _ in range(count)]
    headers: list[Headers | None] | None = None
    if shape.headers is not None:
        headers = [[(f"header-{n}-{at}", bytes(16)) for n in range(shape.headers)] or None for at in range(count)]
    times = [FIRST + at for at in range(count)]
    offsets = [FIRST + 2 * at for at in range(first, stop)] if shape.gaps else range(FIRST + first, FIRST + stop)
    nbytes = CHUNK_BYTES + accounted_bytes(keys, values, headers)
    return Chunk(T0, 1, offsets, times, keys, values, headers, offsets[-1] + 1, nbytes, 0.0, 0)


def measured(make: Callable[[], list[Chunk]]) -> tuple[int, int]:
    """Return the memory that the allocator gave for what ``make`` makes, and what is accounted for it."""
    gc.collect()  # also gives back what the interpreter keeps for reuse, which would not be counted
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        chunks = make()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return after - before, sum(each.nbytes for each in chunks)


def polls(shape: Shape, count: int) -> Callable[[], list[Chunk]]:
    return lambda: [made(shape, first, count) for first in range(0, RECORDS, count)]


@pytest.mark.parametrize(
    "shape",
    [
        pytest.param(Shape(8, 40), id="small"),
        pytest.param(Shape(16, 256), id="ordinary"),
        pytest.param(Shape(16, 20_000), id="large"),
        pytest.param(Shape(8, 40, headers=1), id="small with a header"),
        pytest.param(Shape(16, 256, headers=3), id="ordinary with headers"),
        pytest.param(Shape(None, 256, headers=0), id="headers asked for, none there"),
    ],
)
def test_accounted_bytes_are_the_allocators_within_fifteen_percent(shape: Shape) -> None:
    real, accounted = measured(polls(shape, POLL))
    assert 0.85 * accounted <= real <= 1.1 * accounted


@pytest.mark.parametrize("shape", [Shape(None, 256), Shape(8, None), Shape(8, 40, gaps=False)])
def test_records_with_less_to_them_are_accounted_too_high_never_too_low(shape: Shape) -> None:
    real, accounted = measured(polls(shape, POLL))
    assert 0.6 * accounted <= real <= accounted


@pytest.mark.parametrize("run", [1, 2, 7])
def test_at_the_tail_where_runs_are_short_the_chunks_themselves_are_accounted_too(run: int) -> None:
    real, accounted = measured(polls(Shape(8, 40), run))
    assert 0.85 * accounted <= real <= 1.1 * accounted


def test_a_sampled_chunk_keeps_no_memory_of_the_records_that_were_left_out() -> None:
    real, accounted = measured(lambda: [each.pick(range(0, POLL, 10), 10) for each in polls(Shape(16, 20_000), POLL)()])
    assert accounted == RECORDS / 10 * (192 + 16 + 20_000) + RECORDS / POLL * CHUNK_BYTES
    assert real <= 1.1 * accounted


def test_the_bytes_of_the_records_add_up_to_those_of_their_chunk() -> None:
    headers: list[Headers | None] = [None, [("a", b"12"), ("bc", None)], []]
    whole = replace(chunk(T0, range(3), keys=[b"1", None, b"123"], values=[None, b"12345", b""], headers=headers), nbytes=1_500)
    sizes = list(record_bytes(whole))
    assert sum(sizes) == whole.nbytes
    assert sizes == [whole.slice(at, at + 1).nbytes for at in range(3)]
