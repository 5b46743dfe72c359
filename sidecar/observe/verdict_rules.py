"""The rules behind the verdicts: each looks at one partition and says why it is behind, or nothing. Pure.

They are asked from the root cause outwards: a full buffer under a dead downstream is a dead downstream, and a log that is not
read while the buffer is full is no fault of the broker. The numbers a sentence is made of are its evidence, by name.
"""

from __future__ import annotations

from collections.abc import Callable

from sidecar.core.backpressure import State
from sidecar.core.breaker import BreakerState
from sidecar.core.hold_reasons import HoldReason
from sidecar.core.state import StopKind
from sidecar.observe.scene import Case, Scene, Verdict, Why, every, span

CLOSED, OPEN, NORMAL = BreakerState.CLOSED.value, BreakerState.OPEN.value, State.NORMAL.value

SILENT_AFTER = 15.0
"""Seconds without a report after which the loop itself is stuck. A revocation may keep it for ten."""

IDLE_AFTER = 10.0
SLOW_FLUSH_AFTER = 5.0
UNFETCHED_AFTER = 15.0
STUCK_AFTER = 60.0
ASSIGNED_WITHIN = 30.0
"""Seconds that Kafka has to tell where a partition that was just assigned begins and ends."""

LOCATED_WITHIN = 5.0
"""Seconds that a downstream which keeps offsets has to tell one."""

STORM = 4
"""Assignments and revocations within the trends' window that make a storm: a calm change of members is two."""

SHORTEST_WINDOW = 8.0
"""Seconds of history without which no rate is called sustained."""


def silence(scene: Scene) -> Why | None:
    """Whether the loop gives no sign any more, so that all else is old news."""
    silent = scene.now - scene.report.made_at
    if silent < SILENT_AFTER or scene.report.phase == "stopped":
        return None
    return Why(Verdict.STUCK, f"the consumer loop has given no sign for {span(silent)}", {"silent_seconds": round(silent, 1)})


def _silent(case: Case) -> Why | None:
    return silence(case.scene)


def _stopped(case: Case) -> Why | None:
    view = case.view
    if view.stopped is None:
        return None
    poisoned = view.stopped_by == StopKind.POISON.value
    evidence: dict[str, float | str] = {"stopped_by": view.stopped_by or "", "offset": _offset(case)}
    return Why(Verdict.POISON_HEAD if poisoned else Verdict.STUCK, f"stopped until a restart: {view.stopped}", evidence)


def _by_hand(case: Case) -> Why | None:
    if case.engine.draining:
        return Why(Verdict.HELD_BY_OPERATOR, f"the process drains: {_here(case)}{_last_failure(case)}", case.counts)
    if case.holds_for(HoldReason.OPERATOR):
        return Why(Verdict.HELD_BY_OPERATOR, f"paused by an operator until somebody resumes it; {_here(case)}", case.counts)
    if case.holds_for(HoldReason.QUIESCE):
        sentence = f"drained on request, until the application is healthy again or somebody resumes it; {_here(case)}"
        return Why(Verdict.HELD_BY_OPERATOR, sentence, case.counts)
    return None


def _application(case: Case) -> Why | None:
    if not case.holds_for(HoldReason.APP):
        return None
    reason = case.engine.asked_holds.get(HoldReason.APP.value, "no reason given")
    sentence = f"the application is not healthy ({reason}); {_here(case)}"
    return Why(Verdict.DOWNSTREAM_DOWN, sentence, {"failure": reason, **case.counts})


def _unplaced(case: Case) -> Why | None:
    if not case.holds_for(HoldReason.POSITION):
        return None
    age = 0.0 if case.trend is None else case.trend.assigned_for
    verdict = Verdict.REBALANCING if age < LOCATED_WITHIN else Verdict.DOWNSTREAM_DOWN
    sentence = f"assigned {span(age)} ago; the downstream has not told yet at which offset to go on"
    return Why(verdict, sentence, {"assigned_seconds": round(age, 1)})


def _caught_up(case: Case) -> Why | None:
    """Whether nothing is missing; while Kafka is out of reach nobody can know."""
    first = case.view.committable
    if case.here or case.scene.report.trouble is not None or case.log_end is None or first is None or case.log_end > first:
        return None
    quiet = 0.0 if case.trend is None else case.trend.quiet_for
    if quiet < IDLE_AFTER:
        return Why(Verdict.OK, f"every record below offset {first} has its outcome", {"offset": first})
    sentence = f"every record below offset {first} has its outcome, and none came for {span(quiet)}"
    return Why(Verdict.IDLE, sentence, {"offset": first, "quiet_seconds": round(quiet, 1)})


def _isolating(case: Case) -> Why | None:
    suspects = case.view.suspects
    if not suspects:
        return None
    sentence = f"the downstream refuses one of the next {every(suspects, 'record')} for good; it is being searched for"
    return Why(Verdict.POISON_HEAD, sentence, {"suspects": suspects, "offset": _offset(case)})


