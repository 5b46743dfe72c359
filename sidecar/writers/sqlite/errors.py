"""What SQLite's errors mean, by their primary code (https://sqlite.org/rescode.html). Pure.

=================================== ========== ===============================================================================
code                                result     why
=================================== ========== ===============================================================================
``BUSY`` ``LOCKED`` ``PROTOCOL``    Retriable  another connection writes to the file, and goes on doing so past our time
``INTERRUPT``                       Retriable  the deadline has passed: we end the statement ourselves
``SCHEMA`` ``ABORT``                Retriable  the tables were changed while we wrote
``FULL``                            Systemic   the disk, or the file, is full
``IOERR`` ``NOLFS``                 Systemic   the disk's own trouble
``READONLY`` ``PERM`` ``AUTH``      Systemic   we may not write
``CANTOPEN``                        Systemic   no such file or folder
``CORRUPT`` ``NOTADB`` ``FORMAT``   Systemic   the file is damaged, or none of SQLite's
``NOMEM`` ``INTERNAL``              Systemic   no memory, or a defect of SQLite's
``ERROR``                           Systemic   no such table or column
``CONSTRAINT`` ``MISMATCH``         Poison     a row that violates a constraint, or does not fit a column of a ``STRICT`` table
``TOOBIG``                          Poison     a value above SQLite's limit (1 GB unless it was built otherwise)
anything else                       Retriable  unknown; nothing is lost by a repeat, and the breaker sees it
=================================== ========== ===============================================================================

What SQLite says can quote what a trigger or an expression was given. So a reason holds its names alone (of the code, of the table or columns
that it could not find, or of the constraint), and its own words go only into :class:`~sidecar.core.results.Said`.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping

from sidecar.core.records import Batch
from sidecar.core.results import LONGEST_TEXT, Poison, Result, Retriable, Said, Systemic
from sidecar.writers.tables.rows import poison

Meaning = type[Retriable] | type[Systemic] | type[Poison]

MEANINGS: Mapping[str, tuple[Meaning, str]] = {
    "BUSY": (Retriable, "another connection writes to it"),
    "LOCKED": (Retriable, "another connection writes to it"),
    "PROTOCOL": (Retriable, "another connection writes to it"),
    "INTERRUPT": (Retriable, "it took longer than the flush may"),
    "SCHEMA": (Retriable, "its tables were changed meanwhile"),
    "ABORT": (Retriable, "its tables were changed meanwhile"),
    "FULL": (Systemic, "the disk is full"),
    "IOERR": (Systemic, "the disk fails"),
    "NOLFS": (Systemic, "the disk cannot hold so large a file"),
    "READONLY": (Systemic, "it may not be written to"),
    "PERM": (Systemic, "it may not be written to"),
    "AUTH": (Systemic, "it may not be written to"),
    "CANTOPEN": (Systemic, "it cannot be opened"),
    "CORRUPT": (Systemic, "it is damaged"),
    "NOTADB": (Systemic, "it is no SQLite database"),
    "FORMAT": (Systemic, "it is no SQLite database"),
    "NOMEM": (Systemic, "there is no memory"),
    "INTERNAL": (Systemic, "SQLite itself fails"),
    "ERROR": (Systemic, "a statement cannot be run"),
    "CONSTRAINT": (Poison, "a row violates a constraint"),
    "MISMATCH": (Poison, "a row does not fit its columns"),
    "TOOBIG": (Poison, "a value is too large"),
}
"""By primary code: the result, and words for it."""

_NAMES: Mapping[int, str] = {getattr(sqlite3, f"SQLITE_{name}"): name for name in MEANINGS}
_PRIMARY = 0xFF
_SAFE = re.compile(r"(no such (?:table|column): |\w+ constraint failed: |table \S+ has no column named )[\w$ ,.-]+")


def result_of(error: sqlite3.Error, batch: Batch, row: int | None) -> Result:
    """Return what ``error`` means for ``batch``, whose record ``row`` it was about, if that is known."""
    reason, said = named(error), Said(_code(error), str(error)[:LONGEST_TEXT])
    match meaning(error):
        case kind if kind is Poison:
            return Poison(reason, () if row is None else poison(batch, {row: reason}).named, said)
        case kind if kind is Systemic:
            return Systemic(reason)
    return Retriable(reason, said=said)


def meaning(error: sqlite3.Error) -> Meaning:
    """Return what ``error`` means, by the table."""
    return MEANINGS.get(_primary(error), (Retriable, ""))[0]


def named(error: sqlite3.Error) -> str:
    """Return what went wrong by names alone: never a value."""
    words = MEANINGS.get(_primary(error), (Retriable, "unknown error"))[1]
    safe = _SAFE.fullmatch(str(error))
    return f"SQLite: {words} ({_code(error)}{f': {safe[0]}' if safe else ''})"


def _primary(error: sqlite3.Error) -> str:
    return _NAMES.get(getattr(error, "sqlite_errorcode", -1) & _PRIMARY, "")


def _code(error: sqlite3.Error) -> str:
    """Return the code's full name; Python does not know those of newer SQLites."""
    name = getattr(error, "sqlite_errorname", "unknown")
    return name if name != "unknown" else f"SQLITE_{_primary(error) or 'UNKNOWN'}"
