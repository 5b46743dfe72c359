from __future__ import annotations

import re
import threading
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.parts.app import Application
from tests.parts.behaviour import Behaviour, Reply, Request, answer, failing, held_until
from tests.parts.environ import sidecar_environ
from tests.parts.kafka import RealKafka
from tests.parts.process import SidecarProcess
from tests.parts.topics import Message, create_topic, fresh_name, produce, produce_numbered
from tests.parts.waiting import wait_for

DOTTED = re.compile(r"[a-z_]+(\.[a-z_]+)+")

PAYLOAD = "xyzzy-payload"


def test_each_step_and_each_transition_is_told_once_as_json(kafka: RealKafka, tmp_path: Path) -> None:
    topic = fresh_name("orders")
    create_topic(kafka.bootstrap, topic, partitions=2)
    gate = threading.Event()
    with Application(held_until(gate)) as app:
        environ = sidecar_environ(kafka.bootstrap, topic, app.url, BUFFER__MAX_MESSAGES="100")
        with SidecarProcess(environ, tmp_path) as sidecar:
            produce_numbered(kafka.bootstrap, topic, range(1000), partitions=2)
            sidecar.wait_status(lambda status: status["kafka"]["holds"] > 0, "the buffer fills up")
            gate.set()
            sidecar.wait_status(lambda status: status["books"]["delivered"] == 1000, "all is delivered")
            sidecar.wait_status(lambda status: status["state"] == "normal", "the buffer is empty again")
            counted = sidecar.metric("sidecar_state_transitions_total")
            told = len(sidecar.events("state.changed"))
            sidecar.sigterm()
            assert sidecar.wait_exit() == 0
            lines = sidecar.events()

    assert told == counted >= 2
    for line in lines:
        assert set(line) >= {"timestamp", "level", "event"}
        assert DOTTED.fullmatch(line["event"]), line
    steps = [line["event"] for line in lines if line["event"] not in ("state.changed", "kafka.trouble")]
    assert steps == [
        "sidecar.started",
        "partitions.assigned",
        "drain.started",
        "drain.finished",
        "partitions.revoked",
        "group.left",
        "sidecar.stopped",
    ]
    transitions = [(line["old"], line["new"]) for line in lines if line["event"] == "state.changed"]
    assert transitions[0][0] == "normal"
    assert all(new == old for (_, new), (old, _) in pairwise(transitions))
    assert transitions[-1] == ("normal", "draining")
    assigned = next(line for line in lines if line["event"] == "partitions.assigned")
    assert (assigned["count"], assigned["partitions"]) == (2, f"{topic}[0], {topic}[1]")
    stopped = lines[-1]
    assert (stopped["status"], stopped["reason"]) == (0, "drained")
    assert stopped["books"] | {"polled": 1000, "delivered": 1000, "unaccounted": 0} == stopped["books"]


def test_failures_that_repeat_are_told_at_once_and_then_now_and_then_with_their_number(kafka: RealKafka, tmp_path: Path) -> None:
    topic = fresh_name("orders")
    create_topic(kafka.bootstrap, topic)
    produce_numbered(kafka.bootstrap, topic, range(10))
    with Application(answer(503)) as app:
        environ = sidecar_environ(kafka.bootstrap, topic, app.url, RETRY__MAX_WAIT="50ms")
        with SidecarProcess(environ, tmp_path) as sidecar:
            first, second = wait_for(lambda: _pair(sidecar), "the failures are told twice", within=30)
            attempts = len(app.requests)
            app.behave = lambda _request: Reply()
            sidecar.wait_status(lambda status: status["books"]["delivered"] == 10, "all is delivered in the end")
    assert first["reason"] == second["reason"] == "answered 503 Service Unavailable"
    assert "repeated" not in first
    assert second["repeated"] > 20
    assert second["repeated"] + 1 <= attempts
    assert second["attempt"] == second["repeated"] + 1  # one batch, tried again and again
    assert app.ids == tuple(range(10))


def _pair(sidecar: SidecarProcess) -> list[dict[str, Any]]:
    """Return the first two lines of failed flushes, once there are two."""
    lines = sidecar.events("flush.failed")
    return lines[:2] if len(lines) > 1 else []


@pytest.mark.parametrize("level", ["debug", "info"])
def test_nothing_of_a_payload_is_in_the_log_the_status_or_the_metrics(kafka: RealKafka, tmp_path: Path, level: str) -> None:
    topic = fresh_name("orders")
    create_topic(kafka.bootstrap, topic)
    payload = PAYLOAD.encode()
    produce(
        kafka.bootstrap,
        topic,
        [
            Message(b'{"id": %d, "text": "%s"}' % (number, payload), key=payload, headers=[(PAYLOAD, payload)])
            for number in range(100)
        ],
    )
    with Application(_misbehaving(topic)) as app:
        environ = sidecar_environ(kafka.bootstrap, topic, app.url, ON_POISON="drop", LOG__LEVEL=level)
        with SidecarProcess(environ, tmp_path) as sidecar:
            done = sidecar.wait_status(
                lambda status: status["partitions"] and status["partitions"][0]["committed"] == 100, "all is done"
            )
            shown = str(done) + sidecar.get("/metrics")[1]
            sidecar.sigterm()
            assert sidecar.wait_exit() == 0
            log = sidecar.child.log.read_text("utf-8")
            assert sidecar.events("flush.failed")
            assert sidecar.events("records.dropped")
    assert PAYLOAD in str(app.taken)
    assert done["books"]["dropped"]["poison"] == 1
    assert PAYLOAD not in log
    assert PAYLOAD not in shown


def _misbehaving(topic: str) -> Behaviour:
    """Answer in every way that could carry the payload back."""
    pages = [
        Reply(500, {"Content-Type": "text/html"}, f"<h1>{PAYLOAD}</h1>".encode()),
        Reply(200, {"Content-Type": "application/json"}, f'{{"{PAYLOAD}'.encode()),
        Reply(200, {"Content-Type": "application/json"}, f'{{"failures": [{{"topic": "{PAYLOAD}"}}]}}'.encode()),
    ]
    refusing = failing([(topic, 0, 7)], "reject", error="it cannot be used")

    def behave(request: Request) -> Reply:
        return pages[request.number] if request.number < len(pages) else refusing(request)

    return behave
