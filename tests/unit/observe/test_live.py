from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from sidecar.core.config import Policy, Strategy
from sidecar.core.decisions import Decision, Dial
from sidecar.core.snapshot import RetryView
from sidecar.observe.drop_record import LastDrop
from sidecar.observe.last_events import KEPT, LONGEST, LastEvents, LoggedEvent
from sidecar.observe.live import About, Also, Row, frame, hello
from sidecar.observe.pulse import POINTS, Pulse
from sidecar.observe.scene import Scene
from sidecar.observe.topics import Shed, Topic
from sidecar.observe.verdicts import Verdict
from sidecar.runtime.report import Report
from tests.unit.observe.reports import NOW, NOW_MS, ORDERS, SEARCH, a_partition, a_report, a_snapshot, log_ends

ABOUT = About("1.2.3", "pod-7", "billing", ("orders",), "http://localhost:8080/records", 0.5, 0.8)


NOTHING_ELSE = Also(lambda _topic: Policy(), dict, list)


def seen(scene: Scene, also: Also = NOTHING_ELSE) -> dict[str, Any]:
    document: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(frame(scene, also, NOW_MS)))
    return document


class Written:
    """A log that remembers what it was told."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, dict[str, object]]] = []

    def info(self, event: str, **fields: object) -> object:
        self.lines.append(("info", event, fields))
        return "told"

    def warning(self, event: str, **fields: object) -> object:
        self.lines.append(("warning", event, fields))
        return None

    def error(self, event: str, **fields: object) -> object:
        self.lines.append(("error", event, fields))
        return None


def test_a_frame_is_json_and_has_a_row_with_its_verdict_for_each_partition() -> None:
    late = a_partition(
        tp=ORDERS._replace(partition=1),
        committable=70,
        in_flight=30,
        oldest_wall_ms=NOW_MS - 42_000,
        holds=("buffer",),
        retry=RetryView("answered 503", 1, 8.0, limited=False),
    )
    scene = Scene(a_report(a_snapshot(a_partition(), late)), log_ends(100, 110), NOW + 0.5)
    also = replace(NOTHING_ELSE, events=lambda: [LoggedEvent(1.0, "info", "a", "b=c")])
    document = seen(scene, also)
    fine, row = (dict(zip(Row._fields, values, strict=True)) for values in document["partitions"])
    assert (fine["verdict"], fine["lag_records"], fine["holds"]) == ("ok", 0, [])
    assert (row["verdict"], row["lag_seconds"], row["lag_records"], row["log_end"]) == ("downstream_down", 42.0, 40, 110)
    assert "answered 503" in row["sentence"]
    assert document["why"]["sentence"].startswith("1 of 2 partitions behind by 42 s: ")
    assert document["lag"] == {"seconds": 42.0, "records": 40}
    assert document["held"] == {"partitions": 1, "reasons": {"buffer": 1}}
    assert document["heartbeat"] == 0.5
    assert document["events"] == [[1.0, "info", "a", "b=c"]]


def test_a_frame_has_the_policies_what_is_shed_and_why_the_flow_control_decided() -> None:
    decision = Decision(NOW - 3, Dial.CONCURRENCY, 4, 5, "there is room for more")
    engine = a_snapshot(a_partition(buffered=70, in_flight=5), search=replace(SEARCH, decisions=(decision,)))
    policy = Policy(Strategy.SAMPLE, sample_rate=None, priority=-2)
    last = {("orders", "sample"): LastDrop(0, 10, 30, 5.0)}
    document = seen(Scene(a_report(engine), None, NOW), Also(lambda _topic: policy, lambda: last, list))
    assert document["topics"] == [["orders", "sample auto, priority -2", 1, 75, None]]
    assert document["sheds"] == [["orders", "sample", "policy", 6, 0.0, [0, 10, 30, 5.0]]]
    assert document["control"]["cost"]["fixed_seconds"] == 0.004
    assert document["control"]["decision"] == {
        "seconds_ago": 3.0,
        "dial": "concurrency",
        "before": 4,
        "after": 5,
        "reason": "there is room for more",
    }
    assert seen(Scene(a_report(), None, NOW))["control"]["decision"] is None


def test_the_first_message_tells_what_the_columns_of_the_others_are() -> None:
    pulse = Pulse(a_report, lambda: None)
    pulse.beat()
    document = msgspec.json.decode(msgspec.json.encode(hello(ABOUT, pulse.points)))
    assert document["about"]["group"] == "billing"
    assert document["columns"] == list(Row._fields)
    assert document["topic_columns"] == list(Topic._fields)
    assert document["shed_columns"] == list(Shed._fields)
    assert document["verdicts"] == [verdict.value for verdict in Verdict]
    assert len(document["points"][0]) == len(document["series"])


def test_a_point_a_report_is_kept_and_no_more_than_ten_minutes_of_them() -> None:
    reports: list[Report] = [a_report()]
    pulse = Pulse(lambda: reports[-1], lambda: log_ends(120))
    pulse.beat()
    pulse.beat()
    assert [(point.at, point.lag_records, point.delivered) for point in pulse.points] == [(NOW_MS / 1000, 20, None)]
    for second in range(1, POINTS + 10):
        reports.append(a_report(wall_ms=NOW_MS + second * 1000, made_at=NOW + second))
        pulse.beat()
    assert len(pulse.points) == POINTS
    assert pulse.points[-1].at == NOW_MS / 1000 + POINTS + 9


def test_events_are_passed_on_and_the_last_ones_kept() -> None:
    written = Written()
    events = LastEvents(written, lambda: 12.5)
    assert events.info("state.changed", old="normal", new="elevated", reason=None) == "told"
    events.warning("flush.failed", reason="x" * 1000)
    events.error("partition.stopped")
    assert [line[:2] for line in written.lines] == [
        ("info", "state.changed"),
        ("warning", "flush.failed"),
        ("error", "partition.stopped"),
    ]
    assert written.lines[0][2] == {"old": "normal", "new": "elevated", "reason": None}
    first, second, third = events.latest
    assert first == LoggedEvent(12.5, "info", "state.changed", "old=normal new=elevated")
    assert len(second.text) == len("reason=") + LONGEST
    assert (third.level, third.text) == ("error", "")


def test_older_events_give_way() -> None:
    events = LastEvents(Written(), lambda: 0.0)
    for number in range(KEPT + 5):
        events.info("n", number=number)
    assert [event.text for event in events.latest] == [f"number={number}" for number in range(5, KEPT + 5)]
