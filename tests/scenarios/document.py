"""Writes the table of docs/FLOW-CONTROL.md: ``python -m tests.scenarios.document`` (`make flow`)."""

from __future__ import annotations

from pathlib import Path

from tests.scenarios.comparison import table

DOCUMENT = Path(__file__).parents[2] / "docs" / "FLOW-CONTROL.md"
BEGIN, END = "<!-- table: make flow -->\n", "<!-- end of the table -->\n"


def with_table(text: str, rows: str) -> str:
    """Return the document ``text`` with ``rows`` in the place of the table."""
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n{rows}\n{END}{tail}"


if __name__ == "__main__":
    DOCUMENT.write_text(with_table(DOCUMENT.read_text(), table()))
