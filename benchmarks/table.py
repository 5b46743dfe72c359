"""The table of results, as Markdown and as JSON."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

DOCUMENT = Path(__file__).parents[1] / "docs" / "PERFORMANCE.md"
RESULTS = DOCUMENT.with_name("performance.json")
BEGIN, END = "<!-- begin of the table -->\n", "<!-- end of the table -->\n"


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: what was measured, what came out, and the bar that it has to clear (with whether it did)."""

    what: str
    measured: str
    bar: str = ""
    cleared: bool | None = None


def table(rows: list[Row]) -> str:
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


def write(rows: list[Row]) -> None:
    """Put ``rows`` between the marks in docs/PERFORMANCE.md, each in the place of an older one of the same name, and all of them into the file beside it."""
    kept = merged([Row(**row) for row in json.loads(RESULTS.read_text("utf-8"))], rows)
    before, _, rest = DOCUMENT.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    DOCUMENT.write_text(f"{before}{BEGIN}\n{table(kept)}\n\n{machine()}\n\n{END}{after}", "utf-8")
    RESULTS.write_text(as_json(kept), "utf-8")


def merged(old: list[Row], new: list[Row]) -> list[Row]:
    """Return ``old`` with what ``new`` has of the same names in their places, and the rest of ``new`` after them."""
    latest = {row.what: row for row in old} | {row.what: row for row in new}
    return list(latest.values())


def as_json(rows: list[Row]) -> str:
    """Return ``rows`` as JSON, for programs."""
    return json.dumps([asdict(row) for row in rows], indent=1, ensure_ascii=False) + "\n"
