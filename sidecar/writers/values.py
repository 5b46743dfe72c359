"""A batch as its payloads alone, joined by newlines: nothing before, between or after them. Pure.

A record without a value is an empty line. The number of lines is the number of records, always: line breaks between
the tokens of a JSON payload become spaces, and a batch with any other payload that holds a newline is not sent.
"""

from __future__ import annotations

from collections.abc import Sequence

from sidecar.core.records import Batch
from sidecar.core.results import Poison
from sidecar.writers import ndjson

UNFRAMEABLE = Poison("a payload that is not JSON holds a newline: body `values` cannot frame it, body `ndjson` can")


def encode(batch: Batch) -> Sequence[bytes] | Poison:
    """Return the payloads of ``batch`` as one piece, or why they cannot be told apart by lines."""
    values = [value for chunk in batch.chunks for value in chunk.values]
    payloads: list[bytes] = [value or b"" for value in values] if None in values else values  # type: ignore[assignment]
    body = b"\n".join(payloads)
    if body.count(b"\n") == len(payloads) - 1:
        return [body]
    del body
    return _on_one_line_each(payloads)


def _on_one_line_each(payloads: Sequence[bytes]) -> Sequence[bytes] | Poison:
    lines = [ndjson.without_breaks(payload) if b"\n" in payload and ndjson.is_json(payload) else payload for payload in payloads]
    if any(b"\n" in line for line in lines):
        return UNFRAMEABLE
    return [b"\n".join(lines)]
