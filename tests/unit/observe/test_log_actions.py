from __future__ import annotations

from structlog.testing import CapturingLogger

from sidecar.core.actions import (
    Action,
    BreakerChanged,
    CommitFailed,
    DeadLettered,
    DeadLetterFailed,
    DivertFailed,
    Dropped,
    Finish,
    FlushFailed,
    HoldBegan,
    HoldEnded,
    Landed,
    LetterReason,
    PartitionStopped,
    Pause,
    Released,
    StartFlush,
    StateChanged,
)
from sidecar.core.backpressure import State
from sidecar.core.books import DropReason, ReleaseReason
from sidecar.core.breaker import BreakerState
from sidecar.core.hold_reasons import HoldReason
from sidecar.core.records import Batch
from sidecar.observe.log_actions import LogActions
from tests.unit.observe.reports import ORDERS, a_chunk

Said = tuple[str, str, dict[str, object]]


def lines(*timed: tuple[float, Action], end: float | None = None) -> list[Said]:
    """Log actions at their times and return (level, event, fields) of each line."""
    log = CapturingLogger()
    actions = LogActions(log, interval=10.0)
    for now, action in timed:
        actions.log([action], now)
    if end is not None:
        actions.catch_up(end)
    return [(call.method_name, call.args[0], call.kwargs) for call in log.calls]


def failed(reason: str, records: int = 5) -> FlushFailed:
    return FlushFailed(flight=1, records=records, attempt=2, reason=reason, retry_in=0.25)


def dropped(records: int, reason: DropReason = DropReason.SAMPLE, detail: str | None = None) -> Dropped:
    return Dropped(ORDERS, 10, 20, records, reason, detail)


def test_each_hold_that_is_asked_for_is_one_line_when_it_begins_and_one_when_it_ends() -> None:
    app, operator = HoldReason.APP, HoldReason.OPERATOR
    said = lines(
        (0, HoldBegan(app, "http://app answers 503")),
        (1, HoldBegan(operator, "POST /pause")),
        (2, HoldEnded(app, expired=False)),
        (3, HoldEnded(operator, expired=True)),
    )
    assert said == [
        ("warning", "hold.began", {"reason": "app", "why": "http://app answers 503"}),
        ("info", "hold.began", {"reason": "operator", "why": "POST /pause"}),
        ("info", "hold.ended", {"reason": "app", "expired": False}),
        ("info", "hold.ended", {"reason": "operator", "expired": True}),
    ]


def test_each_change_of_state_is_one_line() -> None:
    up = StateChanged(State.NORMAL, State.ELEVATED, 0.51234)
    down = StateChanged(State.ELEVATED, State.NORMAL, 0.4)
    assert lines((0.0, up), (0.1, down), (0.2, up)) == [
        ("info", "state.changed", {"old": "normal", "new": "elevated", "pressure": 0.512}),
        ("info", "state.changed", {"old": "elevated", "new": "normal", "pressure": 0.4}),
        ("info", "state.changed", {"old": "normal", "new": "elevated", "pressure": 0.512}),
    ]


def test_a_full_buffer_and_an_open_breaker_are_warnings() -> None:
    full = StateChanged(State.CRITICAL, State.BLOCKED, 1.0)
    opened = BreakerChanged(BreakerState.CLOSED, BreakerState.OPEN, "connection refused", 0.51234)
    closed = BreakerChanged(BreakerState.HALF_OPEN, BreakerState.CLOSED, None, None)
    assert lines((0.0, full), (0.0, opened), (0.0, closed)) == [
        ("warning", "state.changed", {"old": "critical", "new": "blocked", "pressure": 1.0}),
        ("warning", "breaker.changed", {"old": "closed", "new": "open", "reason": "connection refused", "probe_in": 0.512}),
        ("info", "breaker.changed", {"old": "half_open", "new": "closed", "reason": None, "probe_in": None}),
    ]


def test_a_stopped_partition_is_an_error() -> None:
    stopped = PartitionStopped(ORDERS, "poison record at offset 7: 422")
    fields = {"partition": "orders[0]", "reason": "poison record at offset 7: 422"}
    assert lines((0.0, stopped)) == [("error", "partition.stopped", fields)]


def test_a_dead_letter_tells_its_place_and_why_and_one_that_waits_what_it_waits_for() -> None:
    done = DeadLettered(ORDERS, 7, LetterReason.POISON, "answered 422 Unprocessable Entity")
    waits = DeadLetterFailed(ORDERS, 8, "the topic is not there", 0.51234)
    place = {"partition": "orders[0]", "records": 1}
    assert lines((0.0, done), (0.0, waits)) == [
        (
            "warning",
            "record.dead_lettered",
            {"reason": "poison", "error": "answered 422 Unprocessable Entity", "offset": 7, **place},
        ),
        ("warning", "dead_letter.failed", {"error": "the topic is not there", "retry_in": 0.512, "offset": 8, **place}),
    ]


