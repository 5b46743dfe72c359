"""For which stage a look at the consuming thread counts."""

from __future__ import annotations

import pytest

from benchmarks.stages import CHUNKS, CLIENT, COLUMNS, OTHER, STAGES, stage
from tests.unit.benchmarks.examples import PACKAGE

LOOP = ("/x/sidecar/runtime/loop.py", "step")
POLL = ("/x/sidecar/kafka/consumer.py", "poll")
CONVERT = ("/x/sidecar/kafka/columns.py", "_chunk")
INTAKE = ("/x/sidecar/core/intake.py", "take")
RECORDS = ("/x/sidecar/core/records.py", "accounted_bytes")


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        ([POLL, LOOP], CLIENT),
        ([CONVERT, POLL, LOOP], COLUMNS),
        ([RECORDS, CONVERT, POLL, LOOP], CHUNKS),
        ([("<string>", "__init__"), CONVERT, POLL, LOOP], CHUNKS),
        ([("/x/sidecar/kafka/refetched.py", "gave_out"), POLL, LOOP], "around the client"),
        ([("/x/sidecar/core/buffer.py", "push"), INTAKE, LOOP], "intake"),
        ([("/x/sidecar/kafka/consumer.py", "commit"), LOOP], "commits"),
        ([("/x/sidecar/observe/watch.py", "publish"), ("/x/sidecar/runtime/loop.py", "_publish"), LOOP], "reports"),
        ([LOOP], "loop"),
        ([("/x/sidecar/app.py", "run")], OTHER),
    ],
)
def test_time_counts_for_the_stage_that_asked_for_it(calls: list[tuple[str, str]], expected: str) -> None:
    assert stage(calls) == expected


def test_every_file_of_the_stages_is_there() -> None:
    assert not [file for file in STAGES if not (PACKAGE / file).exists()]
