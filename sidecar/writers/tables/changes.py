"""Rows with a primary key: what to insert or replace, what to delete. Pure.

Of several rows with the same key the last one counts, so each key is in one of both at most once, and their order does not matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sidecar.writers.tables.rows import Rows
from sidecar.writers.tables.types import Cells


@dataclass(frozen=True, slots=True)
class Changes:
    """``upserts`` has all columns, ``deletes`` those of the key alone; both may have no row. ``upserted`` and ``deleted`` are the records that they are of."""

    upserts: tuple[Cells, ...]
    deletes: tuple[Cells, ...]
    upserted: Sequence[int]
    deleted: Sequence[int]


def changes(rows: Rows, key: Sequence[int]) -> Changes:
    """Return what ``rows`` come to, by the primary key in the columns ``key`` (indexes, none of their cells None)."""
    keys = zip(*(rows.columns[column] for column in key), strict=True)
    last = list(dict(zip(keys, range(rows.count), strict=True)).values())
    upserted = last if not rows.tombstones else [row for row in last if row not in rows.tombstones]
    deleted = [row for row in last if row in rows.tombstones] if rows.tombstones else []
    return Changes(
        tuple(_picked(cells, upserted, rows.count) for cells in rows.columns),
        tuple(_picked(rows.columns[column], deleted, rows.count) for column in key),
        upserted,
        deleted,
    )


def _picked(cells: Cells, rows: Sequence[int], count: int) -> Cells:
    return cells if len(rows) == count else [cells[row] for row in rows]