def test_dead_letters_of_one_topic_and_reason_are_counted_over_the_lines() -> None:
    letters = [DeadLettered(ORDERS, offset, LetterReason.POISON, "no") for offset in range(4)]
    said = lines(*((float(second), letter) for second, letter in enumerate(letters)), end=20.0)
    assert [(fields["records"], fields.get("repeated")) for _, _, fields in said] == [(1, None), (3, 3)]


def test_a_drain_that_ran_out_of_time_is_a_warning() -> None:
    assert lines((0.0, Finish(expired=False))) == [("info", "drain.finished", {"expired": False})]
    assert lines((0.0, Finish(expired=True))) == [("warning", "drain.finished", {"expired": True})]


def test_a_failure_that_repeats_is_said_once_and_then_with_its_count() -> None:
    said = lines((0.0, failed("503")), (1.0, failed("503")), (2.0, failed("503")), (11.0, failed("503")))
    fields = {"reason": "503", "records": 5, "attempt": 2, "retry_in": 0.25}
    assert said == [("warning", "flush.failed", fields), ("warning", "flush.failed", fields | {"repeated": 3})]


def test_failures_with_other_reasons_are_not_hidden() -> None:
    assert [fields["reason"] for _, _, fields in lines((0.0, failed("503")), (0.1, failed("504")))] == ["503", "504"]


def test_the_counts_of_dropped_records_add_up_over_the_lines() -> None:
    said = lines((0.0, dropped(10)), (1.0, dropped(7)), (2.0, dropped(8)), end=10.0)
    assert [(fields["records"], fields.get("repeated")) for _, _, fields in said] == [(10, None), (15, 2)]


def test_a_line_of_drops_tells_the_offsets_that_all_of_them_lie_in_by_partition() -> None:
    other = Dropped(ORDERS._replace(partition=1), 0, 5, 5, DropReason.SAMPLE)
    drops = [Dropped(ORDERS, start, start + 10, 9, DropReason.SAMPLE) for start in (10, 20, 40)]
    said = lines((0.0, drops[0]), (1.0, drops[1]), (1.5, other), (2.0, drops[2]), end=10.0)
    assert [(fields["partition"], fields["start"], fields["end"], fields["records"]) for _, _, fields in said] == [
        ("orders[0]", 10, 20, 9),
        ("orders[1]", 0, 5, 5),
        ("orders[0]", 20, 50, 18),
    ]


def test_a_dropped_record_tells_its_place_and_why() -> None:
    assert lines((0.0, dropped(1, DropReason.POISON, "422: no such customer"))) == [
        (
            "warning",
            "records.dropped",
            {
                "reason": "poison",
                "records": 1,
                "partition": "orders[0]",
                "start": 10,
                "end": 20,
                "detail": "422: no such customer",
            },
        )
    ]


def test_what_is_in_an_overflow_topic_tells_which_and_what_is_not_why() -> None:
    there = Dropped(ORDERS, 10, 20, 10, DropReason.DROP_OLDEST, overflow_topic="spare")
    waits = DivertFailed(ORDERS, 9, "spare", "no such topic", 0.51234)
    [diverted, failure] = lines((0.0, there), (0.0, waits), (1.0, waits))
    assert diverted[:2] == ("warning", "records.dropped")
    assert diverted[2]["overflow_topic"] == "spare"
    fields = {"error": "no such topic", "overflow_topic": "spare", "records": 9, "partition": "orders[0]", "retry_in": 0.512}
    assert failure == ("warning", "overflow.failed", fields)


def test_released_records_of_a_partition_add_up() -> None:
    released = Released(ORDERS, 50, ReleaseReason.REVOKED)
    said = lines((0.0, released), (0.0, released), (0.0, released), end=10.0)
    fields = {"partition": "orders[0]", "reason": "revoked"}
    assert said == [
        ("info", "records.released", fields | {"records": 50}),
        ("info", "records.released", fields | {"records": 100, "repeated": 2}),
    ]


def test_a_refused_commit_names_its_partitions() -> None:
    refused = CommitFailed([ORDERS, ORDERS._replace(partition=3)], "ILLEGAL_GENERATION")
    fields = {"error": "ILLEGAL_GENERATION", "partitions": "orders[0], orders[3]"}
    assert lines((0.0, refused), (1.0, refused)) == [("warning", "commit.failed", fields)]


def test_everyday_work_is_not_logged() -> None:
    chunk = a_chunk(1, 2, 3)
    assert lines((0.0, StartFlush(1, Batch.of([chunk]), 1)), (0.0, Landed([chunk])), (0.0, Pause([ORDERS]))) == []
