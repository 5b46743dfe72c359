"""What the registry finds by the entry point ``postgresql``."""

from __future__ import annotations

from collections.abc import Mapping

from sidecar.writers.options import Value
from sidecar.writers.postgresql import definitions
from sidecar.writers.postgresql.connection import Address
from sidecar.writers.postgresql.database import Database
from sidecar.writers.postgresql.offsets import PostgresqlOffsets
from sidecar.writers.postgresql.writer import PostgresqlWriter
from sidecar.writers.protocol import Scheme, Surroundings, WriterKind
from sidecar.writers.tables.declared import OPTIONS, declared


def kind(url: str, options: Mapping[str, Value], surroundings: Surroundings) -> WriterKind:
    """Return the writer for ``url``; raises ConfigurationError."""
    database = Database(Address(url), declared(options))
    return WriterKind(
        f"{database.address.name} table {'.'.join(database.declared.table)}",
        lambda: PostgresqlWriter(database, surroundings.group),
        max_in_flight=None,
        needs_headers=database.declared.needs_headers,
        stored_offsets=lambda: PostgresqlOffsets(database, surroundings.group),
        ddl=lambda: definitions.script(database.declared),
    )


SCHEME = Scheme("postgresql://user@host:5432/database", OPTIONS, kind)
"""The entry point's object."""
