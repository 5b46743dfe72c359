from __future__ import annotations

import ast
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path

from sidecar.core.records import UNREADABLE, Batch, TopicPartition
from sidecar.core.results import Delivered, FailureAction, Partial, Poison, RecordFailure
from sidecar.writers import cloudevents, http, http_answers, json_array, raw, registry, values
from sidecar.writers.http_connection import Answer
from tests.contract.batches import chunk, lines_of, numbers
from tests.parts.waiting import free_port, wait_for

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "docs" / "sample_app.py"
DOCUMENT = (ROOT / "docs" / "HTTP.md").read_text()

NOON = 1_700_049_600_000
USUAL = chunk([b'{"total": 12.5}'], keys=[b"c-17"], timestamps=[NOON], partition=3, offset=1041)
UNUSUAL = [
    chunk([b"plain text"], keys=[None], timestamps=[NOON], partition=3, offset=1042),
    chunk([b"\xff\x00"], keys=[b"\xfe"], timestamps=[NOON], partition=3, offset=1043),
    chunk([None], keys=[b"c-17"], timestamps=[-1], partition=3, offset=1044),
    chunk([b"null"], keys=[b"c-17"], timestamps=[NOON], partition=3, offset=1045),
    chunk([b"7"], keys=[b"c-17"], timestamps=[NOON], headers=[[("trace", b"a1"), ("trace", b"\xff")]], partition=3, offset=1046),
    chunk([b"8"], keys=[b"c-17"], timestamps=[NOON], headers=[UNREADABLE], partition=3, offset=1047, weight=10),
]


def blocks(language: str) -> list[str]:
    """Return what the document holds in fences of ``language``."""
    return re.findall(rf"^```{language}\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)


def test_the_lines_in_the_document_are_what_is_sent() -> None:
    assert blocks("ndjson") == [lines_of(Batch.of([USUAL])).decode(), lines_of(Batch.of(UNUSUAL)).decode()]


def test_the_payloads_in_the_document_are_what_is_sent() -> None:
    body = values.encode(Batch.of([chunk([b'{"total": 12.5}', None, b"plain text"])]))

    assert not isinstance(body, Poison)
    assert blocks("text") == [b"".join(body).decode() + "\n"]


def test_the_array_in_the_document_is_what_is_sent() -> None:
    assert blocks("json-array") == [b"".join(json_array.encode(Batch.of([USUAL, UNUSUAL[0]]))).decode() + "\n"]


def test_the_events_in_the_document_are_what_is_sent() -> None:
    source, kind = (str(http.OPTIONS[name].default) for name in ("event_source", "event_type"))

    sent = cloudevents.encoder(source, kind)(Batch.of([USUAL, UNUSUAL[1]]))
    assert blocks("cloudevents") == [b"".join(sent).decode() + "\n"]


def test_every_header_of_a_raw_request_is_in_the_document() -> None:
    records = (USUAL, *UNUSUAL)
    named = {name for record in records for name in raw.headers_of(record)}

    assert {name for name in named if f"`{name}`" not in DOCUMENT} == set()


def test_every_option_and_body_of_the_writer_is_in_its_document() -> None:
    document = (ROOT / "docs" / "writers" / "http.md").read_text()
    names = [f"SIDECAR_WRITER__{name.upper()}" for name in http.OPTIONS]

    assert [name for name in [*names, *http.OPTIONS["body"].choices] if f"`{name}`" not in document] == []


def test_the_answer_in_the_document_refuses_the_records_that_it_names() -> None:
    (body,) = blocks("json")
    place = TopicPartition("orders", 3)

    result = http_answers.result_of(Answer(200, "application/json", None, body.encode()), Batch.of([USUAL, *UNUSUAL]), 0)

    assert isinstance(result, Partial)
    assert result.failures == (
        RecordFailure(place, 1042, FailureAction.REJECT, "not JSON"),
        RecordFailure(place, 1046, FailureAction.RETRY, "customer is locked"),
    )


def test_each_status_stands_in_the_row_of_its_meaning() -> None:
    rows = re.findall(r"^\| ([0-9x, ]+|other) \| (\w+) \|", DOCUMENT, re.MULTILINE)
    meanings = {status: meaning for statuses, meaning in rows for status in statuses.split(", ")}
    answers = [status for status in HTTPStatus if status >= 200 or status == HTTPStatus.SWITCHING_PROTOCOLS]
    for status in answers:
        meaning = meanings.get(str(status.value)) or meanings.get(f"{status // 100}xx") or meanings["other"]
        result = type(http_answers.result_of(Answer(status, body=b'{"failures": []}'), numbers(0, 2), 0)).__name__
        assert result.lower() == meaning.replace("_", ""), status


def test_the_program_in_the_document_is_the_sample_application_and_has_fifteen_lines() -> None:
    program = SAMPLE.read_text()
    lines = {node.lineno for node in ast.walk(ast.parse(program)) if isinstance(node, ast.stmt) and not _is_docstring(node)}

    assert blocks("python") == [program]
    assert len(lines) <= 15


@contextmanager
def sample_application() -> Iterator[str]:
    """Run the sample application as a user would; its address."""
    port = free_port()
    with subprocess.Popen([sys.executable, SAMPLE, str(port)], stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(lambda: _listens(port), "the sample application listens")
            yield f"http://127.0.0.1:{port}/records"
        finally:
            process.terminate()


def test_the_sample_application_takes_json_and_refuses_the_rest_by_name() -> None:
    with sample_application() as url:
        writer = registry.kind(url, {}).create()
        for n in range(3):
            assert writer.write(numbers(n, n + 500), 1, time.monotonic() + 20) == Delivered()
        mixed = Batch.of([chunk([b"1", b"text", None, b"\xff"])])
        result = writer.write(mixed, 1, time.monotonic() + 20)
        writer.close()

    failures = [RecordFailure(TopicPartition("orders", 0), n, FailureAction.REJECT, "not JSON") for n in (1, 3)]
    assert isinstance(result, Partial)
    assert result.failures == tuple(failures)


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
