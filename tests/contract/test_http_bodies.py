from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import pytest

from sidecar.core.records import Batch, Headers, TopicPartition
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
)
from sidecar.writers import registry
from tests.contract.batches import chunk, numbers
from tests.contract.downstreams import OverTcp
from tests.contract.listener import TAKEN, Conversation, Listener
from tests.parts.app import Application
from tests.parts.behaviour import Behaviour, Reply, Request, accept, failing
from tests.parts.waiting import free_port

BODIES = ("ndjson", "values", "json", "raw", "cloudevents")
BY_NAME = ("ndjson", "json", "raw", "cloudevents")
PLACE = TopicPartition("orders", 0)
PARENT = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def sent(app: OverTcp, batch: Batch, attempt: int = 1, **options: registry.Value) -> Result:
    """Return what a new writer with ``options`` makes of ``batch``."""
    writer = registry.kind(app.url, options).create()
    result = writer.write(batch, attempt, time.monotonic() + 20)
    writer.close()
    return result


def offsets(app: OverTcp) -> list[int]:
    return [record.offset for record in app.application.taken.get(("orders", 0), ())]


def failed(action: FailureAction, error: str, *places: int) -> tuple[RecordFailure, ...]:
    return tuple(RecordFailure(PLACE, offset, action, error) for offset in places)


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_each_body_arrives_compressed_as_it_is_asked_for(app: OverTcp, body: str, compression: str) -> None:
    assert sent(app, numbers(0, 3), body=body, compression=compression) == Delivered()

    assert app.application.ids == (0, 1, 2)
    encodings = {request.headers.get("content-encoding") for request in app.application.requests}
    assert encodings == {None if compression == "none" else "gzip"}


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("ndjson", "application/x-ndjson"),
        ("values", "application/octet-stream"),
        ("json", "application/json"),
        ("raw", "application/json"),
        ("cloudevents", "application/cloudevents-batch+json"),
    ],
)
def test_a_request_says_what_it_holds(app: OverTcp, body: str, content_type: str) -> None:
    assert sent(app, numbers(0, 1), body=body) == Delivered()

    (request,) = app.application.requests
    assert request.headers["content-type"] == content_type
    assert request.headers["sidecar-records"] == "1"


@pytest.mark.parametrize("body", BY_NAME)
def test_records_are_refused_by_name_in_each_body_that_names_them(app: OverTcp, body: str) -> None:
    app.application.behave = failing([("orders", 0, 12), ("orders", 0, 14)], "reject", "no such customer")
    result = sent(app, numbers(10, 16), body=body)

    assert isinstance(result, Partial)
    assert result.failures == failed(FailureAction.REJECT, "no such customer", 12, 14)
    assert offsets(app) == [10, 11, 13, 15]


def test_events_are_named_as_they_are_configured(app: OverTcp) -> None:
    source, kind = "https://kafka.example/eu", "com.example.{topic}"
    assert sent(app, numbers(7, 8), body="cloudevents", event_source=source, event_type=kind) == Delivered()

    event = app.application.taken["orders", 0][0].line["event"]
    assert (event["id"], event["source"], event["type"]) == ("orders/0/7", source, "com.example.orders")


def at(**answers: Reply) -> Behaviour:
    """Answer a request for the record at an offset (``o12``) with its reply, and take all others."""

    def behave(request: Request) -> Reply:
        return answers.get(f"o{request.lines[0]['offset']}", Reply())

    return behave


