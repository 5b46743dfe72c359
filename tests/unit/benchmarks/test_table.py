"""How results are kept, and what the document says of them."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import pytest

from benchmarks.__main__ import MEASUREMENTS
from benchmarks.curves import CURVES, draw, short
from benchmarks.table import DOCUMENT, RESULTS, Row, as_json, kept, merged, table, write

A_ROW = Row("cost", "1.0 µs", "<= 0.5 µs", cleared=False, figures={"cost_us": 1.0})


def test_a_measurement_that_is_made_again_takes_the_place_of_its_last_one_and_others_stay() -> None:
    old = {"a": [Row("old name", "1")], "b": [Row("b", "2", "<= 3", cleared=True)]}
    new = {"c": [Row("c", "9")], "a": [Row("new name", "5")]}
    assert merged(old, new, ["c", "b", "a"]) == {"c": new["c"], "b": old["b"], "a": new["a"]}


def test_what_is_measured_no_more_goes() -> None:
    assert merged({"gone": [A_ROW]}, {"a": [A_ROW]}, ["a", "never made"]) == {"a": [A_ROW]}


def test_the_table_says_what_did_not_clear_its_bar() -> None:
    assert table([A_ROW]).splitlines()[2] == "| cost | 1.0 µs | <= 0.5 µs | **no** |"


def test_results_are_written_for_people_and_for_programs(tmp_path: Path) -> None:
    write({"a": [A_ROW]}, tmp_path / "new")
    assert table([A_ROW]) in (tmp_path / "new" / "bench.md").read_text("utf-8")
    assert (tmp_path / "new" / "bench.json").read_text("utf-8") == as_json({"a": [A_ROW]})


def test_what_is_written_for_programs_is_what_is_written_for_people() -> None:
    results = kept()
    assert table(chain(*results.values())) in DOCUMENT.read_text("utf-8")
    assert as_json(results) == RESULTS.read_text("utf-8")


def test_the_document_explains_every_measurement() -> None:
    text = DOCUMENT.read_text("utf-8")
    assert not [name for name in MEASUREMENTS if f"`{name}`" not in text]


@pytest.mark.parametrize(("number", "text"), [(0, "0"), (64, "64"), (4_096, "4.1k"), (500_000, "500k"), (10_000_000, "10M")])
def test_a_number_on_an_axis_is_short(number: int, text: str) -> None:
    assert short(number) == text


@pytest.mark.parametrize("names", [[], [*CURVES]], ids=["nothing is measured yet", "everything is"])
def test_the_curves_are_drawn_from_what_is_there(names: list[str], tmp_path: Path) -> None:
    points = [Row("cost", "", figures={"at": at, "bare_us": 1.0, "sidecar_us": 1.2}) for at in (0, 1, 1_000)]
    draw(dict.fromkeys(names, points), tmp_path / "images" / "curves.png")
    assert (tmp_path / "images" / "curves.png").read_bytes().startswith(b"\x89PNG")
