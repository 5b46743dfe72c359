"""Parcels: a chunk as it is written to another topic, and which headers say where its records came from. Pure.

Where a record came from is said after its own headers, each in UTF-8 text: ``sidecar.source.topic``, ``.partition`` and ``.offset``, and ``.timestamp`` (ms) where the copy has another one.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

from sidecar.core.records import UNREADABLE, Chunk, Header, Headers

HEADERS_UNREADABLE = ("sidecar.headers", b"unreadable")
"""Stands for headers that the client could not decode."""

SOURCE = "sidecar.source."

NOW = 0
"""The timestamp that the client takes for the time of writing."""

Added = Iterable[Headers | None]
"""The headers of each record; None for none."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """The records of ``chunk`` for ``topic``, with these timestamps (ms) and headers."""

    chunk: Chunk
    topic: str
    timestamps: Iterable[int]
    headers: Added


def copied(chunk: Chunk, topic: str) -> Parcel:
    """Return ``chunk`` as it is."""
    return Parcel(chunk, topic, chunk.timestamps, _own(chunk))


def with_source(chunk: Chunk, topic: str) -> Parcel:
    """Return ``chunk`` with the place of each record."""
    place = _place(chunk)
    headers = ([*(own or ()), *place, _offset(at)] for own, at in zip(_own(chunk), chunk.offsets, strict=False))
    return Parcel(chunk, topic, chunk.timestamps, headers)


def restamped(chunk: Chunk, topic: str, said: Iterable[Header]) -> Parcel:
    """Return ``chunk`` as written now, with the place and the timestamp of each record, and ``said`` of all of them."""
    place = [*_place(chunk), *said]
    columns = zip(_own(chunk), chunk.offsets, chunk.timestamps, strict=False)
    headers = ([*(own or ()), *place, _offset(at), _timestamp(time)] for own, at, time in columns)
    return Parcel(chunk, topic, itertools.repeat(NOW), headers)


def _own(chunk: Chunk) -> Added:
    """Return the headers that the records came with."""
    return itertools.repeat(None) if chunk.headers is None else map(_readable, chunk.headers)


def _readable(headers: Headers | None) -> Headers | None:
    return [HEADERS_UNREADABLE] if headers is UNREADABLE else headers


def _place(chunk: Chunk) -> list[Header]:
    return [(f"{SOURCE}topic", chunk.tp.topic.encode()), (f"{SOURCE}partition", b"%d" % chunk.tp.partition)]


def _offset(offset: int) -> Header:
    return f"{SOURCE}offset", b"%d" % offset


def _timestamp(timestamp: int) -> Header:
    return f"{SOURCE}timestamp", b"%d" % timestamp