RAW_CASES: Mapping[str, tuple[Behaviour, Result, Sequence[int]]] = {
    "one is refused": (
        at(o12=Reply(422, {}, b"why")),
        Partial(failed(FailureAction.REJECT, "answered 422 Unprocessable Entity", 12), said=Said("422", "why")),
        [10, 11, 13, 14],
    ),
    "two are refused, each in other words": (
        at(o10=Reply(400, {}, b"why"), o14=Reply(413)),
        Partial(
            (
                *failed(FailureAction.REJECT, "answered 400 Bad Request", 10),
                *failed(FailureAction.REJECT, "answered 413 Request Entity Too Large", 14),
            )
        ),
        [11, 12, 13],
    ),
    "headers that the server does not take are the record's": (
        at(o11=Reply(431)),
        Partial(failed(FailureAction.REJECT, "answered 431 Request Header Fields Too Large", 11), said=Said("431")),
        [10, 12, 13, 14],
    ),
    "nothing overtakes one that waits": (
        at(o12=Reply(503, {"Retry-After": "7"})),
        Partial(failed(FailureAction.RETRY, "answered 503 Service Unavailable", 12, 13, 14), 7.0),
        [10, 11],
    ),
    "one is refused and a later one waits": (
        at(o10=Reply(422), o13=Reply(429)),
        Partial(
            (
                *failed(FailureAction.REJECT, "answered 422 Unprocessable Entity", 10),
                *failed(FailureAction.RETRY, "answered 429 Too Many Requests", 13, 14),
            ),
            said=Said("422"),
        ),
        [11, 12],
    ),
    "all are refused, which may be none of their fault": (
        lambda _request: Reply(400),
        Poison("answered 400 Bad Request", failed(FailureAction.REJECT, "answered 400 Bad Request", *range(10, 15)), Said("400")),
        [],
    ),
    "the first is refused and the next one waits": (
        at(o10=Reply(400), o11=Reply(503, {"Retry-After": "7"})),
        Poison("answered 400 Bad Request", failed(FailureAction.REJECT, "answered 400 Bad Request", 10), Said("400")),
        [],
    ),
    "the credentials end": (
        at(o13=Reply(401)),
        Partial(failed(FailureAction.RETRY, "answered 401 Unauthorized", 13, 14)),
        [10, 11, 12],
    ),
    "the connection is lost": (
        at(o12=Reply(hang_up=True)),
        Partial(failed(FailureAction.RETRY, "the connection was lost (RemoteDisconnected)", 12, 13, 14)),
        [10, 11],
    ),
    "the first waits": (
        at(o10=Reply(503, {"Retry-After": "7"}, b"busy")),
        Retriable("answered 503 Service Unavailable", 7.0, said=Said("503", "busy")),
        [],
    ),
    "nothing can be sent": (at(o10=Reply(403)), Systemic("answered 403 Forbidden"), []),
    "one asks to wait by name": (
        failing([("orders", 0, 11)], "retry", "busy"),
        Partial(failed(FailureAction.RETRY, "busy", 11, 12, 13, 14)),
        [10],
    ),
}


@pytest.mark.parametrize(("behaviour", "result", "taken"), RAW_CASES.values(), ids=RAW_CASES)
def test_what_comes_of_each_record_of_its_own_request_is_told_by_name(
    app: OverTcp, behaviour: Behaviour, result: Result, taken: Sequence[int]
) -> None:
    app.application.behave = behaviour

    assert sent(app, numbers(10, 15), body="raw") == result
    assert offsets(app) == taken


def test_records_that_cannot_be_carried_raw_are_refused_and_not_sent(app: OverTcp) -> None:
    huge: Sequence[Headers | None] = [None, [("h", b"\xff" * 30_000)], None]
    result = sent(app, Batch.of([chunk([b"1", b"2", b"3"], headers=huge)]), body="raw")

    reason = "its key and headers take more than 64000 bytes as headers: body `raw` cannot carry them"
    assert result == Partial(failed(FailureAction.REJECT, reason, 1))
    assert offsets(app) == [0, 2]


def test_a_single_record_that_is_refused_raw_is_named(app: OverTcp) -> None:
    app.application.behave = at(o7=Reply(422, {}, b"why"))

    result = sent(app, numbers(7, 8), body="raw")
    reason = "answered 422 Unprocessable Entity"
    assert result == Poison(reason, failed(FailureAction.REJECT, reason, 7), Said("422", "why"))


def test_raw_requests_share_a_connection_and_are_named_for_ever(app: OverTcp) -> None:
    open_at_once: list[int] = []

    def behave(request: Request) -> Reply:
        open_at_once.append(app.application.connections)
        return accept(request)

    app.application.behave = behave
    for attempt, batch in ((1, numbers(0, 3)), (2, numbers(1, 3))):
        assert sent(app, batch, attempt, body="raw") == Delivered()

    requests = [request.headers for request in app.application.requests]
    assert [headers["sidecar-attempt"] for headers in requests] == ["1", "1", "1", "2", "2"]
    names = [headers["idempotency-key"] for headers in requests]
    assert names[1:3] == names[3:]
    assert len(set(names)) == 3
    assert len({headers["traceparent"] for headers in requests}) == 5


@pytest.mark.parametrize("body", BY_NAME)
def test_a_record_that_is_alone_goes_in_its_own_trace(app: OverTcp, body: str) -> None:
    headers: Sequence[Headers | None] = [[("traceparent", PARENT), ("tracestate", b"a=b")]]
    assert sent(app, Batch.of([chunk([b"1"], headers=headers)]), body=body) == Delivered()

    (request,) = app.application.requests
    assert (request.headers["traceparent"], request.headers["tracestate"]) == (PARENT.decode(), "a=b")


