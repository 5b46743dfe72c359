"""What PostgreSQL's errors mean, by their SQLSTATE. Pure.

The first line that fits counts; the classes are those of PostgreSQL's appendix "Error Codes".

================================ ========== ==================================================================================
SQLSTATE                         result     why
================================ ========== ==================================================================================
(none)                           Retriable  the connection was lost, or nothing was answered in time; if COMMIT was on its way, the
                                            retry finds the offsets written, and counts that as delivered
``40xxx``                        Retriable  serialization failure, deadlock: the database asks for a repeat
``55P03``, ``57014``             Retriable  a lock, or the statement, took longer than the flush may
``55xxx``                        Retriable  something is in use by others
``57P01`` ``57P02`` ``57P05`` ``25P03`` Retriable the session was ended: by an administrator, a crash, a time limit
``57P03``                        Systemic   the server starts up, or shuts down
``53xxx``                        Systemic   disk full, out of memory, too many connections
``25006``                        Systemic   a standby, or a server set to read-only; the next attempt looks for another
``08xxx``                        Systemic   no connection; ``08P01`` in COPY: the types of the columns are not those that are declared
``3Dxxx`` ``3Fxxx`` ``28xxx``    Systemic   no such database or schema, or it does not let us in
``42xxx``                        Systemic   no such table or column, no such privilege, a type that does not fit
``22P03`` ``22P04``              Systemic   the types of the columns are not those that are declared
``22xxx`` ``23xxx`` ``44xxx``    Poison     data that a column cannot take, a constraint that a row violates
``21xxx`` ``54xxx`` ``P0xxx``    Poison     a row too large for its index, JSON too deep, a trigger that refuses
``58xxx`` ``XXxxx`` ``F0xxx``    Systemic   the server's own trouble: I/O, corruption
anything else                    Retriable  unknown; nothing is lost by a repeat, and the breaker sees it
================================ ========== ==================================================================================

For poison, COPY tells the row in its error's context; then the record is named, and nothing has to be bisected. What the server says
can quote a row. So a reason holds names alone (the SQLSTATE's, of constraint, table and column), and the server's own words go only
into :class:`~sidecar.core.results.Said`.
"""

from __future__ import annotations

import re

import psycopg
from psycopg import errors

from sidecar.core.records import Batch
from sidecar.core.results import LONGEST_TEXT, Poison, Result, Retriable, Said, Systemic
from sidecar.writers.tables.rows import poison

Meaning = type[Retriable] | type[Systemic] | type[Poison]

_MEANINGS: tuple[tuple[str, Meaning], ...] = (
    ("40", Retriable),
    ("55", Retriable),
    ("57014", Retriable),
    ("57P01", Retriable),
    ("57P02", Retriable),
    ("57P05", Retriable),
    ("25P03", Retriable),
    ("57P03", Systemic),
    ("53", Systemic),
    ("25006", Systemic),
    ("08", Systemic),
    ("3D", Systemic),
    ("3F", Systemic),
    ("28", Systemic),
    ("42", Systemic),
    ("22P03", Systemic),
    ("22P04", Systemic),
    ("22", Poison),
    ("23", Poison),
    ("44", Poison),
    ("21", Poison),
    ("54", Poison),
    ("P0", Poison),
    ("58", Systemic),
    ("XX", Systemic),
    ("F0", Systemic),
)

READ_ONLY = "25006"


def meaning(sqlstate: str | None) -> Meaning:
    """Return what ``sqlstate`` means, by the table."""
    return next((result for begin, result in _MEANINGS if sqlstate and sqlstate.startswith(begin)), Retriable)


def result_of(error: psycopg.Error, batch: Batch, table: str, *, timed_out: bool) -> Result:
    """Return what ``error`` means for ``batch``, which was written to ``table``; ``timed_out`` tells that the deadline has passed."""
    reason = named(error, timed_out=timed_out)
    said = Said(error.sqlstate or "", (error.diag.message_primary or "")[:LONGEST_TEXT])
    kind = meaning(error.sqlstate)
    if kind is Poison:
        row = copied_row(error.diag.context, table)
        known = row is not None and row < batch.records
        return Poison(reason, poison(batch, {row: reason}).named if known and row is not None else (), said)
    return Systemic(reason) if kind is Systemic else Retriable(reason, said=said)


def named(error: psycopg.Error, *, timed_out: bool) -> str:
    """Return what went wrong by names alone: never a value, never an address."""
    if error.sqlstate is None:
        return "PostgreSQL did not answer in time" if timed_out else "the connection to PostgreSQL was lost"
    diag = error.diag
    names = (("constraint", diag.constraint_name), ("table", diag.table_name), ("column", diag.column_name))
    about = "".join(f", {what} {name}" for what, name in names if name)
    return f"PostgreSQL: {_words(error.sqlstate)} ({error.sqlstate}){about}"


def copied_row(context: str | None, table: str) -> int | None:
    """Return the row (from 0) that COPY was at, None where the context does not tell (another statement's, another language's)."""
    found = re.match(rf"COPY {re.escape(table)}, line (\d+)", context or "")
    return int(found[1]) - 1 if found else None


def _words(sqlstate: str) -> str:
    """Return the name of an error, such as ``unique violation``."""
    try:
        name = errors.lookup(sqlstate).__name__
    except KeyError:
        return "error"
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()
