from __future__ import annotations

import json

import pytest

from sidecar.core.records import TopicPartition
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
from sidecar.writers.http_answers import longest, of_record, result_of, said
from sidecar.writers.http_connection import Answer
from tests.contract.batches import numbers

NOON = 1_700_049_600.0  # Wed, 15 Nov 2023 12:00:00 GMT
BATCH = numbers(10, 15)
FAILED = {"topic": "orders", "partition": 0, "offset": 12, "action": "reject", "error": "no such customer"}


def success(body: bytes, content_type: str = "application/json", status: int = 200) -> Result:
    return result_of(Answer(status, content_type, None, body), BATCH, NOON)


def failing(*failures: object) -> Result:
    return success(json.dumps({"failures": failures}).encode())


@pytest.mark.parametrize(
    ("statuses", "result"),
    [
        ((200, 201, 202, 204, 299), Delivered),
        ((408, 425, 429, 500, 501, 502, 503, 504, 599, 103), Retriable),
        ((400, 409, 422), Poison),
        ((413,), TooLarge),
        ((401, 403, 404, 405, 407, 410, 415, 418, 431, 300, 301, 302, 307, 304), Systemic),
    ],
)
def test_each_status_has_one_meaning(statuses: tuple[int, ...], result: type[Result]) -> None:
    for status in statuses:
        assert isinstance(result_of(Answer(status), BATCH, NOON), result), status


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        (None, None),
        ("7", 7.0),
        ("999999999999", 3600.0),
        ("Wed, 15 Nov 2023 12:00:30 GMT", 30.0),
        ("Wed, 15 Nov 2023 11:00:00 GMT", 0.0),
        ("Wed, 15 Nov 2023 12:00:30", 30.0),
        ("soon", None),
        ("-5", None),
        ("9" * 5000, 3600.0),
        ("Wed, 15 Nov 99999999999999999999 12:00:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_an_hour_at_most(header: str | None, wait: float | None) -> None:
    result = result_of(Answer(503, retry_after=header), BATCH, NOON)

    assert result == Retriable("answered 503 Service Unavailable", wait, said=Said("503"))


@pytest.mark.parametrize("status", [413, 431])
def test_a_size_that_is_the_only_records_own_is_poison(status: int) -> None:
    assert isinstance(of_record(Answer(status), numbers(10, 11), NOON), Poison)


@pytest.mark.parametrize(
    "body", [b"", b" ", b"{}", b"[]", b'"ok"', b'{"failures": []}', b'{"failures": null}', b'{"status": "ok"}']
)
def test_a_success_without_failures_delivers_everything(body: bytes) -> None:
    assert success(body) == Delivered()


def test_named_failures_are_the_only_records_not_taken() -> None:
    place = TopicPartition("orders", 0)

    assert failing(FAILED, FAILED | {"offset": 14, "action": "retry"}) == Partial(
        (
            RecordFailure(place, 12, FailureAction.REJECT, "no such customer"),
            RecordFailure(place, 14, FailureAction.RETRY, "no such customer"),
        ),
        said=Said("200", json.dumps({"failures": [FAILED, FAILED | {"offset": 14, "action": "retry"}]})[:256]),
    )


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"<multistatus/>", b'{"failures": null}'])
def test_a_207_that_names_no_failures_never_counts_as_delivered(body: bytes) -> None:
    assert isinstance(success(body, "", status=207), Retriable)


def test_a_207_is_read_as_any_success() -> None:
    body = json.dumps({"failures": [FAILED]}).encode()

    assert isinstance(success(body, "", status=207), Partial)
    assert success(b'{"failures": []}', status=207) == Delivered()


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", ""),
        (b"no such\r\ncustomer\x00\x1b[31m", "no such  customer  [31m"),
        ("ü".encode() * 1000, "ü" * 256),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (None, ""),
    ],
)
@pytest.mark.parametrize("status", [200, 422, 503])
def test_the_answers_own_words_are_its_first_256_characters_as_far_as_they_can_be_printed(
    status: int, body: bytes | None, text: str
) -> None:
    assert said(Answer(status, body=body)) == Said(str(status), text)


@pytest.mark.parametrize("status", [400, 422, 429, 500, 413])
def test_what_the_answer_said_is_kept_and_stays_out_of_the_reason(status: int) -> None:
    result = result_of(Answer(status, body=b"hunter2"), numbers(10, 11), NOON)

    assert isinstance(result, Poison | Retriable)
    assert result.said == Said(str(status), "hunter2")
    assert "hunter2" not in result.reason


def test_failures_count_whatever_the_content_type_says() -> None:
    assert isinstance(success(json.dumps({"failures": [FAILED]}).encode(), "text/plain"), Partial)


@pytest.mark.parametrize(
    "change",
    [
        {"offset": 15},
        {"offset": 9},
        {"partition": 1},
        {"topic": "other"},
        {"offset": "12"},
        {"action": "ignore"},
        {"offset": None},
    ],
)
def test_a_failure_that_cannot_be_understood_never_counts_as_delivered(change: dict[str, object]) -> None:
    result = failing(FAILED | change)

    assert isinstance(result, Retriable)
    assert result.reason.startswith("the answer is not what the contract says: ")


def test_a_record_that_is_named_twice_is_a_breach() -> None:
    assert isinstance(failing(FAILED, FAILED), Retriable)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"<html>"),
        ("application/problem+json", b'{"failures": ['),
        ("", b'{"failures": ['),
        ("application/json", b'{"failures": 3}'),
        ("application/json", b'{"failures": ["\xff"]}'),
        ("application/json", b"[" * 60_000),
        ("text/html", str({"failures": [FAILED]}).encode()),
        ("", b'{"fail'),
    ],
)
def test_a_body_that_ought_to_be_json_and_is_not_never_counts_as_delivered(content_type: str, body: bytes) -> None:
    assert isinstance(success(body, content_type), Retriable)


def test_a_page_of_html_with_a_success_is_a_success() -> None:
    assert success(b"<html>thanks</html>", "text/html") == Delivered()


def test_a_body_that_was_too_long_to_read_never_counts_as_delivered() -> None:
    assert isinstance(result_of(Answer(200, "application/json", None, None), BATCH, NOON), Retriable)


def test_an_answer_may_refuse_each_record_of_a_large_batch_by_name() -> None:
    batch = numbers(0, 10_000)
    body = json.dumps({"failures": [FAILED | {"offset": n} for n in range(10_000)]}).encode()

    assert len(body) <= longest(batch)
    result = result_of(Answer(200, "application/json", None, body), batch, NOON)
    assert isinstance(result, Partial)
    assert len(result.failures) == 10_000


@pytest.mark.parametrize(
    "change", [{"action": "hunter2"}, {"offset": "hunter2"}, {"error": {"hunter2": "hunter2"}}, {"topic": "hunter2"}]
)
def test_a_breach_is_told_without_quoting_the_answer(change: dict[str, object]) -> None:
    result = failing(FAILED | change)

    assert isinstance(result, Retriable)
    assert "hunter2" not in result.reason


def test_an_error_text_is_cut_and_stays_on_one_line() -> None:
    result = failing(FAILED | {"error": "a\nb" + "x" * 999})

    assert isinstance(result, Partial)
    assert result.failures[0].error == "ab" + "x" * 197
