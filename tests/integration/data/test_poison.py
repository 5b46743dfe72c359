from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.data.stage import drain, offsets_taken, wait_done
from tests.parts.app import Application
from tests.parts.behaviour import Behaviour, Reply, Request, accept, failing
from tests.parts.environ import sidecar_environ
from tests.parts.kafka import RealKafka
from tests.parts.process import SidecarProcess
from tests.parts.topics import committed, create_topic, fresh_name, produce_numbered

POISON = 7
"""The offset in partition 0 of the record that the application never takes."""

RECORDS = 50
"""In each of two partitions."""


def refusing_by_status(topic: str) -> Behaviour:
    """Answer 400 to every request that has the poison in it."""

    def behave(request: Request) -> Reply:
        places = {(line["topic"], line["partition"], line["offset"]) for line in request.lines}
        return Reply(400) if (topic, 0, POISON) in places else accept(request)

    return behave


def refusing_by_name(topic: str) -> Behaviour:
    """Take everything but the poison, and name it."""
    return failing([(topic, 0, POISON)], "reject", error="no such customer")


def is_stopped_alone(status: Any) -> bool:
    """Whether partition 0 is stopped, for whose poison it is only looked at first, and partition 1 is done."""
    first, second = status["partitions"] or [{"why": {"evidence": {}}}, {}]
    return "stopped_by" in first["why"]["evidence"] and second["committed"] == RECORDS


WAYS = pytest.mark.parametrize(
    ("refusing", "said"),
    [(refusing_by_status, "answered 400 Bad Request"), (refusing_by_name, "no such customer")],
    ids=["by status", "by name"],
)


@WAYS
def test_by_default_a_poison_record_stops_its_partition_alone(
    kafka: RealKafka, tmp_path: Path, refusing: Callable[[str], Behaviour], said: str
) -> None:
    topic = fresh_name("orders")
    create_topic(kafka.bootstrap, topic, partitions=2)
    produce_numbered(kafka.bootstrap, topic, range(2 * RECORDS), partitions=2)
    with Application(refusing(topic)) as app:
        environ = sidecar_environ(kafka.bootstrap, topic, app.url)
        with SidecarProcess(environ, tmp_path) as sidecar:
            status = sidecar.wait_status(
                is_stopped_alone,
                "one partition is stopped, the other one is done",
            )
            assert status["why"]["verdict"] == "poison_head"
            assert sidecar.metric("sidecar_verdict", topic=topic, partition="0", verdict="poison_head") == 1
            books = drain(sidecar, status=4)
            stopped = sidecar.events("partition.stopped")
        assert committed(kafka.bootstrap, environ["SIDECAR_KAFKA__GROUP_ID"], topic) == {0: POISON, 1: RECORDS}
    assert books["dropped"] == {}
    assert POISON not in offsets_taken(app, topic, 0)
    assert offsets_taken(app, topic, 1) == list(range(RECORDS))
    assert f"poison record at offset {POISON}: {said}" in status["partitions"][0]["why"]["sentence"]
    assert [(line["partition"], line["reason"]) for line in stopped] == [
        (f"{topic}[0]", f"poison record at offset {POISON}: {said}")
    ]


@WAYS
def test_a_poison_record_is_dropped_alone_where_that_is_wanted(
    kafka: RealKafka, tmp_path: Path, refusing: Callable[[str], Behaviour], said: str
) -> None:
    topic = fresh_name("orders")
    create_topic(kafka.bootstrap, topic, partitions=2)
    produce_numbered(kafka.bootstrap, topic, range(2 * RECORDS), partitions=2)
    with Application(refusing(topic)) as app:
        environ = sidecar_environ(kafka.bootstrap, topic, app.url, ON_POISON="drop")
        with SidecarProcess(environ, tmp_path) as sidecar:
            wait_done(sidecar, kafka.bootstrap, topic)
            assert sidecar.metric("sidecar_records_dropped_total", topic=topic, reason="poison", intent="poison") == 1
            books = drain(sidecar)
            (dropped,) = sidecar.events("records.dropped")
    assert (books["delivered"], books["dropped"]) == (2 * RECORDS - 1, {"poison": 1})
    assert offsets_taken(app, topic, 0) == [offset for offset in range(RECORDS) if offset != POISON]
    assert offsets_taken(app, topic, 1) == list(range(RECORDS))
    facts = {"reason": "poison", "records": 1, "partition": f"{topic}[0]", "start": POISON, "end": POISON + 1, "detail": said}
    assert dropped | facts == dropped
