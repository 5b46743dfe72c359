from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[3] / "docs" / "API.md").read_text("utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```\n\n```output\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize(("example", "output"), EXAMPLES)
def test_each_example_of_the_page_runs_and_prints_what_the_page_says(example: str, output: str) -> None:
    command = [sys.executable, "-W", "error", "-c", example]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, output, "")


def test_every_python_block_has_its_output_and_there_is_one_for_each_strategy() -> None:
    assert len(EXAMPLES) == PAGE.count("```python") == 7
    headings = re.findall(r"^### (\w+)$", PAGE, re.MULTILINE)
    assert headings == ["block", "drop_oldest", "drop_newest", "sample"]
