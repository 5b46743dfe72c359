"""A batch as NDJSON: one JSON object a line, a line a record, in the order of the batch. Pure.

=============== =========================================================================================
field           what it holds
=============== =========================================================================================
``topic``       text
``partition``   integer
``offset``      integer
``timestamp``   ms since 1970 as Kafka has it; ``null`` when the record has none
key             ``key``: text, or ``null`` when there is none; ``key_base64`` when it is not UTF-8
value           exactly one of ``value`` (the payload was JSON, inserted as it is), ``value_text`` (other UTF-8),
                ``value_base64`` (anything else). ``"value": null`` is a record without a value (a tombstone);
                the payload ``null`` comes as ``"value_text": "null"``, so that the two can be told apart
``headers``     only where there are some: an array of ``{"key": …, "value": …}``, in order, repeats kept; a
                header's value is text or ``null``, or ``value_base64`` stands in its place
``headers_unreadable`` ``true`` when the client could not decode the headers
``weight``      only above 1: how many polled records this one stands for
=============== =========================================================================================

A payload counts as JSON when :mod:`msgspec` takes it (strict: no ``NaN``, no lone surrogates, no byte order mark,
nesting within the interpreter's recursion limit). Line breaks between its tokens become spaces.

Lines are made a column at a time: each column is a template and one argument a record, so that the usual batch
(JSON values, plain keys) is formatted by one ``map`` in C. What is not usual is found by scanning whole columns.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import msgspec

from sidecar.core.records import UNREADABLE, Batch, Chunk, Headers
from sidecar.writers.pieces import base64_of, gathered, is_large, is_utf8, json_string, small_chunks

_check_json = msgspec.json.Decoder(msgspec.Raw).decode
_to_json = msgspec.json.Encoder().encode

_PLAIN = bytes(byte for byte in range(0x20, 0x7F) if byte not in b'"\\')
"""The bytes that stand for themselves inside a JSON string."""

_BREAKS_TO_SPACES = bytes.maketrans(b"\r\n", b"  ")


class _Column(NamedTuple):
    """What one column adds to each line: a ``%`` template and its argument, record by record."""

    template: bytes
    arguments: Iterable[object]


def encode(batch: Batch) -> Sequence[bytes]:
    """Return the lines of ``batch``, each with its newline, in pieces."""
    return gathered(pieces(batch))


def pieces(batch: Batch, after: bytes = b"\n") -> Iterator[bytes]:
    """Yield the lines of ``batch``, each with ``after`` behind it; some, or a part of a large one, at once."""
    for chunk in small_chunks(batch):
        if is_large(chunk):
            yield from _large_line(chunk, after)
        else:
            yield encode_chunk(chunk, after)


def encode_chunk(chunk: Chunk, after: bytes = b"\n") -> bytes:
    """Return the lines of ``chunk``, each with ``after`` behind it."""
    columns = [
        _Column(b"%d", chunk.offsets),
        _timestamps(chunk.timestamps),
        _keys(chunk.keys),
        _values(chunk.values),
        *([] if chunk.headers is None else [_headers(chunk.headers)]),
    ]
    place = b'{"topic":%b,"partition":%d,"offset":' % (_to_json(chunk.tp.topic), chunk.tp.partition)
    end = (b',"weight":%d}' % chunk.weight if chunk.weight > 1 else b"}") + after
    line = place.replace(b"%", b"%%") + b"".join(column.template for column in columns) + end
    return b"".join(map(line.__mod__, zip(*(column.arguments for column in columns), strict=True)))


def is_json(payload: bytes) -> bool:
    """Tell whether ``payload`` is one JSON document in UTF-8."""
    try:
        _check_json(payload)
    except (msgspec.DecodeError, RecursionError):
        return False
    return payload.isascii() or is_utf8(payload)


def without_breaks(document: bytes) -> bytes:
    """Return a JSON document on one line: a raw line break in valid JSON can only be white space between tokens."""
    return document.translate(_BREAKS_TO_SPACES)


def _large_line(record: Chunk, after: bytes) -> Iterator[bytes]:
    """Yield the line of one record, its value in pieces in the place that a record without a value shows: no key holds its quotes."""
    (value,) = record.values
    before, _, rest = encode_chunk(replace(record, values=[None]), after).partition(b'"value":null')
    yield before
    yield from _large_value(value or b"")
    yield rest


def _large_value(value: bytes) -> Iterator[bytes]:
    if not _is_null(value) and is_json(value):
        yield b'"value":'
        yield without_breaks(value) if b"\n" in value or b"\r" in value else value
        return
    name, content = (b"_text", json_string) if is_utf8(value) else (b"_base64", base64_of)
    yield b'"value%b":"' % name
    yield from content(value)
    yield b'"'


def _timestamps(timestamps: Sequence[int]) -> _Column:
    if -1 not in timestamps:
        return _Column(b',"timestamp":%d', timestamps)
    return _Column(b',"timestamp":%b', [b"null" if ms == -1 else b"%d" % ms for ms in timestamps])


def _keys(keys: Sequence[bytes | None]) -> _Column:
    if None not in keys and not b"".join(keys).translate(None, _PLAIN):  # type: ignore[arg-type]  # no None is in it
        return _Column(b',"key":"%b"', keys)
    return _Column(b",%b", [_text_field(b"key", key) for key in keys])


def _values(values: Sequence[bytes | None]) -> _Column:
    if _all_plain_json(values):
        return _Column(b',"value":%b', values)
    return _Column(b",%b", [_value_field(value) for value in values])


def _all_plain_json(values: Sequence[bytes | None]) -> bool:
    """Tell whether each value can stand in its line as it is: JSON, UTF-8, no line break, not ``null``."""
    try:
        for _ in map(_check_json, values):  # type: ignore[arg-type]  # a None raises TypeError
            pass
        every = b",".join(values)  # type: ignore[arg-type]  # see above
        if not every.isascii():
            every.decode()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError):
        return False
    if b"\n" in every or b"\r" in every:
        return False
    return b"null" not in every or not any(map(_is_null, values))


def _is_null(value: bytes | None) -> bool:
    return value is not None and value.strip() == b"null"


def _value_field(value: bytes | None) -> bytes:
    if value is not None and not _is_null(value) and is_json(value):
        return b'"value":' + without_breaks(value)
    return _text_field(b"value", value, b"_text")


def _text_field(name: bytes, content: bytes | None, suffix: bytes = b"") -> bytes:
    """Return ``content`` as a field: ``name`` for None, ``name`` + ``suffix`` for text, ``name_base64`` for what is neither."""
    if content is None:
        return b'"%b":null' % name
    try:
        return b'"%b%b":%b' % (name, suffix, _to_json(content.decode()))
    except UnicodeDecodeError:
        return b'"%b_base64":"%b"' % (name, base64.b64encode(content))


def _headers(headers: Sequence[Headers | None]) -> _Column:
    if not any(headers) and not any(entry is UNREADABLE for entry in headers):
        return _Column(b"%b", [b""] * len(headers))
    return _Column(b"%b", [_headers_field(entry) for entry in headers])


def _headers_field(headers: Headers | None) -> bytes:
    if headers is UNREADABLE:
        return b',"headers_unreadable":true'
    if not headers:
        return b""
    return b',"headers":[%b]' % b",".join(
        b'{"key":%b,%b}' % (_to_json(key), _text_field(b"value", value)) for key, value in headers
    )
