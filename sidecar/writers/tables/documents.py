"""Fields of JSON documents as columns. Pure.

The fields that columns name become one :class:`msgspec.Struct` type, nested like the documents, so that a document is
decoded in one go in C: what is named is checked against its type, what is not named is skipped without building anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import msgspec

from sidecar.writers.tables.types import TYPES, Bad, Cells, each

Tree = dict[str, "Tree | str"]
"""Field names to types of columns, or to the fields below."""


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of one level, by the names in documents: the attribute of ``shape``, and the fields below it, if it is no leaf."""

    shape: type[msgspec.Struct]
    inner: Mapping[str, tuple[str, Fields | None]]


class Documents:
    """Decodes documents with the fields ``types`` (paths to types of columns)."""

    def __init__(self, types: Mapping[tuple[str, ...], str]) -> None:
        self._types = types
        self._fields = _fields(_tree(types))
        self._decode = msgspec.json.Decoder(self._fields.shape).decode

    def columns(self, payloads: Cells, bad: Bad) -> Mapping[tuple[str, ...], Cells]:
        """Return for each path what is there (as of ``types.TYPES``), None where nothing is; a document that does not fit is in ``bad``."""
        decoded = each(payloads, self._decode, bad)
        return {path: _at(path, self._fields, decoded) for path in self._types}


def _tree(types: Mapping[tuple[str, ...], str]) -> Tree:
    tree: Tree = {}
    for (*above, last), type_ in types.items():
        level: Any = tree
        for name in above:
            level = level.setdefault(name, {})
        level[last] = type_
    return tree


def _fields(tree: Tree) -> Fields:
    inner: dict[str, tuple[str, Fields | None]] = {}
    attributes = []
    for number, (name, below) in enumerate(tree.items()):
        fields = None if isinstance(below, str) else _fields(below)
        annotation = TYPES[below] if isinstance(below, str) else _fields_shape(fields)
        default = msgspec.Raw(b"null") if annotation is msgspec.Raw else None
        optional = annotation if annotation is msgspec.Raw else annotation | None
        inner[name] = (f"f{number}", fields)
        attributes.append((f"f{number}", optional, msgspec.field(default=default, name=name)))
    shape = msgspec.defstruct("Document", attributes, gc=False, eq=False)
    return Fields(shape, inner)


def _fields_shape(fields: Fields | None) -> Any:
    return fields.shape if fields is not None else None


def _at(path: Sequence[str], fields: Fields, level: Cells) -> Cells:
    """Follow ``path`` through all documents at once."""
    attribute, below = fields.inner[path[0]]
    empty = fields.shape()
    present = [empty if document is None else document for document in level] if None in level else level
    found = list(map(attrgetter(attribute), present))
    return found if below is None else _at(path[1:], below, found)
