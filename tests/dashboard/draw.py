"""Draws a dashboard from the answers of its queries, as SVG: what Grafana would show, near enough for a document. No library is needed for it.

Each function returns markup; places are in pixels, of the whole picture in :func:`picture`, else from the panel's corner.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from html import escape
from itertools import pairwise
from typing import NamedTuple

from helm.generate.grafana import COLUMNS, Dashboard, Panel, render
from tests.dashboard.numbers import clock, shown, ticks
from tests.parts.prometheus import Series

Point = tuple[float, float]

WIDTH, HEAD, LINE, GAP, MARGIN = 1440.0, 76.0, 34.0, 8.0, 12.0
"""Of the picture, above the first row, of a line of Grafana's grid, between panels, around."""

BACK, CARD, EDGE, GRID, INK, FAINT = "#111217", "#181b1f", "#2c3235", "#2c3235", "#d8d9da", "#9fa7b3"
NAMED = {"green": "#73bf69", "yellow": "#fade2a", "orange": "#ff9830", "red": "#f2495c", "blue": "#5794f2", "purple": "#b877d9"}
PALETTE = ("#73bf69", "#5794f2", "#fade2a", "#ff9830", "#b877d9", "#8ab8ff", "#f2495c", "#96d98d", "#ffcb7d", "#ca95e5")


class Named(NamedTuple):
    """A series with the name that its legend gives it."""

    name: str
    labels: Mapping[str, str]
    points: Sequence[Point]


class Box(NamedTuple):
    """A rectangle."""

    x: float
    y: float
    w: float
    h: float


class Span(NamedTuple):
    """From when to when, in Unix seconds."""

    begin: float
    end: float


def picture(dashboard: Dashboard, answers: Callable[[Panel], Sequence[Named]], span: Span, subtitle: Sequence[str]) -> str:
    """Return the whole dashboard; panels without an answer are left out, with their row."""
    column = (WIDTH - 2 * MARGIN) / COLUMNS
    panels = {panel.title: panel for panel in dashboard.panels}
    parts, bottom = [], 0.0
    for placed in render(dashboard)["panels"]:
        if placed.get("collapsed"):
            continue
        at = placed["gridPos"]
        top = HEAD + at["y"] * LINE
        box = Box(MARGIN + at["x"] * column, top, at["w"] * column - GAP, at["h"] * LINE - GAP)
        bottom = max(bottom, top + at["h"] * LINE)
        inner = _heading(placed["title"]) if placed["type"] == "row" else _panel(panels[placed["title"]], answers, box, span)
        parts.append(f'<g transform="translate({box.x:.1f},{box.y:.1f})">{inner}</g>')
    head = _text(MARGIN, 30, dashboard.title, 22, INK, weight=600)
    head += "".join(_text(MARGIN, 50 + 17 * line, text, 13, FAINT) for line, text in enumerate(subtitle))
    size = f'viewBox="0 0 {WIDTH:.0f} {bottom + MARGIN:.0f}" width="{WIDTH:.0f}" height="{bottom + MARGIN:.0f}"'
    style = 'font-family="Inter, Helvetica, Arial, sans-serif"'
    back = f'<rect width="100%" height="100%" fill="{BACK}"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>{back}{head}{"".join(parts)}</svg>\n'


def _heading(title: str) -> str:
    return _text(2, 20, f"▾ {title}", 15, INK, weight=600)


def _panel(panel: Panel, answers: Callable[[Panel], Sequence[Named]], box: Box, span: Span) -> str:
    card = f'<rect width="{box.w:.1f}" height="{box.h:.1f}" rx="3" fill="{CARD}" stroke="{EDGE}"/>'
    title = _text(10, 20, panel.title, 13, INK, weight=600)
    found = answers(panel)
    draw = {"timeseries": _lines, "stat": _stat, "table": _table}[panel.kind]
    inside = draw(panel, found, box, span) if found else _text(box.w / 2, box.h / 2, "no data", 13, FAINT, anchor="middle")
    return card + title + inside


