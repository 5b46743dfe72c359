"""``kafka-sidecar dlq`` as people run it: a program of its own, on a real Kafka with dead letters that a sidecar made."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

import msgspec
import pytest
from confluent_kafka import Message as Received

from tests.integration.data.stage import delete_before, drain, wait_done
from tests.integration.outside.commands import command
from tests.parts.app import Application
from tests.parts.behaviour import Behaviour, Reply, Request, accept
from tests.parts.environ import sidecar_environ
from tests.parts.kafka import RealKafka
from tests.parts.log import messages_in_log
from tests.parts.process import SidecarProcess
from tests.parts.topics import Message, create_topic, fresh_name, produce
from tests.parts.waiting import wait_for

BAD = (3, 5, 8)
RECORDS = 12
ANOTHER = [("__connect.errors.topic", b"elsewhere"), ("sidecar.dead_letter.reason", b"other")]


class Dlq:
    """A topic with dead letters of offsets 3, 5 and 8, an application, and the commands."""

    def __init__(self, kafka: RealKafka, app: Application, folder: Path) -> None:
        self.kafka, self.app, self.folder = kafka, app, folder
        self.topic = fresh_name("orders")
        self.dead = f"{self.topic}.dead"
        create_topic(kafka.bootstrap, self.topic)
        create_topic(kafka.bootstrap, self.dead)
        self.environ = sidecar_environ(kafka.bootstrap, self.topic, app.url, DEAD_LETTER__TOPIC="{topic}.dead")

    def consume(self) -> None:
        """Run a sidecar until everything has its outcome."""
        with SidecarProcess(self.environ, self.folder) as sidecar:
            wait_done(sidecar, self.kafka.bootstrap, self.topic)
            drain(sidecar)

    def run(self, *arguments: str, status: int = 0) -> str:
        """Run a command; assert its exit status and return what it prints."""
        ended = command("dlq", *arguments, environ=self.environ)
        assert ended.status == status, f"{ended.status}: {ended.out}{ended.err}"
        return ended.out + ended.err

    def open(self) -> Mapping[str, int]:
        """Count the open letters by reason."""
        return {line["reason"]: line["letters"] for line in msgspec.json.decode(self.run("list", "--json").splitlines()[0])}


def refusing(topic: str) -> Behaviour:
    """Refuse each record whose key says so; tell what it said, a secret among it."""

    def behave(request: Request) -> Reply:
        bad = [line for line in request.lines if line["topic"] == topic and (line.get("key") or "").startswith("bad")]
        return Reply(422, {"Content-Type": "text/plain"}, b"no such customer hunter2") if bad else accept(request)

    return behave


@pytest.fixture
def it(kafka: RealKafka, tmp_path: Path) -> Iterator[Dlq]:
    with Application(accept) as app:
        made = Dlq(kafka, app, tmp_path)
        app.behave = refusing(made.topic)
        keys = [b"bad" if number in BAD else b"good" for number in range(RECORDS)]
        produce(kafka.bootstrap, made.topic, [Message(b"hunter2-%d" % n, key, [("h", b"hunter2")]) for n, key in enumerate(keys)])
        made.consume()
        yield made


def headers_of(message: Received) -> dict[str, bytes | None]:
    return dict(cast("list[tuple[str, bytes | None]]", message.headers() or []))


def test_letters_are_listed_and_shown_without_their_payload_unless_it_is_asked_for(it: Dlq) -> None:
    listed = it.run("list")
    assert listed.splitlines()[0].split() == ["LETTERS", "DEAD-LETTER", "TOPIC", "FROM", "REASON", "OLDEST", "NEWEST"]
    assert listed.splitlines()[1].split()[:4] == ["3", it.dead, it.topic, "poison"]
    assert it.run("list", "--reason", "retries_exhausted") == "no letters\n"
    assert it.run("list", "--until", "1h") == "no letters\n"

    shown = it.run("show", f"{it.dead}:0:1")
    assert "value      9 bytes" in shown
    assert "__connect.errors.offset: 5" in shown
    assert "hunter2" not in shown
    assert "value      hunter2-5" in it.run("show", f"{it.dead}:0:1", "--payload")
    assert "__connect.errors.offset: 3" in it.run("show")
    assert "no such letter" in it.run("show", f"{it.dead}:0:99", status=1)


def test_letters_are_redriven_to_their_topic_in_parts_and_each_once(it: Dlq) -> None:
    assert it.run("redrive", "--dry-run") == "3 letters would be redriven\n"
    assert it.open() == {"poison": 3}
    assert "1 letters redriven" in it.run("redrive", "--count", "1")
    assert it.open() == {"poison": 2}
    assert "2 letters redriven" in it.run("redrive")
    assert "0 letters redriven" in it.run("redrive")
    again = messages_in_log(it.kafka.bootstrap, it.topic)[RECORDS:]
    assert [(m.key(), m.value()) for m in again] == [(b"bad", b"hunter2-%d" % offset) for offset in BAD]
    for message, offset in zip(again, BAD, strict=True):
        headers = headers_of(message)
        assert next(iter(headers)) == "h"
        assert headers["sidecar.redrive.topic"] == it.topic.encode()
        assert headers["sidecar.redrive.offset"] == b"%d" % offset
        assert headers["sidecar.redrive.count"] == b"1"
        assert not any(name.startswith("__connect.errors.") for name in headers)


def test_a_record_that_comes_back_again_and_again_is_redriven_no_more_and_keeps_its_first_place(it: Dlq) -> None:
    it.run("drop", "--yes")
    produce(it.kafka.bootstrap, it.topic, [Message(b"x", b"bad"), Message(b"y", b"good")])
    it.consume()
    for count in (1, 2):
        assert "1 letters redriven" in it.run("redrive", "--most-redrives", "2")
        produce(it.kafka.bootstrap, it.topic, [Message(b"y", b"good")])
        it.consume()
        assert it.open() == {"poison": 1}
        newest = headers_of(messages_in_log(it.kafka.bootstrap, it.dead)[-1])
        assert newest["sidecar.redrive.count"] == b"%d" % count
        assert newest["sidecar.redrive.offset"] == b"%d" % RECORDS
    said = it.run("redrive", "--most-redrives", "2", status=1)
    assert "0 letters redriven\n1 stay: it was redriven 2 times, and came back each time" in said


def test_letters_go_straight_to_the_writer_and_those_that_it_refuses_stay(it: Dlq) -> None:
    said = it.run("redrive", "--to", "writer", status=1)
    assert "0 letters redriven\n3 stay: answered 422" in said
    it.app.behave = accept
    assert "3 letters redriven" in it.run("redrive", "--to", "writer")
    taken = [taken.line for taken in it.app.taken[it.topic, 0]]
    assert [line["offset"] for line in taken[-3:]] == list(BAD)
    assert len(messages_in_log(it.kafka.bootstrap, it.topic)) == RECORDS


def test_letters_are_dropped_only_when_it_is_confirmed_and_those_between_stay(it: Dlq) -> None:
    assert it.run("drop") == "3 letters would be dropped; say --yes to do it\n"
    assert it.open() == {"poison": 3}
    assert it.run("drop", "--yes", "--topic", "another") == "0 letters dropped\n"
    assert it.run("drop", "--yes", "--since", "1h", "--count", "1") == "1 letters dropped\n"
    assert it.open() == {"poison": 2}
    assert "2 letters redriven" in it.run("redrive")


def test_letters_that_are_done_stay_done_when_the_first_open_one_has_left_the_topic(it: Dlq) -> None:
    produce(it.kafka.bootstrap, it.dead, [Message(b"x", headers=ANOTHER)])
    assert it.run("drop", "--yes", "--reason", "other") == "1 letters dropped\n"
    assert it.open() == {"poison": 3}
    delete_before(it.kafka.bootstrap, it.dead, 1)
    assert it.open() == {"poison": 2}
    assert it.run("drop", "--yes") == "2 letters dropped\n"
    assert it.run("list") == "no letters\n"


def test_two_that_change_letters_at_a_time_are_told_of_each_other(it: Dlq) -> None:
    it.app.behave = lambda _request: Reply(503, {"Retry-After": "20"})
    before = len(it.app.requests)
    first = subprocess.Popen(
        [sys.executable, "-m", "sidecar", "dlq", "redrive", "--to", "writer"],
        env=it.environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: len(it.app.requests) > before, "the first one writes")
        assert "another one changes these letters now" in it.run("redrive", status=1)
    finally:
        first.kill()
        first.wait()


def test_without_a_dead_letter_topic_there_is_nothing_to_do_and_it_says_which_setting(it: Dlq) -> None:
    it.environ = {name: text for name, text in it.environ.items() if not name.startswith("SIDECAR_DEAD_LETTER")}
    assert "SIDECAR_DEAD_LETTER__TOPIC: is not set" in it.run("list", status=2)
