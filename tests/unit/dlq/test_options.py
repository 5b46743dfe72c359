"""The command line, and the progress that is shown."""

from __future__ import annotations

import argparse
import io
from datetime import UTC, datetime

import pytest

from sidecar.dlq.options import add_options
from sidecar.dlq.progress import EVERY, EVERY_LINE, Progress

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_options(parser, lambda: NOW)
    return parser.parse_args(arguments)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2h", datetime(2026, 1, 31, 10, tzinfo=UTC)),
        ("3d", datetime(2026, 1, 28, 12, tzinfo=UTC)),
        ("2026-01-30", datetime(2026, 1, 30, tzinfo=UTC)),
        ("2026-01-31T12:00:00+01:00", datetime(2026, 1, 31, 11, tzinfo=UTC)),
    ],
)
def test_a_time_is_an_age_or_an_instant_in_utc_unless_it_says_otherwise(text: str, moment: datetime) -> None:
    assert parsed("list", "--since", text).since == int(moment.timestamp() * 1000)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("list", "--since", "yesterday"), "'yesterday' is no time, like 2h, 3d"),
        (("redrive", "--count", "0"), "'0' is no number from 1"),
        (("show", "orders"), "'orders' is no place, like orders.dead:0:17"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_an_example(
    arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parsed(*arguments)
    assert said in capsys.readouterr().err


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(out: io.StringIO, step: float) -> str:
    """Return what is shown of two advances, ``step`` seconds after each other."""
    times = iter([0.0, step, step, step * 2, step * 2])
    progress = Progress(out, 100, lambda: next(times))
    progress.advance(10)
    progress.advance(40)
    progress.end()
    return out.getvalue()


def test_on_a_terminal_a_bar_is_drawn_and_cleared_away() -> None:
    drawn = shown(Terminal(), EVERY)
    assert "\r[###                           ] 10 of 100 letters\r[###############               ] 50 of 100 letters" in drawn
    assert drawn.endswith(" \r")


def test_elsewhere_a_line_comes_now_and_then() -> None:
    assert shown(io.StringIO(), EVERY_LINE) == "10 of 100 letters\n50 of 100 letters\n"
