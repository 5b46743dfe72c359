from __future__ import annotations

from typing import Any

import pytest

from sidecar.demo.closing import Closing


def books(polled: int, *, unaccounted: int = 0, released: int = 0, **dropped: int) -> dict[str, Any]:
    return {"polled": polled, "dropped": dropped, "released": {"shutdown": released}, "unaccounted": unaccounted}


@pytest.mark.parametrize(
    ("closing", "counts"),
    [
        (Closing(100, 100, 0, books(100)), (0, 0, True)),
        (Closing(100, 70, 0, books(100, drop_oldest=20, sample=10)), (0, 0, True)),
        (Closing(100, 60, 0, books(60)), (40, 0, True)),
        (Closing(100, 60, 0, books(80, released=20)), (40, 0, True)),
        (Closing(100, 99, 0, books(100)), (0, 1, False)),
        (Closing(100, 100, 0, books(100, unaccounted=1)), (0, 0, False)),
        (Closing(100, 100, 7, books(100)), (0, 0, True)),
    ],
    ids=["all", "dropped", "never polled", "given back", "lost", "a defect in the books", "twice"],
)
def test_what_is_left_in_kafka_is_not_missing_and_what_nobody_has_is(closing: Closing, counts: tuple[int, int, bool]) -> None:
    assert (closing.left, closing.missing, closing.is_balanced) == counts


def test_the_table_names_each_count_and_the_reasons_of_drops() -> None:
    text = Closing(10_000, 6_000, 3, books(8_000, drop_oldest=1_500, drop_newest=0, sample=500)).text()

    rows = {line.split()[0]: line.split()[1] for line in text.splitlines()}
    assert rows == {
        "produced": "10,000",
        "delivered": "6,000",
        "dropped": "2,000",
        "left": "2,000",
        "missing": "0",
        "duplicates": "3",
        "balance": "0",
    }
    assert "1,500 drop_oldest, 500 sample" in text
    assert max(map(len, text.splitlines())) <= 80
