"""Draws docs/images/scaling.png out of docs/performance.json: the results of :mod:`benchmarks.scaling`. Also ``python -m benchmarks.curves``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.table import ROOT, Results, kept

PICTURE = ROOT / "docs" / "images" / "scaling.png"

CURVES: Mapping[str, str] = {
    "scaling-partitions": "partitions",
    "scaling-sizes": "bytes a record",
    "scaling-topics": "topics, of 100 partitions together",
    "scaling-lags": "records of lag",
}
"""The measurements, with what their points differ by."""

LARGE = 20
"""How many times as high the highest point must be as the lowest one for a logarithmic axis."""

UNITS: Mapping[int, str] = {1_000_000: "M", 1_000: "k"}


def draw(results: Results, picture: Path) -> None:
    """Draw a panel for each of the curves that is among ``results``."""
    figure = Figure(figsize=(10, 6.4), layout="constrained")
    panels = figure.subplots(2, 2).flat
    for panel, name in zip(panels, CURVES, strict=True):
        panel.set_xlabel(CURVES[name])
        _plot(panel, [row.figures for row in results.get(name, ())])
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, dpi=90, metadata={"Software": None})


def short(number: float) -> str:
    """Return a number by its first three digits, with its thousands as a letter."""
    for unit, letter in UNITS.items():
        if number >= unit:
            return f"{number / unit:.3g}{letter}"
    return f"{number:g}"


def _plot(panel: Axes, points: Sequence[Mapping[str, float]]) -> None:
    """Draw both costs, each point as far from the next: they are picked, and one of them is 0."""
    places = range(len(points))
    bare, ours = [point["bare_us"] for point in points], [point["sidecar_us"] for point in points]
    panel.plot(places, bare, "o--", color="#888", label="bare loop")
    panel.plot(places, ours, "o-", color="#0b62a4", label="sidecar")
    panel.set_xticks(places, [short(point["at"]) for point in points])
    panel.set_ylabel("µs of the consuming thread a record")
    if max(ours, default=1) > LARGE * min(bare, default=1):
        panel.set_yscale("log")
    else:
        panel.set_ylim(bottom=0)
    panel.grid(alpha=0.3)
    panel.legend()


if __name__ == "__main__":
    draw(kept(), PICTURE)
