from __future__ import annotations

import pytest

from benchmarks.compare import judge


def test_the_median_of_the_rounds_decides_and_one_bad_round_does_not() -> None:
    verdict = judge([(1.0, 1.02), (2.0, 2.0), (1.0, 3.0), (1.0, 0.9), (0.5, 0.51)])
    assert (verdict.change, verdict.least, verdict.most, verdict.is_worse) == (1.02, 0.9, 3.0, False)
    assert str(verdict) == "+2.0% (rounds -10.0% .. +200.0%)"


@pytest.mark.parametrize(("head", "worse"), [(1.04, False), (1.06, True), (0.5, False)])
def test_more_than_a_twentieth_is_a_regression(head: float, worse: bool) -> None:  # noqa: FBT001 -- a parameter of a test
    assert judge([(1.0, head)] * 5).is_worse is worse
