from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sidecar.writers.tables.changes import changes
from sidecar.writers.tables.rows import Rows

RECORDS = st.lists(st.tuples(st.integers(0, 3), st.none() | st.integers()))


def test_of_several_records_with_a_key_the_last_one_counts() -> None:
    rows = Rows((["a", "b", "a", "c", "b"], [1, 2, 3, None, None]), 5, frozenset({3, 4}))
    found = changes(rows, [0])
    assert (found.upserts, found.deletes) == ((["a"], [3]), (["b", "c"],))
    assert (found.upserted, found.deleted) == ([2], [4, 3])


def test_columns_without_repeats_and_tombstones_are_passed_on_as_they_are() -> None:
    rows = Rows((["a", "b"], [1, 2]), 2, frozenset())
    assert changes(rows, [0]).upserts[1] is rows.columns[1]


@given(RECORDS)
def test_what_comes_of_a_batch_is_what_its_records_do_one_after_the_other(records: list[tuple[int, int | None]]) -> None:
    table = dict(records)
    keys, values = [key for key, _ in records], [value for _, value in records]

    found = changes(Rows((keys, values), len(keys), frozenset(i for i, v in enumerate(values) if v is None)), [0])

    assert dict(zip(*found.upserts, strict=True)) == {key: value for key, value in table.items() if value is not None}
    assert sorted(found.deletes[0]) == sorted(key for key, value in table.items() if value is None)
