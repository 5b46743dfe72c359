"""The bytes that a line of NDJSON stands for, as a reader of the documentation would get them back."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any


def bytes_of(line: Mapping[str, Any], name: str, text: str) -> bytes | None:
    """Return the bytes of a key or a header (``text`` is its name), or of a value that is not JSON (``value_text``)."""
    if name + "_base64" in line:
        return base64.b64decode(line[name + "_base64"])
    content = line.get(text)
    return None if content is None else str(content).encode()
