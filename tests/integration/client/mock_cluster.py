"""A Kafka cluster inside the test process: librdkafka's mock cluster, with the levers that its C interface has and Python does not.

It differs from :mod:`sidecar.kafka.embedded` in that groups balance at once, topics have as many partitions as wanted, requests can be
made to fail, and the broker can be taken down. The functions are found through the client's own extension module, so it is the very
library that the consumer under test runs on.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import IntEnum
from types import TracebackType
from typing import Self

from confluent_kafka import Consumer, Producer, cimpl
from confluent_kafka import TopicPartition as KafkaPartition

from sidecar.core.records import TopicPartition

ANSWER_TIMEOUT = 10.0

_C = ctypes.CDLL(cimpl.__file__)
for _name in ("conf_new", "new", "handle_mock_cluster"):
    getattr(_C, f"rd_kafka_{_name}").restype = ctypes.c_void_p
_C.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
_C.rd_kafka_produceva.restype = ctypes.c_void_p
_PRODUCER = 0
_BROKER = 1


class Request(IntEnum):
    """Kinds of requests, by their number in Kafka's protocol."""

    PRODUCE = 0
    FETCH = 1
    LIST_OFFSETS = 2
    OFFSET_COMMIT = 8
    OFFSET_FETCH = 9
    HEARTBEAT = 12


class _Field(ctypes.Structure):
    """``rd_kafka_vu_t``: one tagged argument of ``rd_kafka_produceva``. Three words hold each of the kinds used here."""

    _fields_ = (("tag", ctypes.c_int), ("words", ctypes.c_void_p * 3), ("rest", ctypes.c_char * 40))


class MockCluster:
    """One broker on a free port of the loopback address, until the ``with`` block ends."""

    def __init__(self) -> None:
        """Start it."""
        reason = ctypes.create_string_buffer(512)
        conf = ctypes.c_void_p(_C.rd_kafka_conf_new())
        for name, value in ((b"test.mock.num.brokers", b"1"), (b"bootstrap.servers", b"mock"), (b"log_level", b"0")):
            assert _C.rd_kafka_conf_set(conf, name, value, reason, len(reason)) == 0, reason.value
        self._host = ctypes.c_void_p(_C.rd_kafka_new(_PRODUCER, conf, reason, len(reason)))
        assert self._host.value, reason.value
        self._cluster = ctypes.c_void_p(_C.rd_kafka_handle_mock_cluster(self._host))
        _C.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, 0)
        self.bootstrap: str = _C.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()
        self._producer = Producer(
            {"bootstrap.servers": self.bootstrap, "linger.ms": 0, "log_level": 0, "message.max.bytes": 10_000_000}
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        del self._producer
        _C.rd_kafka_destroy(self._host)

    def create_topic(self, topic: str, partitions: int) -> None:
        """Create ``topic``."""
        assert _C.rd_kafka_mock_topic_create(self._cluster, topic.encode(), partitions, 1) == 0

    def produce(self, tp: TopicPartition, *values: bytes | None, timestamp: int = 0) -> None:
        """Write records to ``tp`` and wait until they are there; ``timestamp`` in ms (0: now)."""
        for value in values:
            self._producer.produce(tp.topic, value, partition=tp.partition, timestamp=timestamp)
        assert self._producer.flush(ANSWER_TIMEOUT) == 0

    def produce_with_header(self, tp: TopicPartition, value: bytes, key: bytes) -> None:
        """Write a record with a header whose key is any bytes, which the Python client does not let one do."""
        buffers = [ctypes.create_string_buffer(text) for text in (tp.topic.encode(), value, key, b"header value")]
        topic, payload, name, content = (ctypes.cast(buffer, ctypes.c_void_p).value for buffer in buffers)
        fields = (_Field * 5)(
            _field(1, topic),
            _field(3, tp.partition),
            _field(4, payload, len(value)),
            _field(7, 2),  # copy the payload
            _field(9, name, content, len(b"header value")),
        )
        assert _C.rd_kafka_produceva(self._host, fields, ctypes.c_size_t(len(fields))) is None
        assert _C.rd_kafka_flush(self._host, int(ANSWER_TIMEOUT * 1000)) == 0

    def committed(self, group: str, tp: TopicPartition) -> int | None:
        """Return what ``group`` has committed of ``tp``; None: nothing."""
        answer = self._visitor(group).committed([KafkaPartition(*tp)], timeout=ANSWER_TIMEOUT)[0]
        return answer.offset if answer.offset >= 0 else None

    def commit(self, group: str, offsets: Mapping[TopicPartition, int]) -> None:
        """Commit for ``group`` from outside of it."""
        wanted = [KafkaPartition(tp.topic, tp.partition, offset) for tp, offset in offsets.items()]
        self._visitor(group).commit(offsets=wanted, asynchronous=False)

    def fail_next(self, request: Request, *errors: int) -> None:
        """Answer the next requests of this kind with these errors."""
        codes = (ctypes.c_int * len(errors))(*errors)
        _C.rd_kafka_mock_push_request_errors_array(self._cluster, ctypes.c_int16(request), ctypes.c_size_t(len(errors)), codes)

    @contextmanager
    def failing(self, request: Request, error: int) -> Iterator[None]:
        """Answer every request of this kind with ``error`` until the block ends; of those, no more than a hundred."""
        self.fail_next(request, *[error] * 100)
        yield
        _C.rd_kafka_mock_clear_request_errors(self._cluster, ctypes.c_int16(request))

    def take_down(self) -> None:
        """Have the broker hang up and refuse connections."""
        assert _C.rd_kafka_mock_broker_set_down(self._cluster, _BROKER) == 0

    def bring_up(self) -> None:
        """Have the broker accept connections again."""
        assert _C.rd_kafka_mock_broker_set_up(self._cluster, _BROKER) == 0

    def _visitor(self, group: str) -> Consumer:
        return Consumer({"bootstrap.servers": self.bootstrap, "group.id": group, "log_level": 0})


def _field(tag: int, *words: int | None) -> _Field:
    return _Field(tag, (ctypes.c_void_p * 3)(*words))
