from __future__ import annotations

from sidecar.demo.step import HEADER, STEPS, at_once

TERMINAL = 100
"""Columns: this variant tells a reason, too."""


def test_before_the_first_line_the_first_step_holds() -> None:
    assert at_once(0.0) == STEPS[0][1]


def test_the_columns_fit() -> None:
    assert len(HEADER) <= TERMINAL
