from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator

import pytest
import structlog

from sidecar.observe.logging import configure


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Leave the process's logging as it was found."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def written(form: str, say: Callable[[], object], level: str = "info", stream: io.StringIO | None = None) -> str:
    stream = io.StringIO() if stream is None else stream
    configure(level, form, stream)
    say()
    return stream.getvalue()


def say_hello() -> None:
    structlog.get_logger().info("drain.started", buffered=3)


def test_an_event_is_one_line_of_json_that_begins_with_when_and_what() -> None:
    line = json.loads(written("json", say_hello))
    assert list(line) == ["timestamp", "level", "event", "buffered"]
    assert (line["level"], line["event"], line["buffered"]) == ("info", "drain.started", 3)
    assert line["timestamp"].endswith("Z")


def test_auto_is_json_for_a_pipe_and_a_console_for_a_terminal() -> None:
    assert written("auto", say_hello).startswith("{")
    on_terminal = written("auto", say_hello, stream=Terminal())
    assert "drain.started" in on_terminal
    assert not on_terminal.startswith("{")


def test_events_below_the_level_are_left_out() -> None:
    assert not written("json", say_hello, level="warning")


def test_loggers_of_libraries_go_the_same_way_with_their_name() -> None:
    line = json.loads(written("json", lambda: logging.getLogger("confluent").warning("broker %s is away", "b1")))
    assert (line["level"], line["event"], line["logger"]) == ("warning", "broker b1 is away", "confluent")


def test_the_web_servers_chatter_is_left_out_and_its_errors_are_not() -> None:
    def serve() -> None:
        logging.getLogger("uvicorn.error").info("Started server process")
        logging.getLogger("uvicorn.error").error("broken")

    assert json.loads(written("json", serve))["event"] == "broken"


def fail_with_a_payload() -> None:
    payload = "secret-payload"
    try:
        len(payload) / 0
    except ZeroDivisionError:
        structlog.get_logger().exception("writer.failed")


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_traceback_is_whole_and_shows_no_local_variables(form: str) -> None:
    text = written(form, fail_with_a_payload)
    assert "ZeroDivisionError: division by zero" in text
    assert "fail_with_a_payload" in text
    assert "secret-payload" not in text


def test_configuring_again_replaces_and_does_not_double() -> None:
    stream = io.StringIO()
    configure("info", "json", stream)
    assert written("json", say_hello, stream=stream).count("drain.started") == 1
