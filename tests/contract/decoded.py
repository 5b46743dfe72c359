"""What is written, as a reader of the documentation would get it back: the bytes of a line of NDJSON, the lines of a compressed file."""

from __future__ import annotations

import base64
import gzip
import sys
from collections.abc import Callable, Mapping
from typing import Any

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

DECOMPRESS: Mapping[str, Callable[[bytes], bytes]] = {"none": bytes, "gzip": gzip.decompress, "zstd": zstd.decompress}
"""By the setting of the compression; frames that follow each other are one."""


def bytes_of(line: Mapping[str, Any], name: str, text: str) -> bytes | None:
    """Return the bytes of a key or a header (``text`` is its name), or of a value that is not JSON (``value_text``)."""
    if name + "_base64" in line:
        return base64.b64decode(line[name + "_base64"])
    content = line.get(text)
    return None if content is None else str(content).encode()