def test_records_in_one_request_go_in_a_trace_of_the_batch_and_raw_ones_each_in_its_own(app: OverTcp) -> None:
    batch = Batch.of([chunk([b"1", b"2"], headers=[[("traceparent", PARENT)], None])])
    for body in ("ndjson", "raw"):
        assert sent(app, batch, body=body) == Delivered()

    together, own, made = [request.headers["traceparent"] for request in app.application.requests]
    assert own == PARENT.decode()
    assert len({together, own, made}) == 3


HOSTILE: Sequence[bytes] = (
    b"http://evil.example/",
    b"x\r\nHost: evil.example\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    b"../../admin?x=",
    b"\x00\xff%0d%0a",
)
OURS = {
    "accept-encoding",
    "content-encoding",
    "content-length",
    "content-type",
    "host",
    "idempotency-key",
    "kafka-headers",
    "kafka-key",
    "kafka-offset",
    "kafka-partition",
    "kafka-timestamp",
    "kafka-topic",
    "sidecar-attempt",
    "sidecar-records",
    "traceparent",
    "user-agent",
}


@pytest.mark.parametrize("body", BODIES)
def test_nothing_of_a_record_says_where_it_goes_or_what_else_the_request_says(body: str) -> None:
    names = ("Host", "Location", "Authorization", "Content-Length", ":path", "url", "a\r\nHost", "traceparent", "tracestate")
    headers: Sequence[Headers | None] = [[(name, hostile) for name in names] for hostile in HOSTILE]
    batch = Batch.of([chunk([hostile.replace(b"\n", b"") for hostile in HOSTILE], keys=HOSTILE, headers=headers)])
    heads: list[bytes] = []

    def script(conversation: Conversation) -> None:
        while head := conversation.whole_head():
            heads.append(head)
            conversation.say(TAKEN)

    port = free_port()
    with Application() as elsewhere, Listener(port, script) as server:
        url = f"http://127.0.0.1:{port}/records?a=b"
        writer = registry.kind(url, {"body": body}).create()
        assert writer.write(batch, 1, time.monotonic() + 20) == Delivered()
        writer.close()
        assert server.connections == 1
        assert elsewhere.requests == ()

    assert len(heads) == (len(HOSTILE) if body == "raw" else 1)
    for head in heads:
        line, *fields = head.decode("ascii").split("\r\n")
        said = dict(field.split(": ", 1) for field in fields)
        assert line == "POST /records?a=b HTTP/1.1"
        assert len(said) == len(fields)
        assert {name.lower() for name in said} <= OURS
        assert said["Host"] == f"127.0.0.1:{port}"


@pytest.mark.parametrize("host", ["169.254.169.254", "2852039166", "0xa9fea9fe", "[::ffff:169.254.169.254]", "[fd00:ec2::254]"])
def test_where_clouds_give_out_credentials_nothing_is_sent_however_it_is_written(host: str) -> None:
    url = f"http://{host}/latest/meta-data"
    result = registry.kind(url, {}).create().write(numbers(0, 1), 1, time.monotonic() + 20)

    assert isinstance(result, Systemic)
    assert result.reason.startswith(f"no connection to {url}: ")
    assert result.reason.endswith("is link-local, or where a cloud gives out credentials, which is not allowed")


def test_a_name_for_that_is_refused_before_it_is_looked_up() -> None:
    result = registry.kind("http://metadata.google.internal/", {}).create().write(numbers(0, 1), 1, time.monotonic() + 20)

    assert isinstance(result, Systemic)
    assert "metadata.google.internal is link-local, or where a cloud" in result.reason


def test_it_can_be_allowed() -> None:
    writer = registry.kind("http://169.254.169.254/", {"allow_link_local": True}).create()
    result = writer.write(numbers(0, 1), 1, time.monotonic() - 1)  # late enough that nothing is sent to whoever that is here

    assert result == Retriable("no connection to http://169.254.169.254/ in time")


@pytest.mark.parametrize("body", ["ndjson", "json", "cloudevents"])
def test_one_poison_record_in_a_batch_that_is_not_named_is_for_the_engine_to_find(app: OverTcp, body: str) -> None:
    app.application.behave = lambda _request: Reply(422, {}, b"why")

    assert sent(app, numbers(0, 3), body=body) == Poison("answered 422 Unprocessable Entity", said=Said("422", "why"))
