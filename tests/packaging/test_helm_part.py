"""The two Helms that the chart tests run on are the ones that they say they are."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.parts.helm import helm3, helm4


@pytest.mark.parametrize(("program", "version"), [(helm3, "v3.10.1"), (helm4, "v4.2.3")])
def test_each_helm_is_of_its_version(program: Callable[[], Path], version: str) -> None:
    assert version in subprocess.run([program(), "version"], capture_output=True, text=True, check=True).stdout
