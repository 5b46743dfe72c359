"""A batch as CloudEvents 1.0, in the JSON batch format: an array of events, a record an event, in the order of the batch. Pure.

=================== ==============================================================================================
attribute           what it holds
=================== ==============================================================================================
``id``              ``topic/partition/offset``: with ``source`` it names the record, for ever
``source``          as it is configured: the cluster
``type``            as it is configured; ``{topic}`` in it stands for the topic
``subject``         the key, where it is a text that CloudEvents allows; ``keybase64`` where it is not, neither where there is none
``time``            the record's timestamp; not there when it has none, or one of a year beyond 9999
``data``            the payload, with its ``datacontenttype``: JSON as it is, other UTF-8 as a string (``text/plain``); ``data_base64``
                    where it is neither (``application/octet-stream``), and nothing of these for a record without a value. The payload
                    ``null`` comes as the text ``"null"``, since ``null`` is CloudEvents' own word for no data
``traceparent``     and ``tracestate``: where the record's headers carry a trace (extension Distributed Tracing)
``sampledrate``     only above 1: how many polled records this one stands for (extension Sampled Rate)
=================== ==============================================================================================

The record's other headers are not sent: attributes are few, short and plain. Sources: "CloudEvents - Version 1.0.2", its "JSON Event Format"
(3.1 on data, 4 on batches), and the two documented extensions.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec

from sidecar.core.records import Batch, Chunk, Headers
from sidecar.writers import ndjson, trace
from sidecar.writers.pieces import base64_of, gathered, is_large, is_utf8, json_string, small_chunks

CONTENT_TYPE = "application/cloudevents-batch+json"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_to_json = msgspec.json.Encoder().encode

_NO_CHARACTERS = "".join(chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF))
_NOT_ALLOWED = re.compile(f"[\x00-\x1f\x7f-\x9f\ufdd0-\ufdef{_NO_CHARACTERS}]")
"""Characters that a CloudEvents String cannot hold (its section "Type System")."""


def encoder(source: str, kind: str) -> Callable[[Batch], Sequence[bytes]]:
    """Return what encodes a batch, in pieces, into events of ``source`` and of the type ``kind``, in which ``{topic}`` stands for the topic."""

    def pieces(batch: Batch) -> Iterator[bytes]:
        between = b"["
        for chunk in small_chunks(batch):
            yield between
            between = b",\n"
            if is_large(chunk):
                yield from _large_event(chunk, source, kind)
            else:
                yield between.join(_events(chunk, source, kind))
        yield b"]"

    return lambda batch: gathered(pieces(batch))


def _events(chunk: Chunk, source: str, kind: str) -> Sequence[bytes]:
    topic, partition = chunk.tp
    start = b'{"specversion":"1.0","source":%b,"type":%b,"id":%b' % (
        _to_json(source),
        _to_json(kind.replace("{topic}", topic)),
        _to_json(f"{topic}/{partition}/")[:-1],
    )
    end = _end(chunk)
    event = start.replace(b"%", b"%%") + b'%d"%b%b%b%b' + end
    traces = [b""] * len(chunk) if chunk.headers is None else map(_trace, chunk.headers)
    columns = chunk.offsets, map(_time, chunk.timestamps), map(_subject, chunk.keys), traces, map(_data, chunk.values)
    return list(map(event.__mod__, zip(*columns, strict=True)))


def _end(chunk: Chunk) -> bytes:
    return b',"sampledrate":%d}' % chunk.weight if chunk.weight > 1 else b"}"


def _large_event(record: Chunk, source: str, kind: str) -> Iterator[bytes]:
    """Yield the event of one record, its data in pieces behind everything else."""
    (value,), end = record.values, _end(record)
    (event,) = _events(replace(record, values=[None]), source, kind)
    yield event.removesuffix(end)
    yield from _large_data(value or b"")
    yield end


def _large_data(value: bytes) -> Iterator[bytes]:
    if _is_document(value):
        yield b',"datacontenttype":"application/json","data":'
        yield value
        return
    if is_utf8(value):
        yield b',"datacontenttype":"text/plain","data":"'
        yield from json_string(value)
    else:
        yield b',"datacontenttype":"application/octet-stream","data_base64":"'
        yield from base64_of(value)
    yield b'"'


def _is_document(value: bytes) -> bool:
    return value.strip() != b"null" and ndjson.is_json(value)


def _time(timestamp: int) -> bytes:
    if timestamp == -1:
        return b""
    try:
        moment = _EPOCH + timedelta(milliseconds=timestamp)
    except OverflowError:
        return b""
    return b',"time":"%bZ"' % moment.replace(tzinfo=None).isoformat(timespec="milliseconds").encode()


def _subject(key: bytes | None) -> bytes:
    if key is None:
        return b""
    text = _text(key)
    if not text or _NOT_ALLOWED.search(text):
        return b',"keybase64":"%b"' % base64.b64encode(key)
    return b',"subject":%b' % _to_json(text)


def _trace(headers: Headers | None) -> bytes:
    return b"".join(b',"%b":%b' % (name.encode(), _to_json(text)) for name, text in trace.carried(headers).items())


def _data(value: bytes | None) -> bytes:
    if value is None:
        return b""
    if _is_document(value):
        return b',"datacontenttype":"application/json","data":%b' % value
    text = _text(value)
    if text is None:
        return b',"datacontenttype":"application/octet-stream","data_base64":"%b"' % base64.b64encode(value)
    return b',"datacontenttype":"text/plain","data":%b' % _to_json(text)


def _text(content: bytes) -> str | None:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None