def _dead_letter(case: Case) -> Why | None:
    if not case.view.letters:
        return None
    evidence: dict[str, float | str] = {"letters": case.view.letters, "offset": _offset(case)}
    trouble = case.view.letter_trouble
    if trouble is None:
        return Why(Verdict.POISON_HEAD, f"{every(case.view.letters, 'record')} on the way to the dead-letter topic", evidence)
    sentence = (
        f"{every(case.view.letters, 'record')} cannot be dead-lettered ({trouble}); nothing is flushed before; {_here(case)}"
    )
    return Why(Verdict.POISON_HEAD, sentence, evidence | {"failure": trouble})


def _breaker(case: Case) -> Why | None:
    flow = case.engine.flow
    if flow.breaker == CLOSED:
        return None
    reason, wait = flow.breaker_reason or "no reason given", flow.next_probe_in
    evidence: dict[str, float | str] = {"failure": reason, "breaker": flow.breaker}
    if flow.breaker != OPEN or wait is None:
        return Why(Verdict.DOWNSTREAM_DOWN, f"the downstream is down ({reason}), it is being probed", evidence)
    sentence = f"the downstream is down ({reason}), next try in {span(wait)}"
    return Why(Verdict.DOWNSTREAM_DOWN, sentence, evidence | {"next_try_seconds": round(wait, 1)})


def _retrying(case: Case) -> Why | None:
    retry = case.view.retry
    if retry is None:
        return None
    evidence: dict[str, float | str] = {"failure": retry.failure, "attempts": retry.attempts}
    if retry.next_in is None:
        when = "the next try is under way"
    else:
        when = f"next try in {span(retry.next_in)}"
        evidence["next_try_seconds"] = round(retry.next_in, 1)
    tries = f" after {retry.attempts:,} attempts" if retry.attempts > 1 else ""
    if retry.limited:
        return Why(Verdict.RATE_LIMITED, f"the downstream limits the rate ({retry.failure}){tries}, {when}", evidence)
    return Why(Verdict.DOWNSTREAM_DOWN, f"the downstream fails ({retry.failure}){tries}, {when}", evidence)


def _held_for_room(case: Case) -> Why | None:
    if not case.holds_for(HoldReason.BUFFER, HoldReason.ROOM):
        return None
    full = case.engine.utilization
    if not case.holds_for(HoldReason.BUFFER):
        sentence = f"a record that waits, of it or of another partition, is larger than the room left in the buffer ({full:.0%} full); {_here(case)}"
        return Why(Verdict.DOWNSTREAM_SLOW, sentence, {"utilization": round(full, 3), **case.counts})
    return _under_provisioned(case) or _long_flush(case) or _slow(case, "the downstream takes less than Kafka brings")


def _overflow(case: Case) -> Why | None:
    """Whether it waits for its overflow topic: for Kafka where that takes nothing, else for the downstream, which takes too little."""
    if not case.holds_for(HoldReason.OVERFLOW):
        return None
    records, trouble = case.engine.overflow.records, case.view.overflow_trouble
    if trouble is None:
        return _slow(case, f"what the downstream does not take goes to an overflow topic, {every(records, 'record')} now")
    sentence = f"its overflow topic takes nothing ({trouble}), so it waits in Kafka; {_here(case)}"
    return Why(Verdict.BROKER_STALL, sentence, {**case.counts, "overflow_records": records, "failure": trouble})


def _trouble(case: Case) -> Why | None:
    trouble = case.scene.report.trouble
    return None if trouble is None else Why(Verdict.BROKER_STALL, trouble, {"trouble": trouble, **case.counts})


def _unknown(case: Case) -> Why | None:
    if case.here or (case.view.committable is not None and case.log_end is not None):
        return None
    age = 0.0 if case.trend is None else case.trend.assigned_for
    evidence: dict[str, float | str] = {"assigned_seconds": round(age, 1)}
    if age < ASSIGNED_WITHIN:
        return Why(Verdict.REBALANCING, f"assigned {span(age)} ago; where it begins and ends is not known yet", evidence)
    return Why(Verdict.BROKER_STALL, f"Kafka has not told for {span(age)} where it begins and ends", evidence)


def _saturated(case: Case) -> Why | None:
    """Whether the buffer fills although as many flushes run as may: of all partitions together, or of this one, which has one at a time."""
    flow = case.engine.flow
    if case.engine.state == NORMAL:
        return None
    if flow.flushes_in_flight >= flow.allowed:
        return _under_provisioned(case) or _slow(case, f"all {flow.allowed} flushes are in flight")
    if not case.view.in_flight:
        return None
    return _under_provisioned(case) or _slow(case, "this partition's flush is under way")


def _slow(case: Case, cause: str) -> Why:
    rates = case.scene.trend.latest
    evidence: dict[str, float | str] = {"utilization": round(case.engine.utilization, 3), **case.counts}
    if rates.delivered is not None:
        evidence["delivered_per_second"] = round(rates.delivered, 1)
    if rates.flush_seconds is not None:
        evidence["flush_seconds"] = round(rates.flush_seconds, 3)
    return Why(Verdict.DOWNSTREAM_SLOW, f"the buffer is {case.engine.utilization:.0%} full: {cause}; {_here(case)}", evidence)


