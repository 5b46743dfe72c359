from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sidecar.core.snapshot import PartitionView, Snapshot
from sidecar.observe.verdicts import Verdict, explain, explain_process
from tests.unit.observe.reports import FLOW, ORDERS, a_partition, a_report, a_snapshot, log_ends

BEHIND = a_partition(position=100, committable=70, buffered=20, in_flight=10)
BREAKER_OPEN = replace(FLOW, breaker="open", breaker_reason="connection refused", next_probe_in=3.2)
HALF_OPEN = replace(BREAKER_OPEN, breaker="half_open", next_probe_in=0.0)
RETRYING = replace(FLOW, retrying=1, last_failure="503 Service Unavailable")
SATURATED = replace(FLOW, flushes_in_flight=8)


def verdict(view: PartitionView, *, log_end: int | None = 100, trouble: str | None = None, **engine: Any) -> tuple[Verdict, str]:
    why = explain(view, a_report(a_snapshot(view, **engine), trouble=trouble), log_end)
    return why.verdict, why.sentence


def holding(*reasons: str) -> PartitionView:
    return replace(BEHIND, holds=reasons)


@pytest.mark.parametrize(
    ("view", "engine", "expected", "words"),
    [
        (a_partition(), {}, Verdict.CAUGHT_UP, "below offset 100"),
        (BEHIND, {}, Verdict.FLOWING, "20 records are buffered, 10 in flight"),
        (BEHIND, {"log_end": 1100}, Verdict.CATCHING_UP, "1000 offsets are still in Kafka"),
        (a_partition(), {"log_end": 101}, Verdict.CATCHING_UP, "1 offsets"),
        (a_partition(), {"log_end": None}, Verdict.STARTING, "not known yet"),
        (a_partition(position=None, committable=None), {}, Verdict.STARTING, "not known yet"),
        (BEHIND, {"flow": SATURATED, "state": "elevated", "utilization": 0.6}, Verdict.DOWNSTREAM_SLOW, "all 8 flushes"),
        (BEHIND, {"flow": SATURATED}, Verdict.FLOWING, "nothing is in the way"),
        (BEHIND, {"state": "blocked", "utilization": 1.0}, Verdict.DOWNSTREAM_SLOW, "100% full) while this partition's flush"),
        (replace(BEHIND, in_flight=0), {"state": "blocked"}, Verdict.FLOWING, "nothing is in the way"),
        (holding("buffer"), {"utilization": 0.83}, Verdict.HELD_BUFFER, "83% full"),
        (holding("room"), {"utilization": 0.7}, Verdict.HELD_ROOM, "larger than the room"),
        (BEHIND, {"flow": RETRYING}, Verdict.RETRYING, "503 Service Unavailable"),
        (replace(BEHIND, in_flight=0), {"flow": RETRYING}, Verdict.FLOWING, "nothing is in the way"),
        (holding("breaker"), {"flow": BREAKER_OPEN}, Verdict.HELD_BREAKER, "(connection refused); next probe in 3.2 s"),
        (holding("breaker"), {"flow": HALF_OPEN}, Verdict.HELD_BREAKER, "it is being probed"),
        (holding("drain"), {"draining": True}, Verdict.DRAINING, "drains"),
        (replace(BEHIND, stopped="poison record at offset 70: 422"), {}, Verdict.STOPPED, "poison record at offset 70: 422"),
        (a_partition(), {"trouble": "no broker answers", "log_end": 100}, Verdict.KAFKA_TROUBLE, "no broker answers"),
        (BEHIND, {"trouble": "no broker answers"}, Verdict.KAFKA_TROUBLE, "no broker answers"),
    ],
)
def test_a_partition_is_explained(view: PartitionView, engine: dict[str, Any], expected: Verdict, words: str) -> None:
    found, sentence = verdict(view, **engine)
    assert found is expected
    assert words in sentence


@pytest.mark.parametrize(
    ("view", "engine", "expected"),
    [
        (replace(holding("drain", "stopped"), stopped="poison"), {"draining": True}, Verdict.STOPPED),
        (holding("drain", "breaker"), {"draining": True, "flow": BREAKER_OPEN}, Verdict.DRAINING),
        (holding("breaker", "buffer"), {"flow": BREAKER_OPEN}, Verdict.HELD_BREAKER),
        (holding("buffer"), {"flow": RETRYING}, Verdict.RETRYING),
        (holding("buffer"), {"trouble": "no broker answers"}, Verdict.HELD_BUFFER),
        (a_partition(), {"flow": BREAKER_OPEN}, Verdict.CAUGHT_UP),
    ],
)
def test_of_several_causes_the_one_nearest_to_the_root_is_named(
    view: PartitionView, engine: dict[str, Any], expected: Verdict
) -> None:
    assert verdict(view, **engine)[0] is expected


def test_the_process_says_the_most_serious_verdict_of_its_partitions() -> None:
    stopped = a_partition(tp=ORDERS._replace(partition=1), stopped="poison record at offset 3")
    why = explain_process(a_report(a_snapshot(a_partition(), stopped)), log_ends(100, 100))
    assert why.verdict is Verdict.STOPPED
    assert why.sentence == "1 of 2 partitions, as orders[1]: stopped until a restart: poison record at offset 3"


@pytest.mark.parametrize(
    ("engine", "trouble", "expected"),
    [
        ({}, None, Verdict.WAITING_ASSIGNMENT),
        ({}, "authentication failed", Verdict.KAFKA_TROUBLE),
        ({"draining": True}, "authentication failed", Verdict.DRAINING),
    ],
)
def test_a_process_without_partitions_says_why(engine: dict[str, Any], trouble: str | None, expected: Verdict) -> None:
    nothing: Snapshot = replace(a_snapshot(), partitions=(), **engine)
    assert explain_process(a_report(nothing, trouble=trouble), None).verdict is expected


def test_docs_explain_every_verdict_in_the_order_of_the_list() -> None:
    document = (Path(__file__).parents[3] / "docs" / "STATUS.md").read_text(encoding="utf-8")
    table = document.split("## Verdicts", 1)[1]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == [verdict.value for verdict in Verdict]
