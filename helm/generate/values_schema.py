"""A strict JSON schema from values.yaml itself: what stands there is what may be set, and its default says of which type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]

DRAFT = "http://json-schema.org/draft-07/schema#"
"""The newest draft that both Helms check by."""

OPEN: Schema = {"type": "object"}
TEXTS: Schema = {"type": "object", "additionalProperties": {"type": "string"}}


def root(values: Mapping[str, Any], special: Mapping[str, Schema]) -> Schema:
    """Return the schema of a chart's values.

    ``special`` are schemas by path (``image.pullPolicy``), for what a default cannot tell. ``global`` is what Helm puts into the
    values of every chart that is a dependency, and ``enabled`` what an umbrella chart switches it off by.
    """
    known = set(special) - {path for path in special if not _is_there(values, path)}
    if missing := sorted(set(special) - known):
        raise ValueError(f"values.yaml has no {', '.join(missing)}")
    schema = _object(values, special, "")
    schema["properties"] = {"enabled": {"type": "boolean"}, "global": OPEN} | schema["properties"]
    return {"$schema": DRAFT, **schema}


def _is_there(values: Mapping[str, Any], path: str) -> bool:
    first, _, rest = path.partition(".")
    return first in values and (not rest or _is_there(values[first], rest))


def _object(values: Mapping[str, Any], special: Mapping[str, Schema], prefix: str) -> Schema:
    properties = {name: _value(value, special, f"{prefix}{name}") for name, value in values.items()}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _value(value: object, special: Mapping[str, Schema], path: str) -> Schema:
    if path in special:
        return special[path]
    if isinstance(value, dict) and value:
        return _object(value, special, f"{path}.")
    return _BY_TYPE[type(value)]


_BY_TYPE: Mapping[type, Schema] = {
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    list: {"type": "array"},
    dict: OPEN,
}
