"""What the options of a table writer declare: which table, which columns from where, which primary key. Pure.

What a writer does follows from what is given, so that no two settings can contradict each other:

=============================== ==========================================================================================
given                           what happens
=============================== ==========================================================================================
neither ``COLUMNS`` nor ``KEY`` *append*: each record is a row of :data:`APPENDED`, the value as ``VALUE`` says
``COLUMNS``                     *mapped*: each record is a row of those columns
``KEY``                         *upsert*: a record replaces the row that has the same primary key, a tombstone deletes it; of several
                                in a batch the last one counts. With ``COLUMNS`` or without
=============================== ==========================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sidecar.core.errors import ConfigurationError
from sidecar.writers.options import Option, Options, Value
from sidecar.writers.tables.columns import Column, checked_name, parse

APPENDED = (
    Column("topic", "@topic", "text"),
    Column("partition", "@partition", "integer"),
    Column("offset", "@offset", "bigint"),
    Column("timestamp", "@timestamp", "timestamptz"),
    Column("key", "@key", "bytea"),
    Column("value", "$", "bytea"),
    Column("headers", "@headers", "jsonb"),
)
"""The columns of a table that is appended to: a record as Kafka has it."""

OPTIONS: Options = {
    "table": Option("text", "", "required: the table, as `table` or `schema.table`"),
    "create": Option("switch", default=False, help="make the table, and that of the offsets, where they are missing"),
    "columns": Option(
        "text",
        "",
        "the columns from fields of the records, such as `id=$.id:bigint, name=$.user.name:text, at=@timestamp:timestamptz` (docs/writers/tables.md); "
        "unset: `topic`, `partition`, `offset`, `timestamp`, `key`, `value` and `headers`",
    ),
    "value": Option(
        "choice",
        "bytea",
        "the type of the column `value` where `columns` is unset: `bytea` takes anything",
        choices=("bytea", "text", "jsonb"),
    ),
    "key": Option(
        "text",
        "",
        "the columns of the primary key, separated by commas: rows are replaced by it, and deleted by tombstones; unset: rows are appended",
    ),
    "offsets_table": Option("text", "kafka_sidecar_offsets", "the table of the offsets, as `table` or `schema.table`"),
}
"""The options of each writer of tables."""


@dataclass(frozen=True, slots=True)
class Declared:
    """A table to write to: ``table`` and ``offsets_table`` as their parts (schema, if there is one, and name); ``key`` is empty unless rows are replaced."""

    table: tuple[str, ...]
    columns: tuple[Column, ...]
    key: tuple[Column, ...]
    offsets_table: tuple[str, ...]
    create: bool

    @property
    def needs_headers(self) -> bool:
        """Whether a column holds the records' headers."""
        return any(column.source == "@headers" for column in self.columns)


def declared(options: Mapping[str, Value]) -> Declared:
    """Return what ``options`` declare; raises ConfigurationError."""
    if not options["table"]:
        raise ConfigurationError("SIDECAR_WRITER__TABLE: required by this writer; name the table, as table or schema.table")
    columns = parse(str(options["columns"])) or _appended(str(options["value"]))
    if options["columns"] and options["value"] != OPTIONS["value"].default:
        raise ConfigurationError(
            "SIDECAR_WRITER__VALUE: it has no meaning beside SIDECAR_WRITER__COLUMNS; declare the value there, as value=$:jsonb"
        )
    return Declared(
        _parts("SIDECAR_WRITER__TABLE", str(options["table"])),
        columns,
        _key(str(options["key"]), columns),
        _parts("SIDECAR_WRITER__OFFSETS_TABLE", str(options["offsets_table"])),
        bool(options["create"]),
    )


def _appended(type_: str) -> tuple[Column, ...]:
    return tuple(Column("value", "$", type_) if column.source == "$" else column for column in APPENDED)


def _parts(setting: str, name: str) -> tuple[str, ...]:
    schema, dot, table = name.strip().rpartition(".")
    return (*([checked_name(setting, schema)] if dot else []), checked_name(setting, table))


def _key(names: str, columns: tuple[Column, ...]) -> tuple[Column, ...]:
    by_name = {column.name: column for column in columns}
    return tuple(_key_column(name.strip(), by_name) for name in names.split(",") if name.strip())


def _key_column(name: str, by_name: Mapping[str, Column]) -> Column:
    column = by_name.get(name)
    if column is None:
        raise ConfigurationError(f"SIDECAR_WRITER__KEY: {name!r} is none of the columns; they are {', '.join(by_name)}")
    if column.type in {"json", "jsonb"}:
        raise ConfigurationError(
            f"SIDECAR_WRITER__KEY: {name} is {column.type}, which cannot be compared; use another type for it"
        )
    return column
