"""Produces records that the Python client would not let one produce: a header key that is no UTF-8, any timestamp, any size.

librdkafka's own ``rd_kafka_produceva`` is called, found through the client's extension module.
"""

from __future__ import annotations

import ctypes
from typing import NamedTuple

from confluent_kafka import cimpl

from tests.parts.topics import WITHIN

_C = ctypes.CDLL(cimpl.__file__)
for _name in ("conf_new", "new", "produceva"):
    getattr(_C, f"rd_kafka_{_name}").restype = ctypes.c_void_p
_PRODUCER = 0
_TOPIC, _PARTITION, _VALUE, _KEY, _FLAGS, _TIMESTAMP, _HEADER, _COPY = 1, 3, 4, 5, 7, 8, 9, 2


class RawRecord(NamedTuple):
    """``timestamp`` is in ms, None: now."""

    value: bytes | None
    key: bytes | None = None
    timestamp: int | None = None
    header: tuple[bytes, bytes] | None = None


class _Field(ctypes.Structure):
    """``rd_kafka_vu_t``: one tagged argument. Three words hold each of the kinds used here."""

    _fields_ = (("tag", ctypes.c_int), ("words", ctypes.c_void_p * 3), ("rest", ctypes.c_char * 40))


def produce_raw(bootstrap: str, topic: str, records: list[RawRecord]) -> None:
    """Produce ``records`` to partition 0 in order; returns when the broker has them all, and fails the test when it refuses one."""
    reason = ctypes.create_string_buffer(512)
    conf = ctypes.c_void_p(_C.rd_kafka_conf_new())
    for name, value in ((b"bootstrap.servers", bootstrap.encode()), (b"message.max.bytes", b"20000000"), (b"log_level", b"0")):
        assert _C.rd_kafka_conf_set(conf, name, value, reason, len(reason)) == 0, reason.value
    handle: int | None = _C.rd_kafka_new(_PRODUCER, conf, reason, len(reason))
    assert handle is not None, reason.value
    client = ctypes.c_void_p(handle)
    for record in records:
        _produce(client, topic, record)
    assert _C.rd_kafka_flush(client, int(WITHIN * 1000)) == 0
    _C.rd_kafka_destroy(client)


def _produce(client: ctypes.c_void_p, topic: str, record: RawRecord) -> None:
    kept: list[ctypes.Array[ctypes.c_char]] = []

    def address(text: bytes) -> int | None:
        kept.append(ctypes.create_string_buffer(text))
        return ctypes.cast(kept[-1], ctypes.c_void_p).value

    fields = [_field(_TOPIC, address(topic.encode())), _field(_PARTITION, 0), _field(_FLAGS, _COPY)]
    for tag, text in ((_VALUE, record.value), (_KEY, record.key)):
        if text is not None:
            fields.append(_field(tag, address(text), len(text)))
    if record.timestamp is not None:
        fields.append(_field(_TIMESTAMP, record.timestamp))
    if record.header is not None:
        name, content = record.header
        fields.append(_field(_HEADER, address(name), address(content), len(content)))
    assert _C.rd_kafka_produceva(client, (_Field * len(fields))(*fields), ctypes.c_size_t(len(fields))) is None


def _field(tag: int, *words: int | None) -> _Field:
    return _Field(tag, (ctypes.c_void_p * 3)(*words))
