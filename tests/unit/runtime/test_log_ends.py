from __future__ import annotations

from collections.abc import Iterable

from sidecar.core.records import TopicPartition
from sidecar.runtime.log_ends import ASK_TIMEOUT, LogEndsWatch
from sidecar.runtime.report import LogEnds
from tests.unit.runtime.fakes import P0, P1, Clock


class Brokers:
    """Implements :class:`sidecar.runtime.log_ends.Ends`."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.known: dict[TopicPartition, int] = {}
        self._clock = clock or Clock()

    def ends(self, tps: Iterable[TopicPartition], timeout: float) -> dict[TopicPartition, int]:
        assert timeout == ASK_TIMEOUT
        self._clock.now += 3.0
        return {tp: self.known[tp] for tp in tps if tp in self.known}


def test_the_ends_of_our_partitions_are_kept_with_the_time_of_the_question() -> None:
    clock, ours = Clock(), [P0]
    brokers = Brokers(clock)
    watch = LogEndsWatch(brokers, lambda: ours, clock)
    at_first = watch.latest
    brokers.known = {P0: 10, P1: 20}
    clock.now = 107.0
    watch.ask()

    assert at_first == LogEnds({}, 100.0)
    assert watch.latest == LogEnds({P0: 10}, 107.0)


def test_a_partition_without_an_answer_keeps_its_last_end_only_while_it_is_ours() -> None:
    brokers, ours = Brokers(), [P0, P1]
    watch = LogEndsWatch(brokers, lambda: ours, Clock())
    brokers.known = {P0: 10, P1: 20}
    watch.ask()
    brokers.known = {P1: 25}
    watch.ask()
    half_answered = watch.latest.offsets
    ours.remove(P0)
    watch.ask()
    ours.append(P0)
    watch.ask()

    assert half_answered == {P0: 10, P1: 25}
    assert watch.latest.offsets == {P1: 25}


def test_ends_to_which_no_broker_answers_any_more_are_as_old_as_the_last_answer() -> None:
    brokers, clock = Brokers(), Clock()
    watch = LogEndsWatch(brokers, lambda: [P0], clock)
    brokers.known = {P0: 10}
    watch.ask()
    answered_at, clock.now = clock.now, clock.now + 60.0
    brokers.known = {}
    watch.ask()

    assert watch.latest == LogEnds({P0: 10}, answered_at)
