"""Dead letters on the real broker: whole, one for each poison record, none in an outage, and nothing is skipped while their topic is away."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from confluent_kafka import Message as Received

from tests.integration.data.stage import drain, offsets_taken, wait_done
from tests.parts.app import Application
from tests.parts.behaviour import Behaviour, Reply, Request, accept
from tests.parts.environ import sidecar_environ
from tests.parts.kafka import RealKafka
from tests.parts.log import messages_in_log
from tests.parts.process import SidecarProcess
from tests.parts.topics import Message, committed, create_topic, fresh_name, produce, produce_numbered

RECORDS = 2_000


def refusing(topic: str, bad: set[int]) -> Behaviour:
    """Answer 422 to each request that has a ``bad`` offset of partition 0 in it, and say so at some length."""

    def behave(request: Request) -> Reply:
        found = [line for line in request.lines if (line["topic"], line["partition"]) == (topic, 0) and line["offset"] in bad]
        return Reply(422, {"Content-Type": "text/plain"}, b"no such customer " * 100) if found else accept(request)

    return behave


def headers_of(letter: Received) -> dict[str, bytes | None]:
    return dict(pairs_of(letter))


def pairs_of(letter: Received) -> list[tuple[str, bytes | None]]:
    return cast("list[tuple[str, bytes | None]]", letter.headers() or [])


def test_each_poison_record_becomes_one_dead_letter_and_the_others_are_delivered_in_order(
    kafka: RealKafka, tmp_path: Path
) -> None:
    topic, bad = fresh_name("orders"), {0, 700, 701, 1_999}
    dead = f"{topic}.dead"
    create_topic(kafka.bootstrap, topic)
    create_topic(kafka.bootstrap, dead)
    produce_numbered(kafka.bootstrap, topic, range(RECORDS))
    with Application(refusing(topic, bad)) as app:
        environ = sidecar_environ(kafka.bootstrap, topic, app.url, DEAD_LETTER__TOPIC="{topic}.dead")
        with SidecarProcess(environ, tmp_path) as sidecar:
            wait_done(sidecar, kafka.bootstrap, topic)
            assert sidecar.metric("sidecar_records_dead_lettered_total", topic=topic) == len(bad)
            books = drain(sidecar)
        assert committed(kafka.bootstrap, environ["SIDECAR_KAFKA__GROUP_ID"], topic) == {0: RECORDS}
    assert (books["delivered"], books["dead_lettered"]) == (RECORDS - len(bad), len(bad))
    assert offsets_taken(app, topic) == [offset for offset in range(RECORDS) if offset not in bad]
    letters = messages_in_log(kafka.bootstrap, dead)
    assert [headers_of(letter)["__connect.errors.offset"] for letter in letters] == [b"%d" % offset for offset in sorted(bad)]


HOSTILE: Mapping[str, Message] = {
    "an ordinary one": Message(b'{"n": 1}', b"key", [("trace", b"abc")], timestamp=1_600_000_000_000),
    "a tombstone": Message(None, b"key"),
    "a null key and an empty value": Message(b"", None),
    "a hundred headers": Message(b"x", b"k", [(f"h{number}", b"\xff" * number) for number in range(100)]),
    "a header without a value, and one twice": Message(b"x", b"k", [("none", None), ("twice", b"1"), ("twice", b"2")]),
    "bytes that are no text": Message(bytes(range(256)), b"\x00\xff"),
    "a megabyte": Message(b"m" * 900_000, b"k"),
}


def test_a_dead_letter_is_the_record_byte_for_byte_and_says_where_it_came_from_and_why(kafka: RealKafka, tmp_path: Path) -> None:
    topic = fresh_name("orders")
    create_topic(kafka.bootstrap, topic)
    create_topic(kafka.bootstrap, f"{topic}.dead", config={"max.message.bytes": "2000000"})
    produce(kafka.bootstrap, topic, HOSTILE.values())
    with Application(refusing(topic, set(range(len(HOSTILE))))) as app:
        environ = sidecar_environ(kafka.bootstrap, topic, app.url, DEAD_LETTER__TOPIC="{topic}.dead", DEAD_LETTER__MAX_SHARE="1")
        with SidecarProcess(environ, tmp_path) as sidecar:
            wait_done(sidecar, kafka.bootstrap, topic)
            drain(sidecar)
    letters = messages_in_log(kafka.bootstrap, f"{topic}.dead")
    assert len(letters) == len(HOSTILE)
    for offset, (letter, record) in enumerate(zip(letters, HOSTILE.values(), strict=True)):
        assert (letter.key(), letter.value()) == (record.key, record.value)
        assert pairs_of(letter)[: len(record.headers)] == list(record.headers)
        about = headers_of(letter)
        assert about["__connect.errors.topic"] == topic.encode()
        assert about["__connect.errors.partition"] == b"0"
        assert about["__connect.errors.offset"] == b"%d" % offset
        assert about["__connect.errors.exception.message"] == b"answered 422 Unprocessable Entity"
        assert about["sidecar.dead_letter.status"] == b"422"
        assert about["sidecar.dead_letter.answer"] == (b"no such customer " * 100)[:256]
        assert about["sidecar.dead_letter.group"] == environ["SIDECAR_KAFKA__GROUP_ID"].encode()
        assert int(about["sidecar.dead_letter.attempts"] or 0) >= 1
    assert headers_of(letters[0])["sidecar.dead_letter.timestamp"] == b"1600000000000"


def test_fault_46_while_the_dead_letter_topic_takes_nothing_its_partition_is_held_and_nothing_is_skipped(
    kafka: RealKafka, tmp_path: Path
) -> None:
    topic = fresh_name("orders")
    create_topic(kafka.bootstrap, topic, partitions=2)
    create_topic(kafka.bootstrap, f"{topic}.dead", config={"max.message.bytes": "200"})
    produce(kafka.bootstrap, topic, [Message(b"v" * 300, b"k", partition=number % 2) for number in range(20)])
    with Application(refusing(topic, {3})) as app:
        environ = sidecar_environ(kafka.bootstrap, topic, app.url, DEAD_LETTER__TOPIC=f"{topic}.dead")
        with SidecarProcess(environ, tmp_path) as sidecar:

            def is_held(status: Any) -> bool:
                held, other = status["partitions"] or [{"holds": []}, {}]
                refused = "dead_letter" in held["holds"] and status["dead_letters"]["trouble"] is not None
                return refused and other["committed"] == 10

            status = sidecar.wait_status(is_held, "partition 0 waits for its dead letter, partition 1 is done")
            why = status["partitions"][0]["why"]
            assert why["verdict"] == "poison_head"
            assert "MSG_SIZE_TOO_LARGE" in why["sentence"]
            assert status["dead_letters"]["trouble"] in why["sentence"]
            assert sidecar.metric("sidecar_dead_letters_blocked_partitions") == 1
            books = drain(sidecar)
        assert committed(kafka.bootstrap, environ["SIDECAR_KAFKA__GROUP_ID"], topic) == {0: 3, 1: 10}
    assert (books["delivered"], books["dead_lettered"], books["released"]) == (19, 0, {"shutdown": 1})
    assert messages_in_log(kafka.bootstrap, f"{topic}.dead") == []


MANY = 100_000
OUTAGE = 60.0
"""Seconds."""


def test_an_outage_of_a_minute_with_a_hundred_thousand_records_waiting_makes_no_dead_letter(
    kafka: RealKafka, tmp_path: Path
) -> None:
    topic, never = fresh_name("orders"), threading.Event()
    create_topic(kafka.bootstrap, topic, partitions=4)
    create_topic(kafka.bootstrap, f"{topic}.dead")
    produce_numbered(kafka.bootstrap, topic, range(MANY), partitions=4)
    with Application(lambda _request: Reply(503)) as app:
        environ = sidecar_environ(
            kafka.bootstrap, topic, app.url, DEAD_LETTER__TOPIC="{topic}.dead", RETRY__MAX_ATTEMPTS="3", RETRY__MAX_ELAPSED="10s"
        )
        with SidecarProcess(environ, tmp_path) as sidecar:
            sidecar.wait_status(lambda status: status["breaker"]["state"] == "open", "the breaker is open")
            never.wait(OUTAGE)
            app.behave = accept
            wait_done(sidecar, kafka.bootstrap, topic, within=60.0)
            books = drain(sidecar)
    assert (books["delivered"], books["dead_lettered"], books["dropped"], books["released"]) == (MANY, 0, {}, {})
    assert messages_in_log(kafka.bootstrap, f"{topic}.dead") == []


def test_one_poison_record_among_a_hundred_thousand_is_the_only_dead_letter_and_order_is_kept(
    kafka: RealKafka, tmp_path: Path
) -> None:
    topic, bad = fresh_name("orders"), 67_890
    create_topic(kafka.bootstrap, topic)
    create_topic(kafka.bootstrap, f"{topic}.dead")
    produce_numbered(kafka.bootstrap, topic, range(MANY))
    with Application(refusing(topic, {bad})) as app:
        environ = sidecar_environ(kafka.bootstrap, topic, app.url, DEAD_LETTER__TOPIC="{topic}.dead")
        with SidecarProcess(environ, tmp_path) as sidecar:
            wait_done(sidecar, kafka.bootstrap, topic, within=60.0)
            books = drain(sidecar)
        taken = [record.offset for record in app.taken[topic, 0]]
    assert (books["delivered"], books["dead_lettered"]) == (MANY - 1, 1)
    assert taken == [offset for offset in range(MANY) if offset != bad]
    assert len(messages_in_log(kafka.bootstrap, f"{topic}.dead")) == 1


@pytest.mark.parametrize("answer", [Reply(503), Reply(401), Reply(500)], ids=["503", "401", "500"])
def test_an_outage_makes_no_dead_letters(kafka: RealKafka, tmp_path: Path, answer: Reply) -> None:
    topic = fresh_name("orders")
    create_topic(kafka.bootstrap, topic)
    create_topic(kafka.bootstrap, f"{topic}.dead")
    produce_numbered(kafka.bootstrap, topic, range(RECORDS))
    with Application(lambda _request: answer) as app:
        environ = sidecar_environ(
            kafka.bootstrap, topic, app.url, DEAD_LETTER__TOPIC="{topic}.dead", RETRY__MAX_ATTEMPTS="2", RETRY__MAX_WAIT="50ms"
        )
        with SidecarProcess(environ, tmp_path) as sidecar:
            sidecar.wait_status(lambda status: status["breaker"]["state"] == "open", "the breaker is open")
            app.behave = accept
            wait_done(sidecar, kafka.bootstrap, topic)
            books = drain(sidecar)
    assert (books["delivered"], books["dead_lettered"]) == (RECORDS, 0)
    assert messages_in_log(kafka.bootstrap, f"{topic}.dead") == []


def test_when_everything_is_refused_it_is_no_poison_and_no_record_is_dead_lettered(kafka: RealKafka, tmp_path: Path) -> None:
    topic = fresh_name("orders")
    create_topic(kafka.bootstrap, topic)
    create_topic(kafka.bootstrap, f"{topic}.dead")
    produce_numbered(kafka.bootstrap, topic, range(RECORDS))
    with Application(refusing(topic, set(range(RECORDS)))) as app:
        environ = sidecar_environ(kafka.bootstrap, topic, app.url, DEAD_LETTER__TOPIC="{topic}.dead", RETRY__MAX_WAIT="50ms")
        with SidecarProcess(environ, tmp_path) as sidecar:
            status = sidecar.wait_status(lambda status: status["breaker"]["state"] == "open", "the breaker is open")
            assert "10 records in a row are refused" in status["breaker"]["reason"]
            app.behave = accept
            wait_done(sidecar, kafka.bootstrap, topic)
            books = drain(sidecar)
    assert (books["delivered"], books["dead_lettered"]) == (RECORDS, 0)
    assert offsets_taken(app, topic) == list(range(RECORDS))
