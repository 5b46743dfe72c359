from __future__ import annotations

import json

from benchmarks.table import DOCUMENT, RESULTS, Row, as_json, merged, table


def test_a_new_figure_takes_the_place_of_the_old_one_and_others_stay() -> None:
    old = [Row("a", "1"), Row("b", "2", "<= 3", cleared=True)]
    assert merged(old, [Row("c", "9"), Row("a", "5")]) == [Row("a", "5"), Row("b", "2", "<= 3", cleared=True), Row("c", "9")]


def test_what_is_written_for_programs_is_what_is_written_for_people() -> None:
    rows = [Row(**row) for row in json.loads(RESULTS.read_text("utf-8"))]
    assert table(rows) in DOCUMENT.read_text("utf-8")
    assert as_json(rows) == RESULTS.read_text("utf-8")
