from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from sidecar.core.errors import ConfigurationError, WriterUnavailable
from sidecar.core.records import Batch
from sidecar.core.results import Delivered, Result, Retriable, Systemic
from sidecar.writers import registry
from sidecar.writers.protocol import Writer
from tests.contract.batches import chunk
from tests.unit.writers import coded

CODED = "tests.unit.writers.coded"
NO_RESULT = "; return None, or a result of sidecar with what it declares"


def writer_of(name: str) -> Writer:
    return registry.kind(f"python:{CODED}:{name}", {}).create()


def written(writer: Writer, value: bytes = b"hunter2", within: float = 20) -> Result:
    return writer.write(Batch.of([chunk([value, b"2"])]), 1, time.monotonic() + within)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Import modules from a folder of their own."""
    sys.path.insert(0, str(tmp_path))
    yield tmp_path
    sys.path.remove(str(tmp_path))


@pytest.mark.parametrize("name", ["answering", "answering_later", "Plain"])
@pytest.mark.parametrize("answer", ["delivered", "partial", "retriable", "poison", "named", "too large", "systemic"])
def test_a_result_is_the_result(name: str, answer: str) -> None:
    writer = writer_of(name)
    assert written(writer, answer.encode()) == coded.ANSWERS[answer]
    writer.close()


@pytest.mark.parametrize("answer", ["none", "nothing failed"])
def test_no_result_and_no_failure_mean_delivered(answer: str) -> None:
    assert written(writer_of("answering"), answer.encode()) == Delivered()


@pytest.mark.parametrize(
    ("name", "answer", "reason"),
    [
        ("answering", "true", f"it returned a builtins.bool{NO_RESULT}"),
        ("answering", "fenced", f"it returned a sidecar.core.results.Fenced{NO_RESULT}"),
        ("answering", "a list", f"it returned a sidecar.core.results.Partial{NO_RESULT}"),
        ("answering", "no reason", f"it returned a sidecar.core.results.Retriable{NO_RESULT}"),
        ("answering", "no wait", f"it returned a sidecar.core.results.Retriable{NO_RESULT}"),
        ("answering", "no words", f"it returned a sidecar.core.results.Poison{NO_RESULT}"),
        ("answering", "no status", f"it returned a sidecar.core.results.Retriable{NO_RESULT}"),
        ("answering", "stranger", "it returned a failure of orders[0] offset 99, which is not in the batch"),
        ("answering", "strange poison", "it returned a failure of orders[0] offset 99, which is not in the batch"),
        ("answering", "no failure", "it returned failures that are not each a RecordFailure with what it declares"),
        ("answering", "no action", "it returned failures that are not each a RecordFailure with what it declares"),
        ("yielding", "", f"it returned a builtins.generator{NO_RESULT}"),
    ],
)
def test_an_answer_that_means_nothing_stops_everything_and_says_so(name: str, answer: str, reason: str) -> None:
    assert written(writer_of(name), answer.encode()) == Systemic(f"{CODED}:{name}: {reason}")


@pytest.mark.parametrize("answer", ["half a character", "half of them", "half a reason"])
def test_a_text_that_cannot_be_written_as_utf_8_is_told_as_far_as_it_can(answer: str) -> None:
    result = written(writer_of("answering"), answer.encode())
    assert type(result) is type(coded.ANSWERS[answer])
    assert "?" in str(result)
    assert "udcff" not in repr(result)


def line_of(text: str) -> int:
    """Return the line of ``text`` in the module of the examples."""
    lines = Path(coded.__file__).read_text("utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


@pytest.mark.parametrize(
    ("name", "error", "line"),
    [
        ("failing", "KeyError", "raise KeyError("),
        ("failing_later", "KeyError", "raise KeyError("),
        ("decoding", "JSONDecodeError", "json.loads("),
        ("cancelled", "CancelledError", "raise asyncio.CancelledError"),
        ("timing_out", "TimeoutError", "raise TimeoutError"),
    ],
)
def test_an_exception_is_tried_again_and_told_by_its_class_and_line_never_by_its_text(name: str, error: str, line: str) -> None:
    writer = writer_of(name)
    assert written(writer) == Retriable(f"{CODED}:{name}: {error} at coded.py:{line_of(line)}")
    writer.close()


def test_an_async_call_is_cancelled_at_the_deadline() -> None:
    writer = writer_of("endless")
    assert written(writer, within=0) == Retriable(f"{CODED}:endless: not done in time, cancelled")
    writer.close()


def test_a_call_that_is_not_async_counts_however_late_it_is() -> None:
    assert written(writer_of("answering"), b"partial", within=-1) == coded.ANSWERS["partial"]


def test_a_class_is_made_once_a_writer_and_closed_in_the_loop_in_which_it_wrote() -> None:
    coded.Sink.opened = coded.Sink.closed = coded.Sink.taken = 0
    coded.Sink.loops.clear()
    writer = writer_of("Sink")
    assert coded.Sink.opened == 0
    writer.connect(time.monotonic())
    assert [written(writer), written(writer)] == [Delivered(), Delivered()]
    writer.close()
    writer.close()

    assert (coded.Sink.opened, coded.Sink.closed, coded.Sink.taken, len(coded.Sink.loops)) == (1, 1, 4, 1)

    assert written(writer) == Delivered()
    writer.close()
    assert (coded.Sink.opened, coded.Sink.closed) == (2, 2)


def test_async_code_runs_on_a_flushers_thread() -> None:
    results: list[Result] = []

    def flush() -> None:
        writer = writer_of("answering_later")
        results.append(written(writer, b"partial"))
        writer.close()

    thread = threading.Thread(target=flush)
    thread.start()
    thread.join()
    assert results == [coded.ANSWERS["partial"]]


def test_an_object_that_cannot_be_made_holds_everything_until_it_can() -> None:
    reason = rf"{CODED}:NotYet: ConnectionError at coded.py:{line_of('raise ConnectionError(')}"
    coded.NotYet.away = True
    writer = writer_of("NotYet")
    assert written(writer) == Systemic(reason)
    with pytest.raises(WriterUnavailable, match=f"^{reason}$"):
        writer.connect(time.monotonic())

    coded.NotYet.away = False
    assert written(writer) == Delivered()
    with capture_logs() as logs:
        writer.close()
    assert [(log["event"], log["reason"]) for log in logs] == [
        ("writer.python.not_closed", f"{CODED}:NotYet: OSError at coded.py:{line_of('raise OSError(')}")
    ]


def test_calls_come_one_by_one_and_with_headers_unless_it_is_said_otherwise() -> None:
    usual = registry.kind(f"python:{CODED}:answering", {})
    other = registry.kind(f"python:{CODED}:answering", {"concurrency": 4, "headers": False})
    assert (usual.name, usual.max_in_flight, usual.needs_headers) == (f"python:{CODED}:answering", 1, True)
    assert (other.max_in_flight, other.needs_headers) == (4, False)


def test_the_scheme_is_read_in_any_case_and_the_rest_as_it_is() -> None:
    assert registry.kind(f"PYTHON:{CODED}:of_any", {}).name == f"python:{CODED}:of_any"


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("python:", "it names no function or class; write python:package.module:callable"),
        ("python:hunter2", "it names no function or class; write python:package.module:callable"),
        ("python://hunter2/x", "it names no function or class; write python:package.module:callable"),
        ("python:a:b:c", "it names no function or class; write python:package.module:callable"),
        (
            "python:nowhere.at:all",
            "nowhere.at cannot be imported (No module named 'nowhere'); install it beside kafka-sidecar, or",
        ),
        (f"python:{CODED}:missing", f"the module {CODED} has no missing; name a function or a class in it"),
        (f"python:{CODED}:NUMBER", f"{CODED}:NUMBER is an int, not a function or a class; name one"),
        (f"python:{CODED}:of_two", f"{CODED}:of_two must take one argument, the batch: def of_two(batch)"),
        (f"python:{CODED}:Wanting", f"the class {CODED}:Wanting must take no arguments: read what it needs from the environment"),
        (f"python:{CODED}:WithoutWrite", f"the class {CODED}:WithoutWrite has no method write; give it def write(self, batch)"),
        (f"python:{CODED}:WritingTwo", f"{CODED}:WritingTwo.write must take one argument, the batch: def write(self, batch)"),
    ],
)
def test_code_that_cannot_be_called_is_refused_before_a_record_is_read(url: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        registry.kind(url, {})
    assert str(refused.value).startswith(f"SIDECAR_WRITER__URL: {complaint}")


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("import nowhere_at_all", r"No module named 'nowhere_at_all'\); install it beside"),
        ("\n1 +", r"SyntaxError at broken_\d\.py:2\); mend it there"),
        ("\n\npassword = 'hunter2'; raise ValueError(password)", r"ValueError at broken_\d\.py:3\); mend it there"),
        ("import sys; sys.exit('hunter2')", r"SystemExit at broken_\d\.py:1\); mend it there"),
    ],
)
def test_a_module_that_fails_is_told_by_the_line_and_not_by_its_words(
    folder: Path, source: str, told: str, request: pytest.FixtureRequest
) -> None:
    name = f"broken_{request.node.callspec.indices['source']}"
    (folder / f"{name}.py").write_text(source, "utf-8")

    with pytest.raises(ConfigurationError, match=told) as refused:
        registry.kind(f"python:{name}:write", {})
    assert "hunter2" not in str(refused.value)


def test_a_concurrency_of_none_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"^SIDECAR_WRITER__CONCURRENCY: must be at least 1$"):
        registry.kind(f"python:{CODED}:answering", {"concurrency": 0})
