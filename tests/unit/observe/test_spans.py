from __future__ import annotations

from dataclasses import replace

from sidecar.core.records import TopicPartition
from sidecar.observe.spans import Spans, after
from sidecar.runtime.report import Report
from tests.unit.observe.reports import BOOKS, NOW, a_partition, a_report, a_snapshot


def at(second: float, *holds: tuple[str, ...], buffered: int = 0, draining: bool = False, given_back: int = 0) -> Report:
    """Return a report so many seconds on, of partitions with these holds."""
    views = [a_partition(tp=TopicPartition("orders", n), holds=reasons) for n, reasons in enumerate(holds)]
    released = {("orders", "revoked"): 4} | ({("orders", "shutdown"): given_back} if given_back else {})
    engine = a_snapshot(*views, books=replace(BOOKS, buffered=buffered, released=released), draining=draining)
    return a_report(engine, made_at=NOW + second)


def follow(*reports: Report) -> Spans:
    spans, last = Spans(), None
    for report in reports:
        spans, last = after(spans, last, report), report
    return spans


def held(*reports: Report) -> dict[str, float]:
    return {reason: seconds for reason, seconds in follow(*reports).hold_seconds.items() if seconds}


def test_every_reason_is_there_at_zero() -> None:
    assert set(Spans().hold_seconds.values()) == {0.0}
    assert {"buffer", "breaker", "drain", "stopped"} <= set(Spans().hold_seconds)


def test_a_hold_counts_from_report_to_report_for_each_partition_and_each_reason() -> None:
    reports = at(0), at(1, ("buffer",), ("buffer", "breaker")), at(3, ("buffer",), ()), at(4)
    assert held(*reports) == {"buffer": 2 * 2 + 1, "breaker": 2}


def test_what_was_not_held_before_counts_from_the_report_that_shows_it() -> None:
    assert held(at(0), at(5, ("buffer",))) == {}


def test_no_drain_before_the_first() -> None:
    assert (follow(at(0), at(1)).drains, follow(at(0)).drain_seconds) == ({"drained": 0, "expired": 0}, 0.0)


def test_a_drain_is_timed_while_it_lasts_and_counted_once_when_all_is_flushed() -> None:
    begun = at(0, buffered=9), at(1, buffered=9, draining=True), at(4, buffered=3, draining=True)
    assert (follow(*begun).drain_seconds, follow(*begun).drains["drained"]) == (3.0, 0)
    ended = *begun, at(5, draining=True), at(60, draining=True)
    assert (follow(*ended).drain_seconds, follow(*ended).drains) == (4.0, {"drained": 1, "expired": 0})


def test_a_drain_that_gives_records_back_has_expired() -> None:
    spans = follow(at(0, buffered=9), at(1, buffered=9, draining=True), at(26, draining=True, given_back=9))
    assert (spans.drain_seconds, spans.drains) == (25.0, {"drained": 0, "expired": 1})


def test_a_drain_with_nothing_to_do_is_drained_at_once() -> None:
    assert follow(at(0), at(1, draining=True)).drains == {"drained": 1, "expired": 0}


def test_a_quiesce_is_a_drain_each_time_that_it_comes() -> None:
    quiesced = at(1, ("quiesce",), buffered=5), at(2, ("quiesce",))
    spans = follow(at(0), *quiesced, at(3), at(4, ("quiesce",), buffered=5), at(6, ("quiesce",)), at(7))
    assert (spans.drains, spans.drain_seconds) == ({"drained": 2, "expired": 0}, 2.0)


def test_a_quiesce_that_ends_before_all_is_flushed_has_expired() -> None:
    assert follow(at(0), at(1, ("quiesce",), buffered=5), at(2, buffered=5)).drains == {"drained": 0, "expired": 1}
