from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal
from xml.etree import ElementTree as ET

import pytest

from helm.generate.dashboards import DASHBOARDS
from helm.generate.grafana import Dashboard, Panel, Query, Row
from tests.dashboard.draw import Named, Span, named, picture
from tests.dashboard.numbers import shown, ticks
from tests.parts.prometheus import Series

SPAN = Span(1_000.0, 1_060.0)


def answers(panel: Panel) -> Sequence[Named]:
    """Return two series for every panel, one of them with a hole and a name that needs escaping."""
    points = [(SPAN.begin + n, float(n)) for n in range(60)]
    holed = [(time, math.nan if 20 <= time - SPAN.begin < 30 else value) for time, value in points]
    return [Named(panel.queries[0].legend, {"topic": "orders"}, points), Named('<"odd & long">', {}, holed)]


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=[dashboard.uid for dashboard in DASHBOARDS])
def test_a_picture_is_well_formed_and_has_every_panel_that_is_not_collapsed(dashboard: Dashboard) -> None:
    root = ET.fromstring(picture(dashboard, answers, SPAN, ["a test"]))  # noqa: S314 -- our own markup
    texts = {element.text for element in root.iter() if element.tag.endswith("}text")}
    for row in dashboard.rows:
        for panel in row.panels:
            assert (panel.title in texts) is not row.collapsed, panel.title
    assert '<"odd & long">' in texts


def corners(line: Literal["straight", "steps"], *found: Sequence[tuple[float, float]]) -> list[list[tuple[float, float]]]:
    """Return the corners of each line of a panel, the series that was drawn first being the last one."""
    panel = Panel("", "", (Query("", ""),), "none", line=line)
    one = Dashboard("uid", "", "", (), (), (Row("", (panel,)),))
    drawn = picture(one, lambda _panel: [Named(str(n), {}, points) for n, points in enumerate(found)], SPAN, [])
    lines = [element for element in ET.fromstring(drawn).iter() if "polyline" in element.tag]  # noqa: S314 -- our own markup
    return [[(float(x), float(y)) for x, y in (point.split(",") for point in line.attrib["points"].split())] for line in lines]


def test_a_count_of_states_is_drawn_in_steps_and_what_is_measured_is_not() -> None:
    points = [(1_000.0, 1.0), (1_001.0, 3.0)]
    [straight], [steps] = corners("straight", points), corners("steps", points)
    (_, low), (_, high) = straight
    assert [height for _, height in steps] == [low, low, high, high]


def test_a_state_that_is_there_for_moments_is_drawn_for_no_longer() -> None:
    always = [(SPAN.begin + n, 1.0) for n in range(60)]
    *moments, whole = corners("steps", always, [(1_010.0, 1.0), (1_040.0, 1.0)])
    second = (whole[-1][0] - whole[0][0]) / 60
    assert [run[-1][0] - run[0][0] for run in moments] == [pytest.approx(second, abs=0.2)] * 2


def test_no_data_is_said() -> None:
    assert picture(DASHBOARDS[0], lambda _panel: [], SPAN, ["a test"]).count("no data") > 20


def test_a_legend_is_made_of_labels() -> None:
    assert named("{{topic}}[{{partition}}]", Series({"topic": "orders", "partition": "3"}, [])).name == "orders[3]"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.25, "s", "250 ms"),
        (42, "s", "42 s"),
        (90, "s", "1.5 min"),
        (0.9987, "percentunit", "100 %"),
        (12_345, "short", "12.3 k"),
        (2.0**20 * 1.5, "bytes", "1.5 MiB"),
        (2048, "Bps", "2 KiB/s"),
        (150, "rowsps", "150/s"),
        (math.nan, "s", "-"),
        (0, "none", "0"),
    ],
)
def test_numbers_are_shown_with_their_unit(value: float, unit: str, text: str) -> None:
    assert shown(value, unit, None) == text


@pytest.mark.parametrize(
    ("high", "unit", "marks"),
    [
        (1, "none", [0, 0.25, 0.5, 0.75, 1]),
        (100, "none", [0, 25, 50, 75, 100]),
        (7, "s", [0, 2, 4, 6, 8]),
        (230, "s", [0, 60, 120, 180, 240]),
        (2.0**20 * 7, "bytes", [0, 2.0**21, 2.0**22, 3 * 2.0**21, 2.0**23]),
    ],
)
def test_an_axis_has_round_marks_that_reach_the_highest_value(high: float, unit: str, marks: list[float]) -> None:
    assert ticks(0, high, unit) == pytest.approx(marks)
