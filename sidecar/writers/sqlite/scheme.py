"""What the registry finds by the entry point ``sqlite``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sidecar.core.errors import ConfigurationError
from sidecar.writers.options import Value
from sidecar.writers.protocol import Scheme, Surroundings, WriterKind
from sidecar.writers.sqlite import definitions
from sidecar.writers.sqlite.database import Database
from sidecar.writers.sqlite.offsets import SqliteOffsets
from sidecar.writers.sqlite.writer import SqliteWriter
from sidecar.writers.tables.declared import OPTIONS, Declared, declared


def kind(url: str, options: Mapping[str, Value], surroundings: Surroundings) -> WriterKind:
    """Return the writer for ``url``; raises ConfigurationError."""
    database = Database(_path(url), _checked(declared(options)))
    return WriterKind(
        f"{database.name} table {database.declared.table[-1]}",
        lambda: SqliteWriter(database, surroundings.group),
        max_in_flight=1,  # a file has one writer at a time
        needs_headers=database.declared.needs_headers,
        stored_offsets=lambda: SqliteOffsets(database, surroundings.group),
        ddl=lambda: definitions.script(database.declared),
    )


def _path(url: str) -> Path:
    parts = urlsplit(url)
    path = unquote(parts.path)
    whole = parts.netloc in ("", "localhost") and path.startswith("/") and not path.endswith("/") and "\0" not in path
    if not whole or parts.query or parts.fragment:
        raise ConfigurationError(
            "SIDECAR_WRITER__URL: a file is named by its absolute path and nothing else; write sqlite:///var/data/orders.db"
        )
    return Path(path)


def _checked(tables: Declared) -> Declared:
    """Refuse names that SQLite would not tell apart, or keeps for itself."""
    for setting, parts in (("TABLE", tables.table), ("OFFSETS_TABLE", tables.offsets_table)):
        if len(parts) > 1:
            raise ConfigurationError(f"SIDECAR_WRITER__{setting}: SQLite has no schemas; name the table alone: {parts[-1]}")
        if parts[-1].lower().startswith("sqlite_"):
            raise ConfigurationError(
                f"SIDECAR_WRITER__{setting}: SQLite keeps names that begin with sqlite_ for itself; use another"
            )
    if tables.table[-1].lower() == tables.offsets_table[-1].lower():
        raise ConfigurationError("SIDECAR_WRITER__OFFSETS_TABLE: it is the table of the records; name another")
    if repeated := _repeated([column.name.lower() for column in tables.columns]):
        raise ConfigurationError(
            f"SIDECAR_WRITER__COLUMNS: to SQLite {repeated} is one column whatever its case; give the others another name"
        )
    if inexact := next((column.name for column in tables.key if column.type == "numeric"), None):
        raise ConfigurationError(
            f"SIDECAR_WRITER__KEY: {inexact} is numeric, which SQLite keeps as text, so 1.5 and 1.50 would be two keys; use bigint or text"
        )
    return tables


def _repeated(names: Sequence[str]) -> str | None:
    return next((name for name in names if names.count(name) > 1), None)


SCHEME = Scheme("sqlite:///path/file.db", OPTIONS, kind)
"""The entry point's object."""
