"""Draws docs/images/flow-*.png, which docs/FLOW-CONTROL.md shows: ``python -m tests.scenarios.pictures`` (part of `make flow`).

Everything comes from runs in virtual time, so the same code draws the same pictures.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import nan
from pathlib import Path
from random import Random
from statistics import fmean, median
from textwrap import fill

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tests.scenarios.capacity import best_size, capacity, median_of
from tests.scenarios.comparison import LAWS, SEEDS, run, searches
from tests.scenarios.law import Ended, Law
from tests.scenarios.rig import Rig
from tests.scenarios.scenario import Scenario, Step, load, names

IMAGES = Path(__file__).parents[2] / "docs" / "images"

COLOURS: Mapping[str, str] = {
    "ours": "#0b62a4",
    "Vegas": "#e69f00",
    "Gradient2": "#888888",
    "AIMD": "#009e73",
    "Vector": "#cc79a7",
}
FINE, COARSE = 0.5, 2.0
"""Seconds of a run that are one point of a curve: coarse where few flushes run."""
STEPS: Mapping[str, float] = {"step-capacity": FINE, "step-latency": FINE, "outage": COARSE}
CHOSEN = ("batch-size", "both-dials")
LATENCIES = (0.8, 100.0)
TITLE = 50
"""Letters of a line of a title."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One bin of a run: the share of the capacity in percent, the median latency as a multiple of a flush's that runs alone, the limit, and the mean size."""

    at: float
    share: float
    latency: float
    limit: float
    size: float


@dataclass(frozen=True, slots=True)
class Seen:
    """A flush that ended well at ``at``, and the limit right after it."""

    at: float
    ended: Ended
    limit: int


class Watched(Law):
    """Another law, and what was seen of it."""

    def __init__(self, law: Law) -> None:
        self.seen: list[Seen] = []
        self._law = law

    def limit(self, now: float) -> int:
        return self._law.limit(now)

    def size(self, running: int) -> int:
        return self._law.size(running)

    def started(self, number: int, running: int, now: float) -> None:
        self._law.started(number, running, now)

    def ended(self, number: int, ended: Ended, now: float) -> None:
        self._law.ended(number, ended, now)
        if not (ended.refused or ended.failed):
            self.seen.append(Seen(now, ended, self._law.limit(now)))


def main() -> None:
    """Draw all three."""
    IMAGES.mkdir(exist_ok=True)
    _save(all_of_them(), "flow-comparison.png")
    _save(steps(), "flow-steps.png")
    _save(sizes(), "flow-sizes.png")


def all_of_them() -> Figure:
    """Draw a panel for each law, with a point for each step of each scenario: the mean of the seeds, as in the table."""
    figure = Figure(figsize=(12, 3.2), layout="constrained")
    panels = figure.subplots(1, len(LAWS), sharex=True, sharey=True)
    figure.supxlabel("median latency, as a multiple of a flush's that runs alone", fontsize="medium")
    panels[0].set_ylabel("% of the capacity")
    for panel, law in zip(panels, LAWS, strict=True):
        points = [point for name in names() for point in _points(load(name), law)]
        panel.scatter(*zip(*points, strict=True), color=COLOURS[law], alpha=0.7)
        panel.set(title=law, xscale="log", xlim=LATENCIES, ylim=(0, 115))
        panel.set_xticks([1, 3, 10, 30, 100], ["1", "3", "10", "30", "100"])
        panel.grid(alpha=0.3)
    return figure


