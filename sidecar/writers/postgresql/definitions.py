"""The DDL of the tables: for ``kafka-sidecar check --ddl``, and for ``SIDECAR_WRITER__CREATE``. Pure.

A table that is appended to has no primary key: with exactly-once it would only cost time (a plain one 1.6 to 1.8 times that of the rows).
"""

from __future__ import annotations

from collections.abc import Sequence

from psycopg.sql import SQL, Composed, Identifier

from sidecar.writers.tables.columns import Column
from sidecar.writers.tables.declared import Declared

OFFSETS = (
    Column("consumer_group", "", "text"),
    Column("topic", "", "text"),
    Column("partition", "", "integer"),
    Column("next_offset", "", "bigint"),
    Column("updated_at", "", "timestamptz"),
)
"""The columns of the table of offsets; ``updated_at`` is for people."""

OFFSETS_KEY = OFFSETS[:3]


def table(declared: Declared) -> Composed:
    """Return the statement that makes the table."""
    columns = [_column(column, required=False) for column in declared.columns]
    return _create(declared.table, [*columns, *([_primary_key(declared.key)] if declared.key else [])])


def offsets(declared: Declared) -> Composed:
    """Return the statement that makes the table of offsets, with room in its pages: each flush changes its rows."""
    columns = [_column(column, required=True) for column in OFFSETS]
    columns[-1] += SQL(" DEFAULT now()")
    return SQL("{} WITH (fillfactor = 50)").format(_create(declared.offsets_table, [*columns, _primary_key(OFFSETS_KEY)]))


def script(declared: Declared) -> str:
    """Return both for people to run."""
    return "".join(f"{statement.as_string()};\n" for statement in (table(declared), offsets(declared)))


def _create(name: Sequence[str], items: Sequence[Composed]) -> Composed:
    return SQL("CREATE TABLE IF NOT EXISTS {} (\n  {}\n)").format(Identifier(*name), SQL(",\n  ").join(items))


def _column(column: Column, *, required: bool) -> Composed:
    return SQL("{} {}{}").format(Identifier(column.name), SQL(column.type), SQL(" NOT NULL" if required else ""))


def _primary_key(columns: Sequence[Column]) -> Composed:
    return SQL("PRIMARY KEY ({})").format(SQL(", ").join(Identifier(column.name) for column in columns))
