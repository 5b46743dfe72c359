"""The types of columns: what a cell is in Python, and what a JSON value must be to become one. Pure.

====================== ========================= ===================================================================
type                   cell                      from a field of a JSON document
====================== ========================= ===================================================================
``smallint`` ``integer`` ``bigint`` int, in its range a whole number without fraction or exponent, in the range of the type
``real``, ``double precision`` float, finite     a number in the range of the type
``numeric``            ``Decimal``, finite       a number, or a string that holds one
``boolean``            bool                      ``true`` or ``false``
``text``               str                       a string
``json``, ``jsonb``    bytes, one JSON document  anything
``timestamptz``, ``timestamp`` int, µs since 1970 in UTC a string as of RFC 3339 with its time zone, or a whole number of ms since 1970
``date``               ``datetime.date``         a string ``2026-01-31``
``uuid``               ``uuid.UUID``             a string
``bytea``              bytes                     (only whole keys and values)
====================== ========================= ===================================================================

None is NULL in each of them. What a database refuses beyond that is its :class:`Limits`.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from operator import contains
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

Cells = Sequence[Any]
"""One column, a cell a row."""

Bad = dict[int, str]
"""Why a row cannot be written, by its index."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a database cannot take, wherever it comes from.

    ``takes_nul`` tells whether text and jsonb may hold U+0000; ``earliest`` and ``latest`` bound timestamps (µs since 1970, both included).
    """

    takes_nul: bool
    earliest: int
    latest: int


class Refused(ValueError):  # noqa: N818 -- what became of a cell, not a mistake
    """A cell that its column cannot take; the text says why and quotes nothing of it."""


_SMALLINT, _INTEGER, _BIGINT = 2**15, 2**31, 2**63
_GREATEST_REAL = 3.4028234663852886e38
_NUMERIC_DIGITS = (-16383, 131071)
"""How far PostgreSQL's numeric reaches after and before the decimal point, in digits."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY, _SECOND, _MILLISECOND = 86_400_000_000, 1_000_000, 1000


def _whole(half: int) -> Any:
    return Annotated[int, Meta(ge=-half, le=half - 1)]


TYPES: Mapping[str, Any] = {
    "smallint": _whole(_SMALLINT),
    "integer": _whole(_INTEGER),
    "bigint": _whole(_BIGINT),
    "real": Annotated[float, Meta(ge=-_GREATEST_REAL, le=_GREATEST_REAL)],
    "double precision": float,
    "numeric": Decimal,
    "boolean": bool,
    "text": str,
    "json": msgspec.Raw,
    "jsonb": msgspec.Raw,
    "timestamptz": Annotated[datetime, Meta(tz=True)] | _whole(_BIGINT),
    "timestamp": Annotated[datetime, Meta(tz=True)] | _whole(_BIGINT),
    "date": date,
    "uuid": UUID,
    "bytea": bytes,
}
"""The known types, each with what msgspec decodes a field of it to."""


def each(cells: Cells, convert: Callable[[Any], Any], bad: Bad) -> Cells:
    """Return ``convert`` of each cell, None of None; where it refuses one, note the row in ``bad`` and go on.

    A column in which nothing is unusual is converted by one ``map``, in C where ``convert`` is.
    """
    if None not in cells:
        try:
            return list(map(convert, cells))
        except _REFUSALS:
            pass  # the loop below finds which
    return [_one(row, cell, convert, bad) for row, cell in enumerate(cells)]


def _one(row: int, cell: Any, convert: Callable[[Any], Any], bad: Bad) -> Any:
    if cell is None:
        return None
    try:
        return convert(cell)
    except _REFUSALS as error:
        bad.setdefault(row, why(error))
        return None


_REFUSALS = (Refused, UnicodeDecodeError, msgspec.DecodeError, RecursionError)


def why(error: Exception) -> str:
    """Return the reason of a refusal. msgspec's tell the place and the types, never a value."""
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    if isinstance(error, RecursionError):
        return "its JSON is nested too deeply"
    return str(error)


def text(payloads: Cells, limits: Limits, bad: Bad) -> Cells:
    """Return payloads as text."""
    return checked_text(each(payloads, bytes.decode, bad), limits, bad)


def checked_text(cells: Cells, limits: Limits, bad: Bad) -> Cells:
    """Return text, without what the database cannot take."""
    if limits.takes_nul or not any(
        map(contains, filter(None, cells), itertools.repeat("\0"))
    ):  # joined, they would be there twice
        return cells
    return each(cells, _without_nul, bad)


def document(payloads: Cells, bad: Bad) -> Cells:
    """Return payloads that are JSON documents as they are."""
    each(payloads, _check_json, bad)
    return payloads


def checked_document(type_: str, cells: Cells, limits: Limits, bad: Bad) -> Cells:
    """Return valid JSON documents, without what the database cannot take in a column of ``type_``."""
    every = b"\n".join(filter(None, cells))
    if not every.isascii():
        each(cells, bytes.decode, bad)
    if type_ == "json" or limits.takes_nul or b"\\u0000" not in every:
        return cells
    return each(cells, _without_escaped_nul, bad)


def from_fields(type_: str, fields: Cells, limits: Limits, bad: Bad) -> Cells:
    """Return what msgspec has decoded (see :data:`TYPES`) as cells of ``type_``."""
    match type_:
        case "text":
            return checked_text(fields, limits, bad)
        case "json" | "jsonb":
            return checked_document(type_, list(map(_raw, fields)), limits, bad)
        case "timestamptz" | "timestamp":
            return times(each(fields, _micros, bad), limits, bad)
        case "numeric":
            return each(fields, _finite, bad)
        case _:
            return fields


def times(cells: Cells, limits: Limits, bad: Bad) -> Cells:
    """Return µs since 1970, without those that the database cannot take."""
    present = [cell for cell in cells if cell is not None]
    if not present or (limits.earliest <= min(present) and max(present) <= limits.latest):
        return cells
    return each(cells, lambda cell: _in_range(cell, limits), bad)


def _in_range(micros: int, limits: Limits) -> int:
    if limits.earliest <= micros <= limits.latest:
        return micros
    raise Refused("its time is farther away than the database can hold")


_check_json = msgspec.json.Decoder(msgspec.Raw).decode
_ESCAPED_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


def _without_nul(cell: str) -> str:
    if "\0" in cell:
        raise Refused("its text holds NUL (U+0000)")
    return cell


def _without_escaped_nul(cell: bytes) -> bytes:
    if _ESCAPED_NUL.search(cell):
        raise Refused("its JSON holds \\u0000")
    return cell


def _raw(field: msgspec.Raw | None) -> bytes | None:
    """Return the document of a field; ``null`` is NULL, as it is for every type."""
    content = b"null" if field is None else bytes(field)
    return None if content == b"null" else content


def _micros(field: datetime | int) -> int:
    if isinstance(field, int):
        return field * _MILLISECOND
    since = field - _EPOCH
    return since.days * _DAY + since.seconds * _SECOND + since.microseconds


def _finite(field: Decimal) -> Decimal:
    if not field.is_finite():
        raise Refused("its number is not finite")
    exponent = field.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < _NUMERIC_DIGITS[0] or field.adjusted() > _NUMERIC_DIGITS[1]:
        raise Refused("its number has more digits than numeric can hold")
    return field