def steps() -> Figure:
    """Draw how each law follows a step in what the downstream can do, or an outage: a column for each scenario."""
    figure = Figure(figsize=(12, 7), layout="constrained")
    columns = figure.subplots(3, len(STEPS), sharex="col", sharey="row")
    for number, (name, width) in enumerate(STEPS.items()):
        scenario = load(name)
        columns[0, number].set_title(fill(scenario.title, TITLE), fontsize="medium")
        for law in sorted(LAWS, key="ours".__eq__):
            moments = _moments(scenario, law, width)
            for row, value in enumerate((_share, _limit, _latency)):
                _curve(columns[row, number], moments, value, law)
        columns[2, number].set_xlabel("seconds")
    columns[0, 0].set(ylabel="% of the capacity", ylim=(0, 130))
    columns[1, 0].set(ylabel="flushes at once")
    columns[2, 0].set(ylabel="latency / alone", yscale="log", ylim=LATENCIES)
    columns[2, 0].set_yticks([1, 3, 10, 30, 100], ["1", "3", "10", "30", "100"])
    figure.legend(*columns[0, 0].get_legend_handles_labels(), ncols=len(LAWS), loc="outside lower center")
    return figure


def sizes() -> Figure:
    """Draw how the batch size is found, beside the one by the closed form; with both dials at work in the last column."""
    figure = Figure(figsize=(12, 7), layout="constrained")
    columns = figure.subplots(3, len(CHOSEN), sharex="col", sharey="row")
    for number, name in enumerate(CHOSEN):
        scenario = load(name)
        moments = _moments(scenario, "ours", COARSE)
        for row, value in enumerate((_share, _size, _limit)):
            _curve(columns[row, number], moments, value, "ours")
        wanted = [best_size(_step(scenario, moment.at)) for moment in moments]
        columns[1, number].step(
            [moment.at for moment in moments], wanted, "--", color="#888888", where="post", label="closed form"
        )
        columns[0, number].set_title(fill(scenario.title, TITLE), fontsize="medium")
        columns[2, number].set_xlabel("seconds")
    columns[0, 0].set(ylabel="% of the capacity", ylim=(0, 130))
    columns[1, 0].set(ylabel="records of a batch", yscale="log")
    columns[1, 0].legend(loc="lower right")
    columns[2, 0].set(ylabel="flushes at once", ylim=(0, None))
    return figure


def _points(scenario: Scenario, law: str) -> Sequence[tuple[float, float]]:
    if not searches(scenario, law):
        return ()
    runs = [run(scenario, law, seed) for seed in SEEDS]
    return [
        (fmean(each.latency for each in step), 100 * fmean(each.capacity for each in step)) for step in zip(*runs, strict=True)
    ]


def _moments(scenario: Scenario, law: str, width: float) -> Sequence[Moment]:
    """Run ``scenario`` with the first seed; return what was seen in each ``width`` seconds of it."""
    watched = Watched(LAWS[law](scenario, Random(SEEDS[0])))
    Rig(scenario, watched, SEEDS[0]).run()
    bins: list[list[Seen]] = [[] for _ in range(int(scenario.seconds / width))]
    for seen in watched.seen:
        bins[min(int(seen.at / width), len(bins) - 1)].append(seen)
    return [_moment(_step(scenario, number * width), number * width, width, seen) for number, seen in enumerate(bins)]


def _moment(step: Step, at: float, width: float, seen: Sequence[Seen]) -> Moment:
    if not seen:
        return Moment(at, 0.0, nan, nan, nan)
    records = [each.ended.records for each in seen]
    latency = median(each.ended.seconds / median_of(step, each.ended.records) for each in seen)
    return Moment(at, 100 * sum(records) / width / capacity(step), latency, seen[-1].limit, fmean(records))


def _step(scenario: Scenario, at: float) -> Step:
    return scenario.steps[bisect_right([step.at for step in scenario.steps], at) - 1]


def _share(moment: Moment) -> float:
    return moment.share


def _latency(moment: Moment) -> float:
    return moment.latency


def _limit(moment: Moment) -> float:
    return moment.limit


def _size(moment: Moment) -> float:
    return moment.size


def _curve(panel: Axes, moments: Sequence[Moment], value: Callable[[Moment], float], law: str) -> None:
    panel.plot(
        [moment.at for moment in moments], [value(moment) for moment in moments], color=COLOURS[law], label=law, linewidth=1.2
    )
    panel.grid(alpha=0.3)


def _save(figure: Figure, name: str) -> None:
    figure.savefig(IMAGES / name, dpi=70, metadata={"Software": None})


if __name__ == "__main__":
    main()
