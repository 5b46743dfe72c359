from __future__ import annotations

import json
import threading
import time

import pytest

from sidecar.core.records import Batch, TopicPartition, batch_id
from sidecar.core.results import (
    Delivered,
    FailureAction,
    Partial,
    Poison,
    RecordFailure,
    Result,
    Retriable,
    Said,
    Systemic,
    TooLarge,
)
from sidecar.writers import registry
from tests.contract.batches import chunk, numbers
from tests.contract.downstreams import OverTcp
from tests.parts.app import Application
from tests.parts.behaviour import Behaviour, answer, endless_body, error_page, hang_up, held_until
from tests.parts.waiting import wait_for

BATCH = numbers(10, 15)
JSON = {"Content-Type": "application/json"}
PLACE = TopicPartition("orders", 0)


def soon() -> float:
    return time.monotonic() + 20


def failures(action: str, *offsets: int) -> bytes:
    entries = [{"topic": "orders", "partition": 0, "offset": n, "action": action, "error": "no"} for n in offsets]
    return json.dumps({"failures": entries}).encode()


def named(action: FailureAction, *offsets: int) -> tuple[RecordFailure, ...]:
    return tuple(RecordFailure(PLACE, n, action, "no") for n in offsets)


def breach(why: str, body: bytes, status: int = 200) -> Retriable:
    return Retriable(f"the answer is not what the contract says: {why}", said=Said(str(status), body.decode()[:256]))


PAGE = ("<!doctype html><h1>Something went wrong</h1>" * 100)[:256]
STRANGER = "`failures` names a record that was not sent, or one record twice"
IN_2200 = "Wed, 01 Jan 2200 00:00:00 GMT"


@pytest.mark.parametrize(
    ("behaviour", "result"),
    [
        (answer(204), Delivered()),
        (error_page(200), Delivered()),
        (error_page(502), Retriable("answered 502 Bad Gateway", said=Said("502", PAGE))),
        (answer(503, {"Retry-After": "7"}), Retriable("answered 503 Service Unavailable", 7.0, said=Said("503"))),
        (answer(503, {"Retry-After": IN_2200}), Retriable("answered 503 Service Unavailable", 3600.0, said=Said("503"))),
        (
            answer(429, JSON | {"Retry-After": "0"}, b"{}"),
            Retriable("answered 429 Too Many Requests", 0.0, too_many=True, said=Said("429", "{}")),
        ),
        (error_page(400), Poison("answered 400 Bad Request", said=Said("400", PAGE))),
        (
            answer(422, JSON, b'{"error": "a\nb"}'),
            Poison("answered 422 Unprocessable Entity", said=Said("422", '{"error": "a b"}')),
        ),
        (answer(413), TooLarge("answered 413 Request Entity Too Large")),
        (error_page(404), Systemic("answered 404 Not Found")),
        (answer(401, {"WWW-Authenticate": "Basic"}), Systemic("answered 401 Unauthorized")),
        (endless_body, Retriable(f"the answer is longer than {64 * 1024 + 5 * 256} bytes", said=Said("200"))),
        (hang_up, Retriable("the connection was lost (RemoteDisconnected)")),
        (answer(200, JSON, b'{"failures": ['), breach("its body is not valid JSON", b'{"failures": [')),
        (answer(200, JSON, failures("reject", 15)), breach(STRANGER, failures("reject", 15))),
        (answer(200, JSON, failures("reject", 11, 11)), breach(STRANGER, failures("reject", 11, 11))),
        (answer(207), breach("its body is not valid JSON", b"", 207)),
        (answer(207, JSON, b'{"status": "mixed"}'), breach("a 207 without `failures`", b'{"status": "mixed"}', 207)),
        *(
            (
                answer(status, JSON, failures(action.value, *offsets)),
                Partial(named(action, *offsets), said=Said(str(status), failures(action.value, *offsets).decode()[:256])),
            )
            for status in (200, 207)
            for action, offsets in ((FailureAction.RETRY, (12,)), (FailureAction.REJECT, (11, 14)))
        ),
    ],
)
def test_each_answer_has_its_meaning_and_the_next_request_gets_its_own(
    app: OverTcp, behaviour: Behaviour, result: Result
) -> None:
    writer = registry.kind(app.url, {}).create()
    app.application.behave = behaviour
    assert writer.write(BATCH, 1, soon()) == result

    app.application.behave = answer(200)
    assert writer.write(BATCH, 2, soon()) == Delivered()
    assert len(app.application.requests) == 2
    writer.close()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(app: OverTcp, status: int) -> None:
    with Application() as elsewhere:
        app.application.behave = answer(status, {"Location": elsewhere.url})
        writer = registry.kind(app.url, {}).create()

        assert isinstance(writer.write(BATCH, 1, soon()), Systemic)

        writer.close()
        assert not elsewhere.requests


