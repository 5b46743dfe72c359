from __future__ import annotations

import math

from structlog.testing import CapturingLogger

from sidecar.observe.unreadable import UnreadableHeaders
from sidecar.observe.watch import Watch
from tests.unit.observe.reports import NOW, a_report


def said(log: CapturingLogger) -> list[tuple[str, str, dict[str, object]]]:
    return [(call.method_name, call.args[0], call.kwargs) for call in log.calls]


def line(topic: str, records: int) -> tuple[str, str, dict[str, object]]:
    return "warning", "records.unreadable_headers", {"topic": topic, "records": records}


def test_unreadable_headers_are_said_at_once_by_topic_and_then_once_an_interval_with_their_sum() -> None:
    log = CapturingLogger()
    unreadable = UnreadableHeaders(log)
    reports: list[tuple[float, dict[str, int]]] = [
        (0.0, {}),
        (1.0, {"orders": 3}),
        (2.0, {"orders": 4, "clicks": 1}),
        (3.0, {"orders": 9, "clicks": 1}),
        (11.0, {"orders": 9, "clicks": 1}),
        (50.0, {"orders": 9, "clicks": 1}),
    ]
    for now, counts in reports:
        unreadable.log(counts, now)

    assert said(log) == [line("orders", 3), line("clicks", 1), line("orders", 6)]


def test_with_the_last_report_the_lines_add_up_to_the_count() -> None:
    log = CapturingLogger()
    watch = Watch(log, lambda: 0.0)
    watch.publish(a_report(unreadable_headers={"orders": 2}))
    watch.publish(a_report(unreadable_headers={"orders": 5}, made_at=NOW + 1))
    before = said(log)
    watch.publish(a_report(unreadable_headers={"orders": 6}, made_at=NOW + 2, phase="stopped"))

    assert before == [line("orders", 2)]
    assert said(log) == [line("orders", 2), line("orders", 4)]


def test_an_infinite_now_leaves_nothing_unsaid() -> None:
    log = CapturingLogger()
    unreadable = UnreadableHeaders(log)
    unreadable.log({"orders": 1}, 0.0)
    unreadable.log({"orders": 4}, math.inf)

    assert said(log) == [line("orders", 1), line("orders", 3)]


def test_what_is_counted_for_the_first_time_with_the_last_report_is_said_too() -> None:
    log = CapturingLogger()
    UnreadableHeaders(log).log({"orders": 4}, math.inf)

    assert said(log) == [line("orders", 4)]
