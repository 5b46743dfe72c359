from __future__ import annotations

from sidecar.core.records import TopicPartition
from sidecar.observe.spans import Spans, after
from sidecar.runtime.report import DrainView, Report
from tests.unit.observe.reports import NOW, a_partition, a_report, a_snapshot


def at(second: float, *holds: tuple[str, ...], drain: DrainView | None = None) -> Report:
    """Return a report so many seconds on, of partitions with these holds."""
    views = [a_partition(tp=TopicPartition("orders", n), holds=reasons) for n, reasons in enumerate(holds)]
    return a_report(a_snapshot(*views), made_at=NOW + second, drain=drain)


def a_drain(began: float, done: float | None = None, *, kind: str = "terminal", expired: bool = False) -> DrainView:
    """Return a drain that began and was done at these seconds."""
    return DrainView(kind, NOW + began, None if done is None else NOW + done, expired)


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


def test_a_drain_is_timed_while_it_lasts_and_counted_once_when_it_is_done() -> None:
    begun = at(0), at(1, drain=a_drain(1)), at(4, drain=a_drain(1))
    assert (follow(*begun).drain_seconds, follow(*begun).drains["drained"]) == (3.0, 0)
    ended = *begun, at(5, drain=a_drain(1, done=4.5)), at(60, drain=a_drain(1, done=4.5))
    assert (follow(*ended).drain_seconds, follow(*ended).drains) == (3.5, {"drained": 1, "expired": 0})


def test_a_drain_that_ran_out_of_time_has_expired() -> None:
    spans = follow(at(0), at(1, drain=a_drain(1)), at(26, drain=a_drain(1, done=26, expired=True)))
    assert (spans.drain_seconds, spans.drains) == (25.0, {"drained": 0, "expired": 1})


def test_a_drain_that_is_over_when_it_is_first_seen_counts_too() -> None:
    assert follow(at(0), at(1, drain=a_drain(0.5, done=0.7))).drains == {"drained": 1, "expired": 0}


def test_a_quiesce_is_a_drain_each_time_that_it_comes() -> None:
    first, second = (a_drain(1, kind="quiesce"), a_drain(1, done=2, kind="quiesce")), a_drain(4, done=6, kind="quiesce")
    spans = follow(at(0), at(1, drain=first[0]), at(2, drain=first[1]), at(3), at(6, drain=second), at(7))
    assert (spans.drains, spans.drain_seconds) == ({"drained": 2, "expired": 0}, 2.0)


def test_a_quiesce_that_ends_before_all_is_flushed_has_expired() -> None:
    assert follow(at(0), at(1, drain=a_drain(1, kind="quiesce")), at(2)).drains == {"drained": 0, "expired": 1}


def test_a_quiesce_that_becomes_a_drain_is_one_with_it() -> None:
    spans = follow(at(0), at(1, drain=a_drain(1, kind="quiesce")), at(2, drain=a_drain(2)), at(5, drain=a_drain(2, done=5)))
    assert (spans.drains, spans.drain_seconds) == ({"drained": 1, "expired": 0}, 3.0)
