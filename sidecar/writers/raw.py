"""One record as one request: its payload is the body as it is, what else there is of it are headers. Pure.

============================ ================================================================================
header                       what it holds
============================ ================================================================================
``Kafka-Topic``              percent-encoded, as is each text here
``Kafka-Partition``          integer
``Kafka-Offset``             integer
``Kafka-Timestamp``          ms since 1970 as Kafka has it; not there when the record has none
``Kafka-Key``                the key's bytes, percent-encoded; not there when the record has none
``Kafka-Headers``            only where there are some: ``name=value&name=value``, in order, repeats kept, both percent-encoded; a
                             header without a value has no ``=``
``Kafka-Headers-Unreadable`` ``true`` when the client could not decode the headers
``Kafka-Tombstone``          ``true`` when the record has no value, so that it can be told from an empty one
``Sidecar-Weight``           only above 1: how many polled records this one stands for
============================ ================================================================================

No byte of a record can become a header of its own, or end one: what is not a plain character of ASCII is percent-encoded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from urllib.parse import quote, quote_from_bytes

from sidecar.core.records import UNREADABLE, Chunk, Header, Headers
from sidecar.writers import ndjson

_SAFE = "!$'()*,/:;@"
"""Characters that stand for themselves beside letters, digits and ``-._~``: not those that end a name, a value or a line."""


def headers_of(record: Chunk) -> Mapping[str, str]:
    """Return the headers that tell about ``record``, a chunk of one."""
    return dict(_headers(record))


def body_of(record: Chunk) -> tuple[str, bytes]:
    """Return the content type and the payload of ``record``, a chunk of one."""
    value = record.values[0] or b""
    return ("application/json" if ndjson.is_json(value) else "application/octet-stream"), value


def name_of(record: Chunk) -> str:
    """Return a name for ``record``, a chunk of one: 32 hexadecimal digits that its topic, partition and offset make, the same for ever."""
    place = f"{record.tp.topic}\0{record.tp.partition}\0{record.start}"
    return hashlib.sha256(place.encode()).hexdigest()[:32]


def _headers(record: Chunk) -> Iterator[tuple[str, str]]:
    yield "Kafka-Topic", quote(record.tp.topic, safe=_SAFE)
    yield "Kafka-Partition", str(record.tp.partition)
    yield "Kafka-Offset", str(record.start)
    if record.timestamps[0] != -1:
        yield "Kafka-Timestamp", str(record.timestamps[0])
    if (key := record.keys[0]) is not None:
        yield "Kafka-Key", quote_from_bytes(key, safe=_SAFE)
    if record.headers is not None:
        yield from _own_headers(record.headers[0])
    if record.values[0] is None:
        yield "Kafka-Tombstone", "true"
    if record.weight > 1:
        yield "Sidecar-Weight", str(record.weight)


def _own_headers(headers: Headers | None) -> Iterator[tuple[str, str]]:
    if headers is UNREADABLE:
        yield "Kafka-Headers-Unreadable", "true"
    elif headers:
        yield "Kafka-Headers", "&".join(map(_pair, headers))


def _pair(header: Header) -> str:
    name, value = header
    return quote(name, safe=_SAFE) + ("" if value is None else "=" + quote_from_bytes(value, safe=_SAFE))
