from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from tests.integration.data.raw_producer import RawRecord, produce_raw
from tests.integration.data.stage import drain, wait_done
from tests.parts.app import Application
from tests.parts.environ import sidecar_environ
from tests.parts.kafka import RealKafka
from tests.parts.process import SidecarProcess, caught_up
from tests.parts.topics import create_topic, fresh_name

ANYTHING = {
    "max.message.bytes": "20000000",
    "message.timestamp.after.max.ms": str(2**63 - 1),
    "message.timestamp.before.max.ms": str(2**63 - 1),
}
"""Settings of a topic that takes records of any size and time."""

NOT_UTF8 = b"\xff\xfe\x00"
BIG = b"x" * 5_000_000


ODD: list[tuple[RawRecord, dict[str, Any]]] = [
    (RawRecord(b'{"id": 1}'), {"key": None, "value": {"id": 1}}),
    (RawRecord(None, b"k"), {"key": "k", "value": None}),
    (RawRecord(None, None), {"key": None, "value": None}),
    (RawRecord(b"", b""), {"key": "", "value_text": ""}),
    (RawRecord(b"no JSON", b"k"), {"key": "k", "value_text": "no JSON"}),
    (RawRecord(NOT_UTF8, b"k"), {"key": "k", "value_base64": base64.b64encode(NOT_UTF8).decode()}),
    (RawRecord(b"1", NOT_UTF8), {"key_base64": base64.b64encode(NOT_UTF8).decode(), "value": 1}),
    (RawRecord(b"1", b"k", header=(NOT_UTF8, b"v")), {"key": "k", "value": 1, "headers_unreadable": True}),
    (
        RawRecord(b"1", b"k", header=(b"trace", NOT_UTF8)),
        {"key": "k", "value": 1, "headers": [{"key": "trace", "value_base64": base64.b64encode(NOT_UTF8).decode()}]},
    ),
    (RawRecord(b"1", b"k", timestamp=-1), {"key": "k", "value": 1, "timestamp": None}),
    (RawRecord(b"1", b"k", timestamp=2**62), {"key": "k", "value": 1, "timestamp": 2**62}),
    (RawRecord(BIG, b"k"), {"key": "k", "value_text": BIG.decode()}),
    (RawRecord(b'"the last"', b"k"), {"key": "k", "value": "the last"}),
]


def test_odd_records_are_delivered_like_any_other(kafka: RealKafka, tmp_path: Path) -> None:
    topic = fresh_name("odd")
    create_topic(kafka.bootstrap, topic, config=ANYTHING)
    produce_raw(kafka.bootstrap, topic, [record for record, _ in ODD])
    with Application() as app:
        environ = sidecar_environ(
            kafka.bootstrap, topic, app.url, MEMORY__LIMIT="96MiB"
        )  # its buffer has room for two of the big ones
        with SidecarProcess(environ, tmp_path) as sidecar:
            done = wait_done(sidecar, kafka.bootstrap, topic)
            assert sidecar.metric("sidecar_unreadable_headers_total", topic=topic) == 1
            assert sidecar.metric("sidecar_record_age_seconds_count") <= len(ODD)  # of some the age is not known
            assert 0 <= sidecar.metric("sidecar_record_age_seconds_sum") < 3600
            books = drain(sidecar)
    assert caught_up(done)
    assert done["lag"]["seconds"] == 0
    assert (books["polled"], books["delivered"]) == (len(ODD), len(ODD))
    app.assert_in_order()
    place = {"topic": topic, "partition": 0}
    for offset, (taken, (record, expected)) in enumerate(zip(app.taken[topic, 0], ODD, strict=True)):
        stamp = {} if "timestamp" in expected else {"timestamp": taken.line["timestamp"]}
        assert taken.line == place | {"offset": offset} | stamp | expected, record
