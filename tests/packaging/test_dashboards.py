"""The dashboards of the chart: made from the metrics, linted by rules of our own, and put into ConfigMaps as they are."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from helm.generate import group_overview, observability
from helm.generate.dashboard_parts import BY_OUTCOME, BY_VERDICT
from helm.generate.dashboards import DASHBOARDS, files
from helm.generate.grafana import COLUMNS, Dashboard, Panel, Query, render
from helm.generate.promql import series
from sidecar.observe import metric_defs as defs
from sidecar.observe.flush_stats import OUTCOMES
from sidecar.observe.metric_defs import METRICS
from sidecar.observe.scene import Verdict
from tests.packaging import alert_rules
from tests.packaging.alert_rules import assert_gives, render_rules, template

TEMPLATE = "templates/dashboards.yaml"
OF_A_HISTOGRAM = re.compile(r"_(bucket|count|sum)$")
UNITS = {"s", "short", "none", "percentunit", "rowsps", "reqps", "ops", "Bps", "bytes"}

EACH_DASHBOARD = pytest.mark.parametrize("dashboard", DASHBOARDS, ids=[dashboard.uid for dashboard in DASHBOARDS])
EACH_PANEL = pytest.mark.parametrize(
    "panel", [pytest.param(panel, id=f"{each.uid}: {panel.title}") for each in DASHBOARDS for panel in each.panels]
)


KEPT = ("Not lost", "Share kept", "Share kept")
SHARES = [query for each in DASHBOARDS for panel in each.panels if panel.title in KEPT for query in panel.queries]


@pytest.mark.parametrize("query", [pytest.param(query, id=title) for title, query in zip(KEPT, SHARES, strict=True)])
def test_a_share_that_is_kept_is_never_below_nothing(query: Query, tmp_path: Path) -> None:
    """Nothing is polled any more, and of what waits eight in ten are evicted, one is delivered, and one is a dead letter."""
    of_orders = partial(alert_rules.series, topic="orders")
    given = [
        of_orders("records_polled_total", "0x30"),
        of_orders("records_delivered_total", "0+1x30"),
        of_orders("records_dead_lettered_total", "0+1x30"),
        of_orders("records_dropped_total", "0+8x30", reason="drop_oldest", intent="overload"),
        alert_rules.series("config_info", "1x30", group="billing"),
    ]
    expr = re.sub(r"\$\w+", ".*", re.sub(r"\$__\w+", "10m", query.expr))
    rules = tmp_path / "rules.yml"
    rules.write_text("groups: []", encoding="utf-8")
    assert_gives(f"max(round({expr}, 0.001))", rules, given, "20m", [{"labels": "{}", "value": 0.2}])


def test_the_files_are_up_to_date() -> None:
    for path, text in files().items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name} is stale: make generate"


def test_the_document_is_up_to_date() -> None:
    assert observability.DOCUMENT.read_text(encoding="utf-8") == observability.document(), (
        "docs/OBSERVABILITY.md is stale: make generate"
    )


def test_the_document_has_every_alert_with_each_severity(tmp_path: Path) -> None:
    rules = re.findall(r"alert: KafkaSidecar(\w+)\n.*?severity: (\w+)", render_rules(tmp_path), re.DOTALL)
    told = re.findall(r"^\| \[(\w+)\]\(runbooks/KafkaSidecar\1\.md\) \| (\w+) \|", observability.document(), re.MULTILINE)
    assert sorted(told) == sorted(rules)


def test_there_is_no_other_dashboard() -> None:
    folder = next(iter(files())).parent
    assert set(folder.glob("*")) == set(files())


def test_each_verdict_and_each_outcome_of_a_flush_has_a_colour_that_no_other_has() -> None:
    for colours, names in ((BY_VERDICT, {verdict.value for verdict in Verdict}), (BY_OUTCOME, set(OUTCOMES))):
        assert set(colours) == names
        assert len(set(colours.values())) == len(colours)


@EACH_PANEL
def test_a_panel_says_what_it_shows_in_which_unit(panel: Panel) -> None:
    assert panel.title
    assert panel.description.endswith(".")
    assert panel.unit in UNITS
    assert panel.queries


@EACH_PANEL
def test_every_series_has_a_name_in_the_legend_and_no_two_queries_the_same(panel: Panel) -> None:
    legends = [query.legend for query in panel.queries]
    assert all(legends)
    assert len(set(legends)) == len(legends)
    for query in panel.queries:
        kept = re.search(r"\bby \(([^)]*)\) \(", query.expr)
        labels = set(re.findall(r"\{\{(\w+)\}\}", query.legend))
        assert labels <= set(re.split(r", ", kept[1]) if kept else ()), f"{query.legend} names labels that are summed away"


@EACH_PANEL
def test_a_rate_is_taken_over_the_interval_that_grafana_reckons(panel: Panel) -> None:
    for query in panel.queries:
        for function, window in re.findall(r"\b(rate|irate|increase|deriv|changes)\([^\[]*\[([^\]]*)\]", query.expr):
            allowed = {"increase": {"$__range", "$__rate_interval"}}.get(function, {"$__rate_interval"})
            assert window in allowed, query.expr


@EACH_PANEL
def test_every_selector_is_narrowed_to_what_the_reader_chose(panel: Panel) -> None:
    for query in panel.queries:
        for name, matchers in re.findall(r"\b((?:sidecar|process)_\w+)\{([^}]*)\}", query.expr):
            assert 'pod=~"$pod"' in matchers, name
            assert 'namespace=~"$namespace"' in matchers, name
        assert not re.search(r"\b(sidecar|process)_\w+(?![\w{])", query.expr), query.expr


@EACH_DASHBOARD
def test_everything_asks_the_data_source_that_the_reader_chose(dashboard: Dashboard) -> None:
    rendered = render(dashboard)
    sources = [found["uid"] for found in _all(rendered, "datasource") if isinstance(found, dict)]
    assert len(sources) > 20
    assert set(sources) == {"${datasource}"}
    assert rendered["templating"]["list"][0]["name"] == "datasource"


@EACH_DASHBOARD
def test_it_can_be_provisioned(dashboard: Dashboard) -> None:
    rendered = render(dashboard)
    assert "__inputs" not in rendered
    assert rendered["editable"] is False
    assert re.fullmatch(r"[a-z-]{5,40}", rendered["uid"])
    assert "id" not in rendered


@EACH_DASHBOARD
def test_titles_and_numbers_are_unique(dashboard: Dashboard) -> None:
    titles = Counter(panel.title for panel in dashboard.panels)
    assert [title for title, count in titles.items() if count > 1] == []
    numbers = Counter(panel["id"] for panel in _panels(dashboard))
    assert [number for number, count in numbers.items() if count > 1] == []


@EACH_DASHBOARD
def test_panels_lie_beside_and_below_each_other(dashboard: Dashboard) -> None:
    places = [panel["gridPos"] for panel in render(dashboard)["panels"]]
    assert all(place["x"] + place["w"] <= COLUMNS for place in places)
    for one, other in combinations(places, 2):
        apart_x = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        apart_y = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert apart_x or apart_y, (one, other)


@EACH_DASHBOARD
def test_every_variable_is_used(dashboard: Dashboard) -> None:
    text = json.dumps(render(dashboard))
    for variable in dashboard.variables:
        assert f"${variable.name}" in text


def test_every_metric_is_in_a_dashboard_or_a_rule_and_every_metric_in_a_dashboard_exists(tmp_path: Path) -> None:
    exprs = "\n".join(query.expr for dashboard in DASHBOARDS for panel in dashboard.panels for query in panel.queries)
    served = {metric.name for metric in METRICS}
    in_dashboards = {OF_A_HISTOGRAM.sub("", name) for name in re.findall(r"\bsidecar_\w+", exprs)}
    assert in_dashboards <= served
    rules = render_rules(tmp_path)
    assert served - in_dashboards - set(re.findall(r"\bsidecar_\w+", rules)) == set()
    assert set(re.findall(r"\b(?:kafka|container)_\w+(?=\{)", exprs)) == group_overview.FROM_OUTSIDE


def test_a_label_that_a_metric_does_not_have_cannot_be_asked_for() -> None:
    with pytest.raises(ValueError, match="sidecar_commits_total has no label topic"):
        series(defs.COMMITS, 'topic="orders"')


def test_the_chart_puts_them_into_config_maps_as_they_are(tmp_path: Path) -> None:
    values = {
        "dashboards.enabled": True,
        "dashboards.namespace": "monitoring",
        "dashboards.annotations": {"grafana_folder": "Kafka"},
        "dashboards.labels": {"team": "payments"},
    }
    rendered = template(tmp_path, TEMPLATE, values)
    maps = [document for document in yaml.safe_load_all(rendered.stdout) if document]
    assert len(maps) == len(DASHBOARDS)
    found = {name: text for each in maps for name, text in each["data"].items()}
    assert found == {path.name: text for path, text in files().items()}
    for each in maps:
        assert each["metadata"]["namespace"] == "monitoring"
        assert each["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert each["metadata"]["labels"]["team"] == "payments"
        assert each["metadata"]["annotations"] == {"grafana_folder": "Kafka"}
    assert len({each["metadata"]["name"] for each in maps}) == len(maps)


def test_without_dashboards_there_is_no_config_map(tmp_path: Path) -> None:
    assert "ConfigMap" not in template(tmp_path, TEMPLATE, {}).stdout


def _panels(dashboard: Dashboard) -> Iterator[dict[str, Any]]:
    for panel in render(dashboard)["panels"]:
        yield panel
        yield from panel.get("panels", ())


def _all(document: Any, name: str) -> Iterator[Any]:
    """Yield every value under ``name``, however deep."""
    if isinstance(document, dict):
        for key, value in document.items():
            if key == name:
                yield value
            yield from _all(value, name)
    elif isinstance(document, list):
        for value in document:
            yield from _all(value, name)
