"""Values of Kubernetes as YAML, in the block style that people write; only what manifests are made of.

Every text that is neither a plain word nor of many lines stands in double quotes as JSON writes it, which is YAML, too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./-]*")
_NOT_TEXT = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})
"""Words that YAML 1.1 takes for something else, in any case."""


def dump(value: dict[str, Any]) -> str:
    """Return a document."""
    return "\n".join(_mapping(value)) + "\n"


def _mapping(value: dict[str, Any]) -> Iterator[str]:
    for key, inner in value.items():
        yield from _entry(_scalar(key), inner)


def _entry(key: str, value: Any) -> Iterator[str]:
    if isinstance(value, dict | list) and value:
        yield f"{key}:"
        lines = _mapping(value) if isinstance(value, dict) else _sequence(value)
        yield from (f"  {line}" for line in lines)
    elif isinstance(value, str) and _is_block(value):
        yield f"{key}: |-"
        yield from (f"  {line}" for line in value.split("\n"))
    else:
        yield f"{key}: {_scalar(value)}"


def _is_block(text: str) -> bool:
    """Whether a text of many lines can stand as it is, below its key."""
    lines = text.split("\n")
    return len(lines) > 1 and all(line.isprintable() and line for line in lines) and not text.startswith(" ")


def _sequence(value: list[Any]) -> Iterator[str]:
    for item in value:
        lines = _mapping(item) if isinstance(item, dict) else iter([_scalar(item)])
        yield f"- {next(lines)}"
        yield from (f"  {line}" for line in lines)


def _scalar(value: Any) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _NOT_TEXT:
        return value
    return json.dumps(value, ensure_ascii=False)
