from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.data.stage import commit, delete_before, drain, offsets_taken, wait_done
from tests.parts.app import Application
from tests.parts.environ import sidecar_environ
from tests.parts.kafka import RealKafka
from tests.parts.process import SidecarProcess, caught_up
from tests.parts.topics import Message, committed, create_topic, fresh_name, produce, produce_numbered

NOON = 1_769_860_800_000
"""2026-01-31T12:00:00Z."""


def test_latest_starts_at_the_end_and_stays_there_over_a_restart(kafka: RealKafka, tmp_path: Path) -> None:
    topic = fresh_name("orders")
    create_topic(kafka.bootstrap, topic)
    produce_numbered(kafka.bootstrap, topic, range(10))
    with Application() as app:
        environ = sidecar_environ(kafka.bootstrap, topic, app.url, START="latest")
        with SidecarProcess(environ, tmp_path) as sidecar:
            sidecar.wait_status(caught_up, "it is at the end")
            assert drain(sidecar)["polled"] == 0
        produce_numbered(kafka.bootstrap, topic, range(10, 15))  # while nobody is there
        with SidecarProcess(environ, tmp_path) as sidecar:
            sidecar.wait_ready()
            produce_numbered(kafka.bootstrap, topic, range(15, 20))
            sidecar.wait_status(lambda status: caught_up(status) and app.ids[-1:] == (19,), "the last one is delivered")
            drain(sidecar)
    assert app.ids == tuple(range(10, 20))


@pytest.mark.parametrize("start", ["2026-01-31T12:00:00Z", str(NOON)])
def test_a_time_starts_at_the_first_record_that_is_not_older(kafka: RealKafka, tmp_path: Path, start: str) -> None:
    topic = fresh_name("orders")
    create_topic(kafka.bootstrap, topic, partitions=2)
    stamps = [NOON - 2000, NOON - 1, NOON, NOON + 5]
    produce(kafka.bootstrap, topic, [Message(b'{"id": %d}' % number, timestamp=stamp) for number, stamp in enumerate(stamps)])
    produce(kafka.bootstrap, topic, [Message(b'{"id": 9}', timestamp=NOON - 5, partition=1)])  # older than that alone
    with Application() as app:
        environ = sidecar_environ(kafka.bootstrap, topic, app.url, START=start)
        with SidecarProcess(environ, tmp_path) as sidecar:
            sidecar.wait_status(
                lambda status: caught_up(status) and status["kafka"]["assigned"] == 2,
                "both partitions are at their ends",
            )
            drain(sidecar)
    assert app.ids == (2, 3)


@pytest.mark.parametrize(
    ("policy", "begun_at", "missed", "delivered"),
    [
        ("earliest", 10, 30, [*range(40, 60)]),
        ("latest", 10, 30, [*range(50, 60)]),
        ("earliest", 500, 0, [*range(40, 60)]),
        ("latest", 500, 0, [*range(50, 60)]),
    ],
)
def test_an_offset_that_the_log_does_not_have_is_reset_as_the_policy_says_and_the_gap_is_told(  # noqa: PLR0913, PLR0917 -- columns of the table
    kafka: RealKafka, tmp_path: Path, policy: str, begun_at: int, missed: int, delivered: list[int]
) -> None:
    topic = fresh_name("orders")
    create_topic(kafka.bootstrap, topic)
    produce_numbered(kafka.bootstrap, topic, range(50))
    with Application() as app:
        environ = sidecar_environ(kafka.bootstrap, topic, app.url, ON_OFFSET_OUT_OF_RANGE=policy)
        commit(kafka.bootstrap, environ["SIDECAR_KAFKA__GROUP_ID"], [(topic, 0, begun_at)])
        delete_before(kafka.bootstrap, topic, 40)
        with SidecarProcess(environ, tmp_path) as sidecar:
            sidecar.wait_status(
                lambda _: bool(sidecar.events("kafka.offset_out_of_range")), "it finds that the offset is not there"
            )
            produce_numbered(kafka.bootstrap, topic, range(50, 60))
            wait_done(sidecar, kafka.bootstrap, topic)
            assert drain(sidecar)["polled"] == len(delivered)
            told = sidecar.events("kafka.offset_out_of_range")
    assert offsets_taken(app, topic) == delivered
    assert len(told) == 1
    facts = {"offset": begun_at, "log_begin": 40, "log_end": 50, "missed_offsets": missed, "policy": policy}
    assert told[0] | facts == told[0]
    assert told[0]["level"] == "warning"


def test_by_default_an_offset_that_the_log_does_not_have_stops_the_partition_alone(kafka: RealKafka, tmp_path: Path) -> None:
    topic = fresh_name("orders")
    create_topic(kafka.bootstrap, topic, partitions=2)
    produce_numbered(kafka.bootstrap, topic, range(100), partitions=2)
    with Application() as app:
        environ = sidecar_environ(kafka.bootstrap, topic, app.url)
        group = environ["SIDECAR_KAFKA__GROUP_ID"]
        commit(kafka.bootstrap, group, [(topic, 0, 10)])
        delete_before(kafka.bootstrap, topic, 40)
        with SidecarProcess(environ, tmp_path) as sidecar:
            stopped = sidecar.wait_status(
                lambda status: status["why"]["verdict"] == "stuck" and status["books"]["delivered"] == 50,
                "the partition is stopped, and the other one is delivered",
            )
            assert sidecar.get("/livez")[0] == 200
            assert sidecar.metric("sidecar_missed_offsets_total", topic=topic) == 30
            assert drain(sidecar, status=4)["polled"] == 50
            assert len(sidecar.events("partition.stopped")) == 1
            assert sidecar.events("kafka.offset_out_of_range")[0]["missed_offsets"] == 30
        assert committed(kafka.bootstrap, group, topic) == {0: 10, 1: 50}
    sentence = stopped["partitions"][0]["why"]["sentence"]
    assert "offset 10 is not in the log, which has 40 to 50" in sentence
    assert "SIDECAR_ON_OFFSET_OUT_OF_RANGE" in sentence
    assert offsets_taken(app, topic, 0) == []
    assert offsets_taken(app, topic, 1) == list(range(50))
