"""What the application of the tests finds in a request, whatever its body: a decoded line a record, in the form of NDJSON.

It reads each body as its documentation says it is to be read, and knows nothing of how the sidecar writes it.
"""

from __future__ import annotations

import base64
import gzip
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import unquote, unquote_to_bytes

import msgspec

Line = dict[str, Any]


def lines_of(headers: Mapping[str, str], body: bytes) -> Sequence[Any]:
    """Return the records of a request with these headers (names in lower case)."""
    if headers.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    if "kafka-topic" in headers:
        return [_of_raw(headers, body)]
    if headers.get("content-type") == "application/cloudevents-batch+json":
        return [_of_event(event) for event in msgspec.json.decode(body)]
    if headers.get("content-type") == "application/json":
        return list(msgspec.json.decode(body))
    return [msgspec.json.decode(line) for line in body.splitlines() if line]


def _of_raw(headers: Mapping[str, str], body: bytes) -> Line:
    timestamp = headers.get("kafka-timestamp")
    line: Line = {
        "topic": unquote(headers["kafka-topic"]),
        "partition": int(headers["kafka-partition"]),
        "offset": int(headers["kafka-offset"]),
        "timestamp": None if timestamp is None else int(timestamp),
        **_key(unquote_to_bytes(headers["kafka-key"]) if "kafka-key" in headers else None),
        **({"value": None} if "kafka-tombstone" in headers else _value(body)),
    }
    if "kafka-headers" in headers:
        line["headers"] = [_header(*pair.partition("=")) for pair in headers["kafka-headers"].split("&")]
    if "kafka-headers-unreadable" in headers:
        line["headers_unreadable"] = True
    return line


def _header(name: str, equals: str, value: str) -> Line:
    if not equals:
        return {"key": unquote(name), "value": None}
    content = unquote_to_bytes(value)
    return {"key": unquote(name), **_text("value", "value", content)}


def _of_event(event: Line) -> Line:
    topic, partition, offset = event["id"].split("/")
    time = datetime.fromisoformat(event["time"]) if "time" in event else None
    line: Line = {"topic": topic, "partition": int(partition), "offset": int(offset), "event": event}
    line["timestamp"] = None if time is None else round(time.timestamp() * 1000)
    line |= _key(base64.b64decode(event["keybase64"]) if "keybase64" in event else _encoded(event.get("subject")))
    if "data_base64" in event:
        return line | {"value_base64": event["data_base64"]}
    return line | {"value_text" if event.get("datacontenttype") == "text/plain" else "value": event.get("data")}


def _encoded(text: str | None) -> bytes | None:
    return None if text is None else text.encode()


def _key(key: bytes | None) -> Line:
    return {"key": None} if key is None else _text("key", "key", key)


def _value(body: bytes) -> Line:
    try:
        value = msgspec.json.decode(body.decode())
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        value = None
    return _text("value", "value_text", body) if value is None else {"value": value}


def _text(name: str, text: str, content: bytes) -> Line:
    try:
        return {text: content.decode()}
    except UnicodeDecodeError:
        return {f"{name}_base64": base64.b64encode(content).decode()}
