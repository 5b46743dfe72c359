"""W3C trace context: what a record's headers carry of it is passed on as it is; where there is none, one is made. Pure, but for the span's number.

A producer that is traced puts ``traceparent``, and ``tracestate`` beside it, into the headers of its records. The sidecar keeps no spans itself, so
it does not put itself into such a trace: the application's span becomes a child of the producer's. A trace that is made has the
batch as its trace and each attempt as a span. The form of both headers is that of the W3C's recommendation "Trace Context", level 1.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping

from sidecar.core.records import Headers

_PARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_STATE = re.compile(r"[!-~]([ -~]{0,510}[!-~])?")
"""Printable, and of 512 characters at most: more need not be passed on."""

Trace = Mapping[str, str]
"""``traceparent``, and ``tracestate`` where there is one; empty: no trace."""


def carried(headers: Headers | None) -> Trace:
    """Return the trace that a record's headers carry; of a repeated header the last one counts."""
    said = dict(headers or ())
    parent = _matching(_PARENT, said.get("traceparent"))
    if parent is None:
        return {}
    state = _matching(_STATE, said.get("tracestate"))
    return {"traceparent": parent} if state is None else {"traceparent": parent, "tracestate": state}


def made(name: str) -> Trace:
    """Return a trace with a span of its own; ``name`` (32 hexadecimal digits) is the trace."""
    return {"traceparent": f"00-{name}-{secrets.token_hex(8)}-01"}


def _matching(form: re.Pattern[str], content: bytes | None) -> str | None:
    text = (content or b"").decode("ascii", errors="replace")
    return text if form.fullmatch(text) else None
