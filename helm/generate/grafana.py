"""The little of Grafana's dashboard model that our dashboards need: panels in rows, variables, annotations; as JSON for Grafana 10 and later.

Every panel asks the data source that the reader chooses, says what it shows, and has a unit. A panel is 24 columns wide at most; panels of a row
flow from left to right, like words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["timeseries", "stat", "table"]
Says = Literal["number", "name", "both"]
Json = dict[str, Any]

COLUMNS = 24
SCHEMA_VERSION = 39
"""Of Grafana 10 and 11; later ones migrate it when they load it."""

DATASOURCE: Mapping[str, str] = {"type": "prometheus", "uid": "${datasource}"}

GREEN, YELLOW, ORANGE, RED, BLUE, PURPLE, GREY = "green", "yellow", "orange", "red", "blue", "purple", "#8e8e8e"


@dataclass(frozen=True, slots=True)
class Query:
    """An expression, and the name of its series in the legend (``{{label}}`` stands for a label's value)."""

    expr: str
    legend: str


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel. ``description`` says what is seen and what to make of it.

    ``steps`` colour values from a bound on, ``below`` those below the first; ``colours`` series by name; ``low`` and ``high`` fix the axis.
    ``line`` is between two points: a count of states has nothing in between. ``columns`` names a table's columns, in order. ``says`` is what a
    stat tells of its series, ``nothing`` what is shown where there is no data.
    """

    title: str
    description: str
    queries: Sequence[Query]
    unit: str
    kind: Kind = "timeseries"
    width: int = 8
    height: int = 8
    stacked: Literal["no", "yes", "share"] = "no"
    line: Literal["straight", "steps"] = "straight"
    low: float | None = 0
    high: float | None = None
    decimals: int | None = None
    steps: Sequence[tuple[float, str]] = ()
    below: str = GREEN
    colours: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    says: Says = "number"
    nothing: str | None = None


def stat(  # noqa: PLR0913 -- what the panels of this kind differ in, each by name
    title: str,
    description: str,
    query: Query,
    unit: str,
    *,
    steps: Sequence[tuple[float, str]] = (),
    below: str = GREEN,
    high: float | None = None,
    decimals: int | None = None,
    says: Says = "number",
) -> Panel:
    """Return a small panel with one number, or one for each series."""
    return Panel(
        title,
        description,
        (query,),
        unit,
        kind="stat",
        width=4,
        height=5,
        high=high,
        decimals=decimals,
        steps=steps,
        below=below,
        says=says,
    )


@dataclass(frozen=True, slots=True)
class Row:
    """A heading and its panels."""

    title: str
    panels: Sequence[Panel]
    collapsed: bool = False


@dataclass(frozen=True, slots=True)
class Variable:
    """A choice of the reader: values of a label. ``every`` is what *All* stands for: a pattern, or (None) the values one by one."""

    name: str
    label: str
    query: str
    many: bool = True
    every: str | None = ".*"


@dataclass(frozen=True, slots=True)
class Annotation:
    """A mark in all panels where the expression is above 0."""

    name: str
    expr: str
    text: str
    colour: str


@dataclass(frozen=True, slots=True)
class Dashboard:
    """All of it. ``uid`` is part of its address and never changes."""

    uid: str
    title: str
    description: str
    variables: Sequence[Variable]
    annotations: Sequence[Annotation]
    rows: Sequence[Row]
    links: Sequence[tuple[str, str]] = ()

    @property
    def panels(self) -> Iterator[Panel]:
        """All panels, in order."""
        for row in self.rows:
            yield from row.panels


def render(dashboard: Dashboard) -> Json:
    """Return the dashboard as Grafana reads it."""
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": dashboard.description,
        "tags": ["kafka", "kafka-sidecar"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "timezone": "browser",
        "time": {"from": "now-1h", "to": "now"},
        "refresh": "30s",
        "links": [_link(title, url) for title, url in dashboard.links],
        "templating": {"list": [_datasource(), *map(_variable, dashboard.variables)]},
        "annotations": {"list": list(map(_annotation, dashboard.annotations))},
        "panels": list(_placed(dashboard.rows)),
    }


def _datasource() -> Json:
    return {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "hide": 0, "refresh": 1}


def _variable(variable: Variable) -> Json:
    query = {"qryType": 1, "query": variable.query, "refId": f"variable-{variable.name}"}
    choice: Json = {"includeAll": variable.many, "multi": variable.many}
    if variable.many:
        choice |= {"current": {"selected": True, "text": ["All"], "value": ["$__all"]}}
        choice |= {} if variable.every is None else {"allValue": variable.every}
    return {
        "name": variable.name,
        "label": variable.label,
        "type": "query",
        "datasource": DATASOURCE,
        "definition": variable.query,
        "query": query,
        "refresh": 2,  # also when the time range changes
        "sort": 1,
        "hide": 0,
        **choice,
    }


def _annotation(annotation: Annotation) -> Json:
    return {
        "name": annotation.name,
        "datasource": DATASOURCE,
        "enable": True,
        "expr": annotation.expr,
        "iconColor": annotation.colour,
        "titleFormat": annotation.text,
        "step": "30s",
        "useValueForTime": False,
    }


def _link(title: str, url: str) -> Json:
    return {"title": title, "type": "link", "url": url, "keepTime": True, "includeVars": True, "icon": "dashboard"}


def _placed(rows: Sequence[Row]) -> Iterator[Json]:
    """Yield the rows' headings and panels where they belong."""
    top, number = 0, 0
    for row in rows:
        number += 1
        heading: Json = {"id": number, "type": "row", "title": row.title, "collapsed": row.collapsed, "panels": []}
        heading["gridPos"] = {"x": 0, "y": top, "w": COLUMNS, "h": 1}
        placed, bottom = _flow(row.panels, top + 1, number)
        number += len(placed)
        if row.collapsed:
            yield heading | {"panels": placed}
            top += 1
        else:
            yield heading
            yield from placed
            top = bottom


def _flow(panels: Sequence[Panel], top: int, number: int) -> tuple[list[Json], int]:
    """Return the panels in lines from ``top`` on, and the line below them."""
    left, height, placed = 0, 0, []
    for panel in panels:
        if left + panel.width > COLUMNS:
            left, top, height = 0, top + height, 0
        number += 1
        place = {"x": left, "y": top, "w": panel.width, "h": panel.height}
        placed.append({"id": number, **_panel(panel), "gridPos": place})
        left, height = left + panel.width, max(height, panel.height)
    return placed, top + height


def _panel(panel: Panel) -> Json:
    rendered: Json = {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": DATASOURCE,
        "targets": [_target(panel, query, index) for index, query in enumerate(panel.queries)],
        "fieldConfig": {"defaults": _defaults(panel), "overrides": list(_overrides(panel))},
        "options": _OPTIONS[panel.kind] | ({"textMode": _TEXT_MODE[panel.says]} if panel.kind == "stat" else {}),
    }
    if panel.columns:
        rendered["transformations"] = [_organize(panel.columns)]
    return rendered


def _target(panel: Panel, query: Query, index: int) -> Json:
    instant = panel.kind in {"stat", "table"}
    return {
        "refId": chr(ord("A") + index),
        "datasource": DATASOURCE,
        "expr": query.expr,
        "legendFormat": query.legend,
        "instant": instant,
        "range": not instant,
        "format": "table" if panel.kind == "table" else "time_series",
    }


def _defaults(panel: Panel) -> Json:
    steps = [{"color": colour, "value": bound} for bound, colour in panel.steps]
    defaults: Json = {
        "unit": panel.unit,
        "color": {"mode": "thresholds" if steps and panel.kind != "timeseries" else "palette-classic"},
        "thresholds": {"mode": "absolute", "steps": [{"color": panel.below if steps else BLUE, "value": None}, *steps]},
        "noValue": panel.nothing or "-",
    }
    defaults |= {name: value for name, value in (("min", panel.low), ("max", panel.high)) if value is not None}
    if panel.decimals is not None:
        defaults["decimals"] = panel.decimals
    if panel.kind == "timeseries":
        defaults["custom"] = _lines(panel)
    return defaults


def _lines(panel: Panel) -> Json:
    mode = {"no": "none", "yes": "normal", "share": "percent"}[panel.stacked]
    return {
        "drawStyle": "line",
        "lineInterpolation": {"straight": "linear", "steps": "stepAfter"}[panel.line],
        "lineWidth": 1,
        "fillOpacity": 8 if panel.stacked == "no" else 60,
        "showPoints": "never",
        "stacking": {"mode": mode, "group": "A"},
        "thresholdsStyle": {"mode": "line" if panel.steps else "off"},
    }


def _overrides(panel: Panel) -> Iterator[Json]:
    for name, colour in panel.colours.items():
        paint = {"id": "color", "value": {"mode": "fixed", "fixedColor": colour}}
        yield {"matcher": {"id": "byName", "options": name}, "properties": [paint]}


def _organize(columns: Mapping[str, str]) -> Json:
    """Name a table's columns, in this order, and hide the others."""
    order = {name: index for index, name in enumerate(columns)}
    return {
        "id": "organize",
        "options": {
            "excludeByName": {name: True for name in ("Time", "Value") if name not in columns},
            "indexByName": order,
            "renameByName": dict(columns),
        },
    }


_TEXT_MODE: Mapping[Says, str] = {"number": "auto", "name": "name", "both": "value_and_name"}
_REDUCE: Json = {"calcs": ["lastNotNull"], "fields": "", "values": False}
_OPTIONS: Mapping[Kind, Json] = {
    "timeseries": {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "stat": {"reduceOptions": _REDUCE, "colorMode": "value", "graphMode": "none", "justifyMode": "center"},
    "table": {"showHeader": True, "cellHeight": "sm"},
}