def test_each_attempt_names_the_same_records_the_same_and_itself_anew(app: OverTcp) -> None:
    gate = threading.Event()
    app.application.behave = held_until(gate)
    first, second = registry.kind(app.url, {}).create(), registry.kind(app.url, {}).create()

    assert first.write(BATCH, 1, time.monotonic() + 0.3) == Retriable("no whole answer in time")
    wait_for(lambda: app.application.requests, "the first attempt is there, before the second")
    gate.set()
    assert first.write(BATCH, 2, soon()) == Delivered()
    first.close()
    assert second.write(numbers(10, 15), 3, soon()) == Delivered()
    assert second.write(numbers(10, 14), 1, soon()) == Delivered()
    second.close()

    *same, other = [request.headers for request in app.application.requests]
    assert {headers["idempotency-key"] for headers in same} == {batch_id(BATCH)}
    assert [headers["sidecar-attempt"] for headers in same] == ["1", "2", "3"]
    assert other["idempotency-key"] != batch_id(BATCH)
    traces = [headers["traceparent"].split("-") for headers in same]
    assert {(version, trace, flags) for version, trace, _, flags in traces} == {("00", batch_id(BATCH), "01")}
    assert len({span for _, _, span, _ in traces}) == 3
    assert {len(span) for _, _, span, _ in traces} == {16}


@pytest.mark.parametrize(("body", "content_type"), [("ndjson", "application/x-ndjson"), ("values", "application/octet-stream")])
def test_a_request_says_what_it_holds_and_who_sends_it(app: OverTcp, body: str, content_type: str) -> None:
    writer = registry.kind(app.url.replace("://", "://me:se%3Acret@"), {"body": body}).create()
    assert writer.write(Batch.of([chunk([b'{"id":1}', b'{"id":2}'])]), 1, soon()) == Delivered()
    writer.close()

    (request,) = app.application.requests
    assert request.headers["content-type"] == content_type
    assert request.headers["authorization"] == "Basic bWU6c2U6Y3JldA=="
    assert request.headers["user-agent"].startswith("kafka-sidecar/")
    assert request.headers["sidecar-records"] == "2"
    assert app.application.ids == (1, 2)


def test_a_batch_that_the_body_cannot_frame_is_poison_and_not_sent(app: OverTcp) -> None:
    writer = registry.kind(app.url, {"body": "values"}).create()

    assert isinstance(writer.write(Batch.of([chunk([b"two\nlines"])]), 1, soon()), Poison)
    assert not app.application.requests


def test_credentials_are_in_no_reason(app: OverTcp) -> None:
    kind = registry.kind(app.url.replace("://", "://me:hunter2@") + "?token=hunter2", {})
    app.application.go_down()
    app.go_down()

    result = kind.create().write(BATCH, 1, soon())

    assert isinstance(result, Systemic)
    assert result.reason.startswith(f"no connection to {app.url}: ")
    assert "hunter2" not in result.reason + kind.name
