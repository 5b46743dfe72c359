"""The table that compares the flush control with its rivals, over all scenarios and seeds: what docs/FLOW-CONTROL.md shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from statistics import fmean

from tests.scenarios.law import Law, Ours
from tests.scenarios.rig import Outcome, Rig
from tests.scenarios.rivals.aimd import Aimd
from tests.scenarios.rivals.gradient2 import Gradient2
from tests.scenarios.rivals.vector import Vector
from tests.scenarios.rivals.vegas import Vegas
from tests.scenarios.scenario import Scenario, load, names

SEEDS = (1, 2, 3)

LAWS: Mapping[str, Callable[[Scenario, Random], Law]] = {
    "ours": lambda scenario, random: Ours(scenario.steps[0].work.limits(), random),
    "Vegas": lambda scenario, random: Vegas(scenario.steps[0].work.max_in_flight, random),
    "Gradient2": lambda scenario, _random: Gradient2(scenario.steps[0].work.max_in_flight),
    "AIMD": lambda scenario, _random: Aimd(scenario.steps[0].work.max_in_flight),
    "Vector": lambda scenario, _random: Vector(scenario.steps[0].work.max_in_flight),
}


def run(scenario: Scenario, law: str, seed: int) -> list[Outcome]:
    """Run a scenario once."""
    return Rig(scenario, LAWS[law](scenario, Random(seed)), seed).run()


def searches(scenario: Scenario, law: str) -> bool:
    """Whether ``law`` has anything to say in ``scenario``: the rivals choose no sizes."""
    return law == "ours" or not isinstance(scenario.steps[0].work.sizes, str)


def row(name: str) -> str:
    """Return a scenario's row of the table."""
    scenario = load(name)
    cells = [_cell(scenario, law) for law in LAWS]
    return f"| {scenario.title} | {' | '.join(cells)} |"


def table() -> str:
    """Return the whole of it, as Markdown."""
    head = f"| scenario | {' | '.join(LAWS)} |\n|---|{'---|' * len(LAWS)}\n"
    return head + "".join(f"{row(name)}\n" for name in names())


def _cell(scenario: Scenario, law: str) -> str:
    """Return means over the seeds, for each step: the share of the capacity in percent, and the median latency."""
    if not searches(scenario, law):
        return "-"
    runs = [run(scenario, law, seed) for seed in SEEDS]
    return ", ".join(_figures(outcomes) for outcomes in zip(*runs, strict=True))


def _figures(outcomes: Sequence[Outcome]) -> str:
    refused = 100 * fmean(each.refused for each in outcomes)
    more = f" ({refused:.0f} % refused)" if refused >= 1 else ""
    return f"{100 * fmean(each.capacity for each in outcomes):.0f} @ {fmean(each.latency for each in outcomes):.1f}{more}"