def _stat(panel: Panel, found: Sequence[Named], box: Box, _span: Span) -> str:
    parts = []
    for index, series in enumerate(found[:3]):
        value = series.points[-1][1]
        colour = _colour(panel.below if panel.steps else "blue")
        for bound, named in panel.steps:
            colour = _colour(named) if value >= bound else colour
        x = box.w * (index + 0.5) / min(len(found), 3)
        large = series.name if panel.says == "name" else shown(value, panel.unit, panel.decimals)
        parts.append(_text(x, box.h * 0.62, large, 30, colour, anchor="middle", weight=600))
        for line, word in enumerate(series.name.split() if panel.says == "both" else ()):
            parts.append(_text(x, box.h * 0.76 + 15 * line, word, 12, FAINT, anchor="middle"))
    return "".join(parts)


def _table(panel: Panel, found: Sequence[Named], box: Box, _span: Span) -> str:
    fits = int((box.h - 62) // 20)
    wide = (box.w - 20) / len(panel.columns)
    rows = [list(panel.columns.values())]
    for series in found[:fits]:
        cells = {**series.labels, "Value": shown(series.points[-1][1], panel.unit, panel.decimals)}
        rows.append([cells.get(column, "") for column in panel.columns])
    parts = []
    for line, row in enumerate(rows):
        y = 46 + line * 20
        parts += [_text(10 + wide * i, y, cell, 12, INK if line else FAINT) for i, cell in enumerate(row)]
        parts.append(f'<line x1="10" x2="{box.w - 10:.1f}" y1="{y + 6}" y2="{y + 6}" stroke="{GRID}"/>')
    return "".join(parts)


def _lines(panel: Panel, found: Sequence[Named], box: Box, span: Span) -> str:
    legend, lines = _legend(panel, found, box)
    area = Box(56, 34, box.w - 70, box.h - 76 - 17 * lines)
    layers = _layers(panel, found)
    low = 0.0 if panel.low is None else panel.low
    highest = max((top for layer in layers for _, top, _ in layer), default=0.0)
    share = panel.stacked == "share"
    unit = "percentunit" if share else panel.unit
    marks = ticks(low, panel.high if panel.high is not None else highest if highest > low else low + 1, unit)

    def x(time: float) -> float:
        return area.x + area.w * (time - span.begin) / (span.end - span.begin)

    def y(value: float) -> float:
        return area.y + area.h * (1 - (value - marks[0]) / (marks[-1] - marks[0]))

    parts = [_grid_line(area, y(mark), shown(mark, unit, None)) for mark in marks]
    parts += [_text(x(time), area.y + area.h + 16, clock(time), 11, FAINT, anchor="middle") for time in _times(span)]
    step = min((after[0] - before[0] for layer in layers for before, after in pairwise(layer)), default=1.0)
    for index, layer in reversed(list(enumerate(layers))):
        runs = _runs(layer, step)
        if panel.line != "straight":
            runs = (_in_steps(run, step) for run in runs)
        parts.append(_layer(runs, _colour_of(panel, found[index].name, index), x, y, filled=panel.stacked != "no"))
    for bound, colour in panel.steps:
        if marks[0] <= bound <= marks[-1]:
            line = f'x1="{area.x}" x2="{area.x + area.w:.1f}" y1="{y(bound):.1f}" y2="{y(bound):.1f}"'
            parts.append(f'<line {line} stroke="{_colour(colour)}" stroke-dasharray="6 4" opacity="0.8"/>')
    return "".join(parts) + legend


def _layers(panel: Panel, found: Sequence[Named]) -> list[list[tuple[float, float, float]]]:
    """Return (time, top, bottom) of each series: stacked on the ones before it, or standing on nothing."""
    below: dict[float, float] = {}
    sums: dict[float, float] = {}
    for series in found:
        for time, value in series.points:
            sums[time] = sums.get(time, 0.0) + value
    layers = []
    for series in found:
        layer = []
        for time, value in series.points:
            if math.isnan(value):
                continue
            height = value / sums[time] if panel.stacked == "share" and sums[time] else value
            bottom = below.get(time, 0.0) if panel.stacked != "no" else 0.0
            below[time] = bottom + height
            layer.append((time, bottom + height, bottom))
        layers.append(layer)
    return layers


def _layer(
    runs: Iterable[Sequence[tuple[float, float, float]]],
    colour: str,
    x: Callable[[float], float],
    y: Callable[[float], float],
    *,
    filled: bool,
) -> str:
    parts = []
    for run in runs:
        tops = " ".join(f"{x(time):.1f},{y(top):.1f}" for time, top, _ in run)
        bottoms = " ".join(f"{x(time):.1f},{y(bottom):.1f}" for time, _, bottom in reversed(run))
        opacity = 0.55 if filled else 0.08
        parts.append(f'<polygon points="{tops} {bottoms}" fill="{colour}" opacity="{opacity}"/>')
        parts.append(f'<polyline points="{tops}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
    return "".join(parts)


def _runs(layer: Sequence[tuple[float, float, float]], step: float) -> Iterator[Sequence[tuple[float, float, float]]]:
    """Yield the parts without a hole; ``step`` is how far apart points are without one, in seconds."""
    begin = 0
    for index in range(1, len(layer) + 1):
        if index == len(layer) or layer[index][0] - layer[index - 1][0] > 1.5 * step:
            yield layer[begin:index]
            begin = index


def _in_steps(run: Sequence[tuple[float, float, float]], step: float) -> Sequence[tuple[float, float, float]]:
    """Return a run in which each value holds until the next one, the last for a ``step``."""
    times = [time for time, _, _ in run]
    until = [*times[1:], times[-1] + step]
    return [
        point
        for (begin, top, bottom), end in zip(run, until, strict=True)
        for point in ((begin, top, bottom), (end, top, bottom))
    ]


def _legend(panel: Panel, found: Sequence[Named], box: Box) -> tuple[str, int]:
    """Return the names of the series at the bottom, and how many lines they take (three at most)."""
    placed: list[tuple[float, int, int]] = []
    left, line = 12.0, 0
    for index, series in enumerate(found):
        wide = 34 + 7.2 * len(series.name)
        if left + wide > box.w and left > 12.0:
            left, line = 12.0, line + 1
        if line < 3:
            placed.append((left, line, index))
        left += wide
    lines = min(line, 2) + 1
    parts = []
    for x, at, index in placed:
        y = box.h - 12 - 17 * (lines - 1 - at)
        colour = _colour_of(panel, found[index].name, index)
        parts.append(
            f'<line x1="{x:.1f}" x2="{x + 12:.1f}" y1="{y - 4:.1f}" y2="{y - 4:.1f}" stroke="{colour}" stroke-width="3"/>'
        )
        parts.append(_text(x + 17, y, found[index].name, 12, INK))
    return "".join(parts), lines


def _times(span: Span) -> list[float]:
    steps = 5
    return [span.begin + (span.end - span.begin) * (index + 0.5) / steps for index in range(steps)]


def _grid_line(area: Box, y: float, label: str) -> str:
    line = f'<line x1="{area.x}" x2="{area.x + area.w:.1f}" y1="{y:.1f}" y2="{y:.1f}" stroke="{GRID}"/>'
    return line + _text(area.x - 6, y + 4, label, 11, FAINT, anchor="end")


def _colour_of(panel: Panel, name: str, index: int) -> str:
    return _colour(panel.colours.get(name, PALETTE[index % len(PALETTE)]))


def _colour(name: str) -> str:
    return NAMED.get(name, name)


def _text(  # noqa: PLR0913 -- what a text has, most of it by name
    x: float, y: float, text: str, size: int, colour: str, *, anchor: str = "start", weight: int = 400
) -> str:
    where = f'x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}" text-anchor="{anchor}" font-weight="{weight}"'
    return f"<text {where}>{escape(text)}</text>"


def named(legend: str, series: Series) -> Named:
    """Return a series with the name that the pattern ``legend`` gives it."""
    name = legend
    for label, value in series.labels.items():
        name = name.replace("{{" + label + "}}", value)
    return Named(name, series.labels, series.points)
