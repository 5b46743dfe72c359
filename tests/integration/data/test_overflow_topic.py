"""Overflow topics on the real broker: what a slow downstream does not take of a topic is there, each record once, and what was not acknowledged there is not lost."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from confluent_kafka import Message as Received

from tests.integration.data.stage import drain, offsets_taken, wait_done
from tests.parts.app import Application
from tests.parts.behaviour import accept, held_until, slow
from tests.parts.environ import sidecar_environ
from tests.parts.kafka import RealKafka
from tests.parts.log import messages_in_log
from tests.parts.process import SidecarProcess
from tests.parts.topics import committed, create_topic, fresh_name, produce_numbered

CLICKS = range(100_000, 110_000)
ORDERS = range(2_000)


def topics_of(kafka: RealKafka) -> tuple[str, str]:
    """Create a topic that must not lose a record and one that has an overflow topic, of two partitions."""
    orders, clicks = fresh_name("orders"), fresh_name("clicks")
    create_topic(kafka.bootstrap, orders)
    create_topic(kafka.bootstrap, clicks, partitions=2)
    return orders, clicks


def environ_of(kafka: RealKafka, orders: str, clicks: str, url: str, **more: str) -> dict[str, str]:
    """Let ``clicks`` overflow to ``{clicks}.more``; the buffer holds a fifth of them."""
    policies = [{"topic": clicks, "strategy": "drop_oldest", "priority": -1, "overflow_topic": "{topic}.more"}]
    settings = {"TOPIC_POLICIES": json.dumps(policies), "BUFFER__MAX_MESSAGES": "2000", "FLUSH__MAX_BATCH": "50", **more}
    return sidecar_environ(kafka.bootstrap, f"{orders},{clicks}", url, **settings)


def places(messages: Sequence[Received]) -> Counter[tuple[int, int]]:
    """Return how often each record is in an overflow topic, by its place: partition and offset."""
    return Counter(
        (int(about["sidecar.source.partition"]), int(about["sidecar.source.offset"])) for about in map(headers, messages)
    )


def headers(message: Received) -> dict[str, bytes]:
    return dict(cast("list[tuple[str, bytes]]", message.headers() or []))


def taken(app: Application, topic: str) -> Counter[tuple[int, int]]:
    """Return how often the application took each record of ``topic``, by its place."""
    return Counter((partition, each.offset) for (name, partition), lines in app.taken.items() if name == topic for each in lines)


ALL = {(number % 2, number // 2) for number in range(len(CLICKS))}
"""The place of each click."""


def test_what_a_slow_downstream_does_not_take_is_in_the_overflow_topic_each_record_in_one_of_the_two_as_the_books_say(
    kafka: RealKafka, tmp_path: Path
) -> None:
    orders, clicks = topics_of(kafka)
    create_topic(kafka.bootstrap, f"{clicks}.more")
    with Application(slow(0.05)) as app:
        environ = environ_of(kafka, orders, clicks, app.url)
        with SidecarProcess(environ, tmp_path) as sidecar:
            produce_numbered(kafka.bootstrap, clicks, CLICKS, partitions=2)
            produce_numbered(kafka.bootstrap, orders, ORDERS)
            for topic in (orders, clicks):
                wait_done(sidecar, kafka.bootstrap, topic)
            _, drops = sidecar.get("/status/drops")
            told = sidecar.metric("sidecar_records_dropped_total", topic=clicks, intent="diverted")
            books = drain(sidecar)
    more = messages_in_log(kafka.bootstrap, f"{clicks}.more")
    assert places(more) + taken(app, clicks) == Counter(ALL)
    assert 0 < len(more) == books["diverted"]["drop_oldest"] == books["dropped"]["drop_oldest"] == told
    assert books["polled"] == books["delivered"] + len(more) == len(CLICKS) + len(ORDERS)
    assert {(each["topic"], each["intent"], each["overflow_topic"]) for each in drops["ranges"]} == {
        (clicks, "diverted", f"{clicks}.more")
    }
    assert sum(each["records"] for each in drops["ranges"]) == len(more)
    assert offsets_taken(app, orders) == list(ORDERS)
    assert_tells_its_origin(more[0], clicks, environ["SIDECAR_KAFKA__GROUP_ID"])
    app.assert_in_order()


def assert_tells_its_origin(message: Received, topic: str, group: str) -> None:
    """Assert that a record is as it was, and says where that was, when and why it is here."""
    about = headers(message)
    number = CLICKS[2 * int(about["sidecar.source.offset"]) + int(about["sidecar.source.partition"])]
    assert message.value() == b'{"id": %d}' % number
    assert about["sidecar.source.topic"] == topic.encode()
    assert 0 < int(about["sidecar.source.timestamp"]) <= message.timestamp()[1]
    assert (about["sidecar.overflow.reason"], about["sidecar.overflow.group"]) == (b"drop_oldest", group.encode())


def test_while_the_overflow_topic_does_not_exist_its_partitions_wait_in_kafka_and_say_so_and_the_others_go_on(
    kafka: RealKafka, tmp_path: Path
) -> None:
    orders, clicks = topics_of(kafka)
    gate = threading.Event()
    with Application(held_until(gate)) as app:
        environ = environ_of(kafka, orders, clicks, app.url, RETRY__MAX_WAIT="1s")
        with SidecarProcess(environ, tmp_path) as sidecar:
            produce_numbered(kafka.bootstrap, clicks, CLICKS, partitions=2)
            status = sidecar.wait_status(lambda status: status["overflow"]["trouble"], "the overflow topic takes nothing")
            assert f"{clicks}.more: " in status["overflow"]["trouble"]
            assert "UNKNOWN_TOPIC" in status["overflow"]["trouble"]
            gate.set()
            produce_numbered(kafka.bootstrap, orders, ORDERS)
            wait_done(sidecar, kafka.bootstrap, orders)
            status = sidecar.wait_status(is_waiting(clicks), "the clicks wait")
            assert sum(each["log_end"] - each["position"] for each in status["partitions"] if each["topic"] == clicks) > 0
            assert sidecar.metric("sidecar_overflow_trouble") == 1
            assert sidecar.events("overflow.failed")[0]["overflow_topic"] == f"{clicks}.more"
            create_topic(kafka.bootstrap, f"{clicks}.more")
            wait_done(sidecar, kafka.bootstrap, clicks)
            assert sidecar.metric("sidecar_overflow_trouble") == 0
            books = drain(sidecar)
    more = messages_in_log(kafka.bootstrap, f"{clicks}.more")
    assert places(more) + taken(app, clicks) == Counter(ALL)
    assert books["dropped"] == books["diverted"] == {"drop_oldest": len(more)}
    assert offsets_taken(app, orders) == list(ORDERS)


def is_waiting(topic: str) -> Any:
    """Tell whether each partition of ``topic`` is held for its overflow topic, and the verdict says why."""

    def check(status: Any) -> bool:
        mine = [each for each in status["partitions"] if each["topic"] == topic]
        stalled = [
            each for each in mine if each["why"]["verdict"] == "broker_stall" and "UNKNOWN_TOPIC" in each["why"]["sentence"]
        ]
        return bool(mine) and all("overflow" in each["holds"] for each in mine) and stalled == mine

    return check


def test_a_crash_while_records_are_on_their_way_to_the_overflow_topic_loses_none(kafka: RealKafka, tmp_path: Path) -> None:
    """First while that topic does not exist and later records are delivered and committed around those, then under load."""
    orders, clicks = topics_of(kafka)
    member = {"KAFKA__SESSION_TIMEOUT_MS": "6000", "KAFKA__GROUP_INSTANCE_ID": "pod-0"}
    with Application(slow(0.1)) as app:
        environ = environ_of(kafka, orders, clicks, app.url, **member)
        produce_numbered(kafka.bootstrap, orders, ORDERS)
        produce_numbered(kafka.bootstrap, clicks, CLICKS, partitions=2)
        with SidecarProcess(environ, tmp_path) as sidecar:
            sidecar.wait_status(is_waiting(clicks), "the clicks wait")
            wait_done(sidecar, kafka.bootstrap, orders)
            sidecar.sigkill()
        create_topic(kafka.bootstrap, f"{clicks}.more")
        assert_nothing_is_passed(committed(kafka.bootstrap, environ["SIDECAR_KAFKA__GROUP_ID"], clicks), kafka, app, clicks)
        with SidecarProcess(environ, tmp_path) as sidecar:
            sidecar.wait_status(lambda status: status["books"]["diverted"].get("drop_oldest", 0) > 500, "some are diverted")
            sidecar.sigkill()
        assert_nothing_is_passed(committed(kafka.bootstrap, environ["SIDECAR_KAFKA__GROUP_ID"], clicks), kafka, app, clicks)
        app.behave = accept
        with SidecarProcess(environ, tmp_path) as sidecar:
            for topic in (orders, clicks):
                wait_done(sidecar, kafka.bootstrap, topic)
            drain(sidecar)
    more = messages_in_log(kafka.bootstrap, f"{clicks}.more")
    assert set(places(more)) | set(taken(app, clicks)) == ALL
    assert offsets_taken(app, orders) == list(ORDERS)


def assert_nothing_is_passed(committed: Mapping[int, int], kafka: RealKafka, app: Application, topic: str) -> None:
    """Assert that each click below what is committed was taken, or is in the overflow topic."""
    there = set(places(messages_in_log(kafka.bootstrap, f"{topic}.more"))) | set(taken(app, topic))
    passed = {(partition, offset) for partition, end in committed.items() for offset in range(end)}
    assert passed <= there
