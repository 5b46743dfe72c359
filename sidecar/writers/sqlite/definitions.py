"""The DDL of the tables: for ``kafka-sidecar check --ddl``, and for ``SIDECAR_WRITER__CREATE``. Pure.

Tables are ``STRICT``, so a column holds what it says. (SQLite < 3.37 does not know that word; it also takes tables that were made without.)
"""

from __future__ import annotations

from collections.abc import Sequence

from sidecar.writers.sqlite.cells import STORED
from sidecar.writers.sqlite.statements import NOW, quoted
from sidecar.writers.tables.columns import Column
from sidecar.writers.tables.declared import Declared

OFFSETS = (
    Column("consumer_group", "", "text"),
    Column("topic", "", "text"),
    Column("partition", "", "integer"),
    Column("next_offset", "", "bigint"),
    Column("updated_at", "", "text"),
)
"""The columns of the table of offsets; ``updated_at`` is for people."""

OFFSETS_KEY = OFFSETS[:3]


def table(declared: Declared) -> str:
    """Return the statement that makes the table."""
    columns = [f"{quoted(column.name)} {STORED[column.type]}" for column in declared.columns]
    return _create(declared.table, [*columns, *([_primary_key(declared.key)] if declared.key else [])], "STRICT")


def offsets(declared: Declared) -> str:
    """Return the statement that makes the table of offsets."""
    columns = [f"{quoted(column.name)} {STORED[column.type]} NOT NULL" for column in OFFSETS]
    columns[-1] += f" DEFAULT ({NOW})"
    return _create(declared.offsets_table, [*columns, _primary_key(OFFSETS_KEY)], "STRICT, WITHOUT ROWID")


def script(declared: Declared) -> str:
    """Return both for people to run."""
    return f"{table(declared)};\n{offsets(declared)};\n"


def _create(name: Sequence[str], items: Sequence[str], options: str) -> str:
    return "CREATE TABLE IF NOT EXISTS {} (\n  {}\n) {}".format(quoted(name[-1]), ",\n  ".join(items), options)


def _primary_key(columns: Sequence[Column]) -> str:
    return f"PRIMARY KEY ({', '.join(quoted(column.name) for column in columns)})"
