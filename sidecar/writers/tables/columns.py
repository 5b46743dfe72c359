"""One declared column: ``name = source : type``. Pure.

======================== ================================================ ==========================================
source                   what it holds                                    types
======================== ================================================ ==========================================
``@topic``               the topic's name                                 ``text``
``@partition``           its number                                       ``smallint``, ``integer``, ``bigint``
``@offset``              the record's offset                              ``bigint``
``@timestamp``           its time; NULL where Kafka has none              ``timestamptz``, ``timestamp``, ``bigint`` (ms)
``@key``                 the whole key; NULL where there is none          ``bytea``, ``text``, ``json``, ``jsonb``
``@key.a.b``             field ``b`` of field ``a`` of a key that is JSON all but ``bytea``
``$``                    the whole value; NULL for a tombstone            ``bytea``, ``text``, ``json``, ``jsonb``
``$.a.b``                field ``b`` of field ``a`` of a JSON value       all but ``bytea``
``@headers``             an array of ``{"key", "value"}``, NULL for none  ``json``, ``jsonb``
======================== ================================================ ==========================================

Names of fields stand for themselves; one that holds a dot, a comma, a colon or white space cannot be named.
A field that is absent or ``null`` is NULL. Each field of a document can be named once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sidecar.core.errors import ConfigurationError
from sidecar.writers.tables.types import TYPES

_SETTING = "SIDECAR_WRITER__COLUMNS"
_DECLARATION = re.compile(r"(?P<name>[^=]*)=(?P<source>[^:]*):(?P<type>.*)", re.DOTALL)
_DOCUMENTS = ("$", "@key")
_WHOLE = ("bytea", "text", "json", "jsonb")

_FIELD_TYPES = tuple(name for name in TYPES if name != "bytea")
_TYPES_OF: Mapping[str, Sequence[str]] = {
    "@topic": ("text",),
    "@partition": ("smallint", "integer", "bigint"),
    "@offset": ("bigint",),
    "@timestamp": ("timestamptz", "timestamp", "bigint"),
    "@key": _WHOLE,
    "$": _WHOLE,
    "@headers": ("json", "jsonb"),
}

_NAME = re.compile(r"[^\W\d][\w$-]*")
_LONGEST_NAME = 63
"""PostgreSQL cuts longer names off, in bytes."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column ``name`` of ``type``, from ``source`` (see the module); ``path`` are the names of the field in it, if it is one."""

    name: str
    source: str
    type: str
    path: tuple[str, ...] = ()


def parse(declarations: str) -> tuple[Column, ...]:
    """Return the columns of ``declarations``, separated by commas; raises ConfigurationError."""
    columns = tuple(map(_column, filter(str.strip, declarations.split(","))))
    if repeated := next(_repeats([column.name for column in columns]), None):
        raise ConfigurationError(f"{_SETTING}: the column {repeated!r} is declared twice; declare it once")
    for document in _DOCUMENTS:
        _check_fields([column.path for column in columns if column.source == document and column.path])
    return columns


def checked_name(setting: str, name: str) -> str:
    """Return ``name`` when it can be the name of a table or a column; raises ConfigurationError, which names ``setting``."""
    if not _NAME.fullmatch(name) or len(name.encode()) > _LONGEST_NAME:
        raise ConfigurationError(
            f"{setting}: {name[:80]!r} is no name for a table or a column: use letters, digits, '_', '$' and '-', "
            f"a letter or '_' first, {_LONGEST_NAME} bytes at most (names are quoted, so their case counts)"
        )
    return name


def _column(declaration: str) -> Column:
    parts = _DECLARATION.fullmatch(declaration)
    if parts is None:
        raise ConfigurationError(f"{_SETTING}: {declaration.strip()!r} is no column; write it as id=$.id:bigint")
    name = checked_name(_SETTING, parts["name"].strip())
    source, path = _source(name, parts["source"].strip())
    return Column(name, source, _checked_type(name, source, path, parts["type"]), path)


def _source(name: str, text: str) -> tuple[str, tuple[str, ...]]:
    source, *path = text.split(".")
    known = source in _TYPES_OF and (not path or source in _DOCUMENTS)
    if not known or not all(path) or any(map(str.isspace, text)):
        raise ConfigurationError(
            f"{_SETTING}: {name} is taken from {text!r}, which is no source; "
            "use $ (the value), $.field, @key, @key.field, @topic, @partition, @offset, @timestamp or @headers"
        )
    return source, tuple(path)


def _checked_type(name: str, source: str, path: tuple[str, ...], text: str) -> str:
    type_ = " ".join(text.lower().split())
    possible = _FIELD_TYPES if path else _TYPES_OF[source]
    if type_ not in possible:
        shown = ".".join((source, *path))
        raise ConfigurationError(
            f"{_SETTING}: {name}: {shown} cannot be a column of type {type_!r}; it can be {_listed(possible)}"
        )
    return type_


def _check_fields(paths: Sequence[tuple[str, ...]]) -> None:
    """Raise ConfigurationError when a field is named twice, or both whole and by a field inside of it."""
    if repeated := next(_repeats(paths), None):
        raise ConfigurationError(f"{_SETTING}: the field {'.'.join(repeated)} is named twice; name it once")
    inner = {path[:depth] for path in paths for depth in range(1, len(path))}
    if both := inner & set(paths):
        field = ".".join(min(both))
        raise ConfigurationError(f"{_SETTING}: the field {field} is named as a whole and by a field inside of it; choose one")


def _repeats(names: Sequence[str] | Sequence[tuple[str, ...]]) -> Iterator[str | tuple[str, ...]]:
    seen: set[str | tuple[str, ...]] = set()
    for name in names:
        if name in seen:
            yield name
        seen.add(name)


def _listed(words: Sequence[str]) -> str:
    return " or ".join(words) if len(words) <= 2 else f"{', '.join(words[:-1])} or {words[-1]}"  # noqa: PLR2004 -- "a or b", "a, b or c"
