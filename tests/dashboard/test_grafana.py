"""Every expression of the dashboards is asked of a real Prometheus that has watched real sidecars, and must return data."""

from __future__ import annotations

import math
import re
import subprocess
from collections.abc import Iterator

import pytest

from helm.generate import group_overview, one_pod
from helm.generate.dashboards import DASHBOARDS
from helm.generate.grafana import Dashboard, Panel
from sidecar.observe.metric_defs import METRICS
from tests.dashboard.asking import asked_range, with_choices
from tests.dashboard.play import Played, play
from tests.parts.kafka import RealKafka
from tests.parts.prometheus import Series, promtool
from tests.parts.topics import fresh_name

ACT = 3.0


@pytest.fixture(scope="module")
def played(kafka: RealKafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    """Return what is left of one play for all tests here."""
    topics = {fresh_name("orders"): 4, fresh_name("clicks"): 2}
    with play(kafka, tmp_path_factory.mktemp("play"), ACT, topics, fresh_name("billing")) as played:
        yield played


PANELS = [
    pytest.param(dashboard, panel, id=f"{dashboard.uid}: {panel.title}") for dashboard in DASHBOARDS for panel in dashboard.panels
]


@pytest.mark.parametrize(("dashboard", "panel"), PANELS)
def test_every_query_of_a_panel_returns_data(played: Played, dashboard: Dashboard, panel: Panel) -> None:
    for query in panel.queries:
        found = asked_range(played, dashboard, query.expr)
        if not any(metric in query.expr for metric in group_overview.FROM_OUTSIDE):  # else it is enough that it can be asked
            assert any(not math.isnan(value) for one in found for _, value in one.points), query.expr


@pytest.mark.parametrize(
    "query",
    [pytest.param(v.query, id=f"{d.uid}: {v.name}") for d in DASHBOARDS for v in d.variables if v.name != "cluster"],
)
def test_every_variable_has_something_to_choose(played: Played, query: str) -> None:
    matched = re.fullmatch(r"label_values\((.*), (\w+)\)", query)
    assert matched is not None
    selector, label = matched.groups()
    found = played.prometheus.query(f"group by ({label}) ({with_choices(played, one_pod.DASHBOARD, selector)})", played.end)
    assert all(series.labels[label] for series in found)
    assert found


def test_rebalances_are_marked_and_the_other_marks_can_be_asked_for(played: Played) -> None:
    marks = {each.name: asked_range(played, group_overview.DASHBOARD, each.expr) for each in group_overview.DASHBOARD.annotations}
    assert marks["Rebalances"]


def test_every_metric_was_scraped(played: Played) -> None:
    for metric in METRICS:
        name = f"{metric.name}_count" if metric.kind == "histogram" else metric.name
        assert _whole(played, name), name


def test_the_play_had_its_drops_its_outage_and_its_drain(played: Played) -> None:
    """Else the panels would have returned nothing but zeros."""
    assert _largest(_whole(played, 'sidecar_records_dropped_total{reason="drop_oldest"}')) > 0
    assert _largest(_whole(played, 'sidecar_breaker_state{state="open"}')) == 1
    assert _largest(_whole(played, 'sidecar_hold_seconds_total{reason="breaker"}')) > 0
    assert _largest(_whole(played, 'sidecar_rebalances_total{kind="revoked"}')) > 0
    assert _largest(_whole(played, 'sidecar_drains_total{result="drained"}')) == 1
    assert _largest(_whole(played, "abs(sidecar_unaccounted_records)")) == 0


def _whole(played: Played, expr: str) -> list[Series]:
    return played.prometheus.query_range(expr, played.begin, played.end, 1.0)


def _largest(found: list[Series]) -> float:
    return max(value for series in found for _, value in series.points)


def test_promtool_finds_nothing_wrong_with_what_a_sidecar_serves(played: Played) -> None:
    ours = "".join(line for line in played.page.splitlines(keepends=True) if "sidecar_" in line)
    checked = subprocess.run([promtool(), "check", "metrics"], input=ours, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
