from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

DOCUMENT = (Path(__file__).parents[2] / "docs" / "writers" / "python.md").read_text("utf-8")

PROGRAM = """
import time
from sidecar.core.records import Batch
from sidecar.writers import registry
from tests.contract.batches import chunk
writer = registry.kind("python:orders:write", {}).create()
(failure,) = writer.write(Batch.of([chunk([b"text", b"\\xff", None], offset=7)]), 1, time.monotonic() + 20).failures
print(failure.offset, failure.action, failure.error)
print(writer.write(Batch.of([chunk([b"2"])]), 1, time.monotonic() + 20))
"""


def test_the_example_in_the_document_has_ten_lines_and_refuses_what_it_cannot_read(tmp_path: Path) -> None:
    (example,) = re.findall(r"^```python\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)
    lines = {node.lineno for node in ast.walk(ast.parse(example)) if isinstance(node, ast.stmt | ast.ExceptHandler)}
    assert len(lines) <= 10
    (tmp_path / "orders.py").write_text(example, "utf-8")
    root = str(Path(__file__).parents[2])
    environ = {"PYTHONPATH": f"{tmp_path}:{root}"}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environ, capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "orders[0] 7 text",
        "orders[0] 9 ",
        "8 FailureAction.REJECT not UTF-8",
        "orders[0] 0 2",
        "Delivered()",
    ]
