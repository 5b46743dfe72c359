"""The table of results, as Markdown and as JSON."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import chain
from pathlib import Path

import msgspec

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs" / "PERFORMANCE.md"
RESULTS = DOCUMENT.with_name("performance.json")
BEGIN, END = "<!-- begin of the table -->\n", "<!-- end of the table -->\n"


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: what was measured, what came out, and the bar that it has to clear (with whether it did).

    ``figures`` are the numbers behind it, for programs; the end of a name is the unit.
    """

    what: str
    measured: str
    bar: str = ""
    cleared: bool | None = None
    figures: Mapping[str, float] = field(default_factory=dict)


Results = Mapping[str, Sequence[Row]]
"""The rows of each measurement, by its name."""


def table(rows: Iterable[Row]) -> str:
    """Return ``rows`` as a Markdown table."""
    lines = ["| what | measured | bar | cleared |", "|---|---|---|---|"]
    said = {True: "yes", False: "**no**", None: ""}
    return "\n".join([*lines, *(f"| {row.what} | {row.measured} | {row.bar} | {said[row.cleared]} |" for row in rows)])


def machine() -> str:
    """Say what this ran on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"Measured on {os.cpu_count()} cores, {memory:.0f} GiB, Python {platform.python_version()}, "
        f"confluent-kafka {version('confluent-kafka')}; everything, the broker included, on this one machine."
    )


def write(results: Results, folder: Path) -> None:
    """Write ``results`` into ``folder``, for people and for programs."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bench.json").write_text(as_json(results), "utf-8")
    (folder / "bench.md").write_text(f"{table(chain(*results.values()))}\n\n{machine()}\n", "utf-8")


def keep(results: Results, order: Iterable[str]) -> None:
    """Put ``results`` between the marks in docs/PERFORMANCE.md, each measurement in the place of its last one, and all of them into the file beside it."""
    together = merged(kept(), results, order)
    before, _, rest = DOCUMENT.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    DOCUMENT.write_text(f"{before}{BEGIN}\n{table(chain(*together.values()))}\n\n{machine()}\n\n{END}{after}", "utf-8")
    RESULTS.write_text(as_json(together), "utf-8")


def kept() -> Results:
    """Return what is in docs/performance.json."""
    return msgspec.json.decode(RESULTS.read_bytes(), type=dict[str, list[Row]])


def merged(old: Results, new: Results, order: Iterable[str]) -> Results:
    """Return the measurements of both in ``order``, those that were made again as they are in ``new``; what is not in ``order`` is measured no more."""
    together = {**old, **new}
    return {name: together[name] for name in order if name in together}


def as_json(results: Results) -> str:
    """Return ``results`` as JSON, for programs."""
    return msgspec.json.format(msgspec.json.encode(results), indent=1).decode() + "\n"
