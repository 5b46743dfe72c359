from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from sidecar.core.errors import AccountingError
from sidecar.core.ledger import Ledger
from sidecar.core.records import Chunk
from tests.unit.core.examples import chunk


def tracked(*chunks: Chunk, start: int | None = 0) -> Ledger:
    ledger = Ledger(start)
    for each in chunks:
        ledger.track(each)
    return ledger


def three() -> tuple[Ledger, Chunk, Chunk, Chunk]:
    """Return a ledger of 30 records in three chunks."""
    a, b, c = (chunk(offsets=range(first, first + 10)) for first in (0, 10, 20))
    return tracked(a, b, c), a, b, c


@pytest.mark.parametrize(
    ("order", "committables"),
    [
        ("abc", [10, 20, 30]),
        ("acb", [10, 10, 30]),
        ("bac", [0, 20, 30]),
        ("bca", [0, 0, 30]),
        ("cab", [0, 10, 30]),
        ("cba", [0, 0, 30]),
    ],
)
def test_completions_in_any_order_move_committable_to_the_first_range_without_an_outcome(
    order: str, committables: list[int]
) -> None:
    ledger, *chunks = three()
    seen = []
    for name in order:
        ledger.complete(chunks["abc".index(name)])
        seen.append(ledger.committable)
    assert seen == committables
    assert (ledger.position, ledger.outstanding) == (30, 0)


def test_the_middle_of_a_chunk_may_complete_first() -> None:
    whole = chunk(offsets=[3, 7, 8, 20])
    ledger = tracked(whole)
    assert ledger.committable == 3
    ledger.complete(whole.slice(1, 3))
    assert ledger.committable == 3
    ledger.complete(whole.slice(0, 1))
    assert ledger.committable == 20
    ledger.complete(whole.slice(3, 4))
    assert (ledger.committable, ledger.outstanding) == (21, 0)


@pytest.mark.parametrize("completed_before_the_gap", [True, False])
def test_a_gap_between_chunks_is_passed_with_the_record_before_it(*, completed_before_the_gap: bool) -> None:
    a, b = chunk(offsets=range(10)), chunk(offsets=range(50, 60))
    ledger = tracked(a)
    if completed_before_the_gap:
        ledger.complete(a)
        ledger.track(b)
    else:
        ledger.track(b)
        assert ledger.committable == 0
        ledger.complete(a)
    assert ledger.committable == 50
    ledger.complete(b)
    assert ledger.committable == 60


def test_offsets_that_hold_no_record_are_passed_by_advancing() -> None:
    a = chunk(offsets=range(10))
    ledger = tracked(a)
    ledger.advance(25)
    assert (ledger.position, ledger.committable) == (25, 0)
    ledger.advance(12)
    assert ledger.position == 25
    ledger.complete(a)
    assert ledger.committable == 25
    ledger.advance(26)
    assert (ledger.committable, ledger.outstanding) == (26, 0)


def test_without_a_start_the_first_record_decides() -> None:
    ledger = Ledger(None)
    assert (ledger.position, ledger.committable) == (None, None)
    ledger.track(chunk(offsets=range(500, 510)))
    assert (ledger.position, ledger.committable) == (510, 500)


def test_without_a_start_a_position_decides_too() -> None:
    ledger = Ledger(None)
    ledger.advance(700)
    assert (ledger.position, ledger.committable) == (700, 700)


def test_a_start_before_the_first_record_is_a_gap_already_passed() -> None:
    assert tracked(chunk(offsets=range(500, 510)), start=480).committable == 500


def test_records_polled_again_are_refused_and_nothing_changes() -> None:
    ledger, *_ = three()
    with pytest.raises(AccountingError, match=r"orders\[0\]: polled offset 29 again, position is 30"):
        ledger.track(chunk(offsets=range(29, 40)))
    assert (ledger.position, ledger.outstanding, ledger.committable) == (30, 30, 0)


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(chunk(offsets=range(10)), id="it has its outcome and is committable"),
        pytest.param(chunk(offsets=range(20, 30)), id="it has its outcome out of order"),
        pytest.param(chunk(offsets=range(25, 35)), id="it was never polled"),
        pytest.param(chunk(offsets=range(5, 15)), id="part of it has its outcome"),
    ],
)
def test_a_second_outcome_is_refused_and_nothing_changes(wrong: Chunk) -> None:
    ledger, a, b, c = three()
    ledger.complete(a)
    ledger.complete(c)
    with pytest.raises(AccountingError, match="outcome for"):
        ledger.complete(wrong)
    assert (ledger.committable, ledger.outstanding) == (10, 10)
    ledger.complete(b)
    assert ledger.committable == 30


def test_an_outcome_before_anything_was_polled_is_refused() -> None:
    with pytest.raises(AccountingError):
        Ledger(None).complete(chunk())


def test_a_commit_carries_the_leader_epoch_of_the_record_before_it() -> None:
    ledger = Ledger(0)
    for first, leader in ((0, None), (10, 4), (20, 4), (30, 7)):
        ledger.track(replace(chunk(offsets=range(first, first + 10)), leader_epoch=leader))
    assert [ledger.leader_epoch(at) for at in (0, 10, 11, 20, 30, 31, 40)] == [None, None, 4, 4, 4, 7, 7]


def test_the_work_is_by_the_range_not_by_the_record_and_nothing_is_left_behind() -> None:
    """Each range waits in the table at most once, whatever its size; a settled ledger is as small as a new one."""
    ledger = Ledger(0)
    large = [chunk(offsets=range(first, first + 10_000)) for first in range(0, 500_000, 10_000)]
    for each in large:
        ledger.track(each)
    Random(3).shuffle(large)
    for completed, each in enumerate(large, start=1):
        ledger.complete(each)
        assert len(ledger._done) <= completed  # noqa: SLF001 -- the bound is the contract: O(1) amortised per range
    assert ledger.committable == 500_000
    assert not ledger._done  # noqa: SLF001 -- as above
