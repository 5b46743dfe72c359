"""A batch as columns of cells, or the records that cannot become rows, by name. Pure.

Everything is done by the column: one pass over a whole column, in C where nothing is unusual. What a column cannot take is found
here where that is cheap, and costs just the record that holds it; the rest is found by the database.
"""

from __future__ import annotations

import base64
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from sidecar.core.records import UNREADABLE, Batch, Headers
from sidecar.core.results import FailureAction, Poison, RecordFailure
from sidecar.writers.tables import types
from sidecar.writers.tables.columns import Column
from sidecar.writers.tables.declared import Declared
from sidecar.writers.tables.documents import Documents
from sidecar.writers.tables.types import Bad, Cells, Limits

_to_json = msgspec.json.Encoder().encode
_NO_TIME = -1
_MILLISECOND = 1000


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a batch, one a record and in its order: the cells of each declared column; ``tombstones`` are the indexes of those without a value."""

    columns: tuple[Cells, ...]
    count: int
    tombstones: frozenset[int]


class RowMaker:
    """Makes rows as ``declared``, of what a database with ``limits`` can take."""

    def __init__(self, declared: Declared, limits: Limits) -> None:
        self._columns = declared.columns
        self._key = declared.key
        self._limits = limits
        self._documents = _documents(declared.columns)

    def rows(self, batch: Batch) -> Rows | Poison:
        """Return the rows of ``batch``, or its records that cannot become rows."""
        bad: Bad = {}
        payloads = _Payloads(batch)
        fields = {source: self._fields(source, payloads, bad) for source in self._documents}
        columns = tuple(self._cells(column, payloads, fields, bad) for column in self._columns)
        tombstones = payloads.tombstones()
        self._check_key(columns, tombstones, bad)
        return poison(batch, bad) if bad else Rows(columns, batch.records, tombstones)

    def _cells(
        self, column: Column, payloads: _Payloads, fields: Mapping[str, Mapping[tuple[str, ...], Cells]], bad: Bad
    ) -> Cells:
        mine: Bad = {}
        cells = self._converted(column, payloads, fields, mine)
        _note(f"column {column.name}", mine, bad)
        return cells

    def _fields(self, source: str, payloads: _Payloads, bad: Bad) -> Mapping[tuple[str, ...], Cells]:
        mine: Bad = {}
        fields = self._documents[source].columns(payloads[source], mine)
        _note("the value" if source == "$" else "the key", mine, bad)
        return fields

    def _converted(
        self, column: Column, payloads: _Payloads, fields: Mapping[str, Mapping[tuple[str, ...], Cells]], bad: Bad
    ) -> Cells:
        if column.path:
            return types.from_fields(column.type, fields[column.source][column.path], self._limits, bad)
        cells = payloads[column.source]
        match column.source:
            case "@timestamp":
                return cells if column.type == "bigint" else types.times(_micros(cells), self._limits, bad)
            case "@headers":
                return types.checked_document(column.type, cells, self._limits, bad)
            case "@key" | "$":
                return self._whole(column.type, cells, bad)
            case _:
                return cells

    def _whole(self, type_: str, payloads: Cells, bad: Bad) -> Cells:
        match type_:
            case "bytea":
                return payloads
            case "text":
                return types.text(payloads, self._limits, bad)
            case _:
                return types.checked_document(type_, types.document(payloads, bad), self._limits, bad)

    def _check_key(self, columns: Sequence[Cells], tombstones: frozenset[int], bad: Bad) -> None:
        for column in self._key:
            cells = columns[self._columns.index(column)]
            if None in cells:
                for row in (row for row, cell in enumerate(cells) if cell is None):
                    bad.setdefault(row, _no_key(column, tombstone=row in tombstones))


def poison(batch: Batch, bad: Mapping[int, str]) -> Poison:
    """Return the rows of ``bad`` (never empty) as records of ``batch`` that are refused by name."""
    named = tuple(
        RecordFailure(chunk.tp, chunk.offsets[row - first], FailureAction.REJECT, bad[row])
        for chunk, first in zip(batch.chunks, itertools.accumulate(map(len, batch.chunks), initial=0), strict=False)
        for row in range(first, first + len(chunk))
        if row in bad
    )
    return Poison(named[0].error, named)


class _Payloads:
    """The columns of a batch across its chunks, by source, each made when it is first asked for."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._made: dict[str, Cells] = {}

    def __getitem__(self, source: str) -> Cells:
        if source not in self._made:
            self._made[source] = self._joined(source)
        return self._made[source]

    def tombstones(self) -> frozenset[int]:
        values = self["$"]
        return frozenset(row for row, value in enumerate(values) if value is None) if None in values else frozenset()

    def _joined(self, source: str) -> Cells:
        chunks = self._batch.chunks
        parts: Iterable[Cells]
        match source:
            case "@topic":
                parts = ([chunk.tp.topic] * len(chunk) for chunk in chunks)
            case "@partition":
                parts = ([chunk.tp.partition] * len(chunk) for chunk in chunks)
            case "@offset":
                parts = (chunk.offsets for chunk in chunks)
            case "@timestamp":
                parts = (_times(chunk.timestamps) for chunk in chunks)
            case "@key":
                parts = (chunk.keys for chunk in chunks)
            case "@headers":
                parts = (_headers(chunk.headers, len(chunk)) for chunk in chunks)
            case _:
                parts = (chunk.values for chunk in chunks)
        return list(itertools.chain.from_iterable(parts))


def _documents(columns: Sequence[Column]) -> Mapping[str, Documents]:
    """Return what decodes each source that fields are taken from."""
    fields: dict[str, dict[tuple[str, ...], str]] = {}
    for column in columns:
        if column.path:
            fields.setdefault(column.source, {})[column.path] = column.type
    return {source: Documents(paths) for source, paths in fields.items()}


def _note(where: str, refused: Bad, bad: Bad) -> None:
    """Add to ``bad`` what was refused, unless the row is bad already."""
    for row, reason in refused.items():
        bad.setdefault(row, f"{where}: {reason}")


def _times(timestamps: Sequence[int]) -> Cells:
    return [None if ms == _NO_TIME else ms for ms in timestamps] if _NO_TIME in timestamps else timestamps


def _micros(cells: Cells) -> Cells:
    return [None if ms is None else ms * _MILLISECOND for ms in cells]


def _headers(headers: Sequence[Headers | None] | None, count: int) -> Cells:
    if headers is None or not (any(headers) or any(entry is UNREADABLE for entry in headers)):
        return [None] * count
    return [_header_document(entry) for entry in headers]


def _header_document(headers: Headers | None) -> bytes | None:
    """Return headers as JSON; those that the client could not decode as ``[{"unreadable": true}]``."""
    if headers is UNREADABLE:
        return b'[{"unreadable":true}]'
    return _to_json([_header(key, value) for key, value in headers]) if headers else None


def _header(key: str, value: bytes | None) -> Mapping[str, Any]:
    """Return one header; a value that text cannot be (not UTF-8, or with NUL, which databases refuse) is in base64."""
    try:
        text = None if value is None else value.decode()
    except UnicodeDecodeError:
        text = "\0"
    if text is not None and value is not None and "\0" in text:
        return {"key": key, "value_base64": base64.b64encode(value).decode()}
    return {"key": key, "value": text}


def _no_key(column: Column, *, tombstone: bool) -> str:
    if tombstone and column.source == "$":
        return f"a tombstone has no value to take column {column.name} of the primary key from; take it from @key"
    return f"column {column.name} of the primary key is NULL"