def _under_provisioned(case: Case) -> Why | None:
    """Little's law: what is in flight on average is the arrival rate times the time in flight.

    Counted in flushes: ``arriving · flush_seconds / flush_records``. All partitions share the limit of the flush control, and each has one at a time where order is kept.
    """
    rates, flow = case.scene.trend.rates, case.engine.flow
    if rates.seconds < SHORTEST_WINDOW or not rates.flush_seconds or not rates.flush_records:
        return None
    per_record = rates.flush_seconds / rates.flush_records
    shares = [
        (rates.arriving, min(flow.concurrency_limit, flow.per_partition * len(case.engine.partitions)), "records"),
        (
            None if case.trend is None else case.trend.arriving,
            min(flow.concurrency_limit, flow.per_partition),
            "records of this partition",
        ),
    ]
    for arriving, allowed, what in shares:
        if arriving is not None and (needed := arriving * per_record) > allowed:
            sentence = (
                f"{what} arrive at {arriving:,.0f}/s and a flush of {rates.flush_records:,.0f} takes {span(rates.flush_seconds)}: "
                f"that needs {needed:,.1f} flushes at once, and {allowed} may be"
            )
            evidence = {"arriving_per_second": round(arriving, 1), "flush_seconds": round(rates.flush_seconds, 3)}
            numbers = {"flush_records": round(rates.flush_records, 1), "needed_in_flight": round(needed, 2), "allowed": allowed}
            return Why(Verdict.UNDER_PROVISIONED, sentence, evidence | numbers)
    return None


def _long_flush(case: Case) -> Why | None:
    waited = 0.0 if case.trend is None else case.trend.unanswered_for
    if waited < SLOW_FLUSH_AFTER or not case.view.in_flight:
        return None
    sentence = f"the downstream has had {every(case.view.in_flight, 'record')} for {span(waited)} and has not answered"
    return Why(Verdict.DOWNSTREAM_SLOW, sentence, {"no_outcome_seconds": round(waited, 1), **case.counts})


def _unfetched(case: Case) -> Why | None:
    waited = 0.0 if case.trend is None else case.trend.unfetched_for
    if waited < UNFETCHED_AFTER:
        return None
    sentence = f"{every(case.remaining, 'offset')} in Kafka, nothing holds the partition, and nothing came for {span(waited)}"
    return Why(Verdict.BROKER_STALL, sentence, {"unfetched_seconds": round(waited, 1), **case.counts})


def _storm(case: Case) -> Why | None:
    rates = case.scene.trend.rates
    if rates.rebalances < STORM or not (case.here or case.remaining):
        return None
    sentence = f"the group changed {rates.rebalances} times in {span(rates.seconds)}: members come and go"
    return Why(Verdict.REBALANCING, sentence, {"rebalances": rates.rebalances, "window_seconds": round(rates.seconds, 1)})


def _stuck(case: Case) -> Why | None:
    """Whether nothing gets an outcome for longer than a part-filled batch waits."""
    waited = 0.0 if case.trend is None else case.trend.no_outcome_for
    if waited < STUCK_AFTER + case.engine.flow.interval:
        return None
    sentence = f"no record got an outcome for {span(waited)}, and nothing is known to be in the way; {_here(case)}"
    return Why(Verdict.STUCK, sentence, {"no_outcome_seconds": round(waited, 1), **case.counts})


def _catching_up(case: Case) -> Why | None:
    """Whether more is left in Kafka than comes within a second: up to that it is on its way."""
    arriving = 0.0 if case.trend is None or case.trend.arriving is None else case.trend.arriving
    if case.remaining <= arriving:
        return None
    sentence = f"{every(case.remaining, 'offset')} still in Kafka; {_here(case)}, nothing is in the way{_time_left(case)}"
    return Why(Verdict.CATCHING_UP, sentence, case.counts)


def _time_left(case: Case) -> str:
    """Return when it is caught up at the present pace, where that is known."""
    trend = case.trend
    if trend is None or trend.settled is None or trend.arriving is None or trend.settled <= trend.arriving:
        return ""
    return f"; caught up in about {span((case.remaining + case.here) / (trend.settled - trend.arriving))}"


def keeps_up(case: Case) -> Why:
    """Say that none of the rules has something to say."""
    return Why(Verdict.OK, f"keeps up: {_here(case)}, nothing is in the way", case.counts)


def _here(case: Case) -> str:
    return f"{case.view.buffered:,} records buffered, {case.view.in_flight:,} in flight"


def _last_failure(case: Case) -> str:
    failure = case.view.retry.failure if case.view.retry else case.engine.flow.breaker_reason
    return "" if failure is None else f"; the downstream: {failure}"


def _offset(case: Case) -> float:
    return -1 if case.view.committable is None else case.view.committable


RULES: tuple[Callable[[Case], Why | None], ...] = (
    _silent,
    _stopped,
    _by_hand,
    _application,
    _unplaced,
    _caught_up,
    _breaker,
    _dead_letter,
    _isolating,
    _retrying,
    _overflow,
    _held_for_room,
    _trouble,
    _unknown,
    _saturated,
    _long_flush,
    _unfetched,
    _storm,
    _stuck,
    _catching_up,
)
