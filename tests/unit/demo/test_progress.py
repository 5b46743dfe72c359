from __future__ import annotations

from typing import Any

from sidecar.core.backpressure import State
from sidecar.demo.progress import HEADER, LEGEND, describe
from sidecar.demo.show import introduction
from sidecar.demo.traffic import Shape
from sidecar.observe.verdicts import Verdict

TERMINAL = 80
"""Columns of the narrowest usual terminal."""


def a_status(state: State, verdict: Verdict, records: int | None, seconds: float | None) -> dict[str, Any]:
    return {
        "state": state.value,
        "buffer": {"utilization": 1.0},
        "lag": {"records": records, "seconds": seconds},
        "partitions": [{"held": True}, {"held": False}, {"held": True}],
        "why": {"verdict": verdict.value},
    }


def test_a_line_shows_the_sidecars_own_figures_and_both_rates() -> None:
    columns = describe(a_status(State.CRITICAL, Verdict.DOWNSTREAM_SLOW, 20_187, 2.34), 10_129.4, 4_956.1).split()

    assert columns == ["critical", "100%", "2/3", "20,187", "2.3", "s", "10,129", "4,956", "downstream_slow"]


def test_what_is_not_known_is_not_shown_as_a_number() -> None:
    assert describe(a_status(State.NORMAL, Verdict.REBALANCING, None, None), 0, 0).split()[3:5] == ["?", "?"]


CAPABLE = "The application takes 5,000 records/s at most"


def test_everything_fits_a_narrow_terminal() -> None:
    widest = [
        f"999s  {describe(a_status(state, verdict, 999_999, 99.94), 99_999, 99_999)}" for state in State for verdict in Verdict
    ]

    lines = [*widest, HEADER, *LEGEND.splitlines(), *introduction(Shape(), "drop_oldest", CAPABLE).splitlines()]
    assert max(map(len, lines)) <= TERMINAL


def test_the_columns_stand_under_their_names() -> None:
    line = f"  1s  {describe(a_status(State.NORMAL, Verdict.OK, 151, 0.3), 1_003, 954)}"

    for name, value in (
        ("buffer", "100%"),
        ("held", "2/3"),
        ("lag", "151"),
        ("age", "0.3 s"),
        ("in/s", "1,003"),
        ("out/s", "954"),
    ):
        assert HEADER.index(name) + len(name) == line.index(value) + len(value), name
    assert HEADER.index("why") == line.rindex("ok")


def test_the_introduction_says_what_takes_the_records() -> None:
    assert CAPABLE in introduction(Shape(), "block", CAPABLE)
