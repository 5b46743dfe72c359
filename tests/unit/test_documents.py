"""What the documents say of writers and failures is what there is, and what they link to is there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from sidecar.core.results import Result
from sidecar.writers.registry import schemes

DOCS = Path(__file__).parents[2] / "docs"


def test_every_scheme_has_its_guarantee() -> None:
    text = (DOCS / "WRITERS.md").read_text("utf-8")
    assert not [scheme for scheme in schemes() if f"`{scheme}:" not in text]


def test_every_result_is_explained() -> None:
    text = (DOCS / "WRITERS.md").read_text("utf-8")
    assert not [result.__name__ for result in get_args(Result) if f"| `{result.__name__}` |" not in text]


@pytest.mark.parametrize("page", ["WRITERS.md", "FAILURES.md", "DEAD-LETTERS.md", "../README.md", "../CHANGELOG.md"])
def test_what_a_page_links_to_is_there(page: str) -> None:
    path = (DOCS / page).resolve()
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text("utf-8"))
    assert links or page == "../CHANGELOG.md"
    assert not [link for link in links if not (path.parent / link).exists()]
