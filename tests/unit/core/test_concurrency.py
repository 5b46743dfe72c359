from __future__ import annotations

import pytest

from sidecar.core.concurrency import AROUND, HOLD, PROBE_EVERY, Concurrency
from sidecar.core.window import FEWEST, Window


class Search:
    """A search that is shown one window after another, of a second each."""

    def __init__(self, first: int, most: int = 64) -> None:
        self.dial = Concurrency(first, most)
        self.now = 0.0
        self.reason = ""

    def see(self, seconds: float, *, waited: bool = True, unqueued: bool = False, hung: int = 0) -> int:
        """Show a window in which each flush took so long; return the limit after it."""
        window = Window(self.now)
        self.now += 1
        for _ in range(FEWEST):
            window.add(100, seconds, waited=waited, unqueued=unqueued)
        turn = self.dial.judge(window, None, hung, self.now)
        if turn is not None:
            self.dial.limit, self.reason = turn.limit, turn.reason
        return self.dial.limit

    def fail(self, serial: int, *, refused: bool = False) -> int:
        turn = self.dial.failed(serial, self.now, refused=refused)
        if turn is not None:
            self.dial.limit, self.reason = turn.limit, turn.reason
        return self.dial.limit


def settled(limit: int, base: float = 0.1) -> Search:
    """Return a search that found ``limit``, with this base, and starts no more."""
    search = Search(limit)
    for seconds in (base, base * 1.3, base, base):  # a base; a queue, so that it starts no more; a probe begins, and ends
        search.see(seconds, unqueued=seconds == base, waited=seconds != base)
    assert not search.dial.probing
    search.dial.limit = limit
    return search


def test_at_the_start_it_doubles_and_goes_back_to_one_in_the_queue_once_a_queue_is_plain() -> None:
    search = Search(1)
    assert [search.see(0.1, unqueued=True), search.see(0.1), search.see(0.1), search.see(0.1)] == [2, 4, 8, 16]
    assert search.see(0.2) == 9  # 8 of 16 wait
    assert search.reason == "8.0 of 16 flushes wait: each takes 2.00 times as long as alone"


def test_it_goes_no_further_than_allowed() -> None:
    search = Search(1, most=3)
    assert [search.see(0.1, unqueued=True), search.see(0.1), search.see(0.1)] == [2, 3, 3]


@pytest.mark.parametrize(
    ("limit", "slowdown", "after"),
    [
        pytest.param(8, 1.0, 9, id="no queue: one more"),
        pytest.param(30, 1.0, 33, id="no queue: a tenth more"),
        pytest.param(8, 1.08, 9, id="0.6 wait"),
        pytest.param(8, 1.15, 9, id="1 waits"),
        pytest.param(8, 1.25, 8, id="1.6 wait: left alone"),
        pytest.param(2, 2.0, 2, id="1 waits, but twice as long as it takes: left alone"),
        pytest.param(8, 1.5, 8, id="2.7 wait: left alone"),
        pytest.param(8, 2.0, 6, id="4 wait: two fewer"),
        pytest.param(40, 2.0, 30, id="20 wait: ten fewer"),
    ],
)
def test_the_law(limit: int, slowdown: float, after: int) -> None:
    assert settled(limit).see(0.1 * slowdown) == after


@pytest.mark.parametrize("limit", [1, 8, 30])
def test_it_never_grows_while_no_flush_waits_for_a_place(limit: int) -> None:
    search = Search(limit)
    assert {search.see(0.1, waited=False, unqueued=unqueued) for unqueued in (True, False) * 5} == {limit}


def test_flushes_that_hang_are_no_load() -> None:
    search = settled(40)
    assert search.see(0.11, hung=38) > 40
    assert settled(40).see(0.11) < 40


def test_the_base_is_measured_anew_from_time_to_time_with_half_of_them() -> None:
    search = settled(8)
    seen = 0
    while not search.dial.probing:
        search.see(0.13)
        seen += 1
    assert seen < PROBE_EVERY * 2 + 1
    assert search.see(0.05) == 8
    assert (search.dial.base, search.dial.probing) == (0.05, False)


def test_without_flushes_that_wait_nothing_is_probed() -> None:
    search = settled(8)
    for _ in range(50):
        search.see(0.115, waited=False)
        assert not search.dial.probing


def test_it_is_measured_at_once_when_the_latency_is_far_below_it() -> None:
    search = settled(8)
    search.see(0.06)
    assert search.dial.probing


def test_it_is_measured_at_once_when_fewer_flushes_take_as_long_as_before() -> None:
    search = settled(9)
    assert search.see(0.3) == 6
    search.see(0.3)
    assert search.dial.probing
    assert [search.see(0.3), search.see(0.3)] == [6, 6]  # no faster with one than with three: that is what they take
    assert search.see(0.3) == 7


def probed(search: Search, *latencies: float) -> list[int | None]:
    """Show a probe of 16 these latencies, window after window; return how many were let through in each, and after the last."""
    search.dial.limit, search.now = 16, search.now + 2 * PROBE_EVERY
    search.see(0.115)
    let_through = [search.dial.probe]
    for seconds in latencies:
        search.see(seconds)
        let_through.append(search.dial.probe)
    return let_through


def test_a_probe_that_still_sees_a_queue_goes_on_with_half_as_many() -> None:
    search = settled(16)
    assert probed(search, 0.4, 0.2, 0.1) == [8, 4, 2, None]
    assert search.dial.base == 0.1


def test_a_probe_goes_no_further_than_to_one_flush() -> None:
    search = settled(16)
    assert probed(search, 0.8, 0.4, 0.2, 0.15) == [8, 4, 2, 1, None]
    assert search.dial.base == 0.15


def test_a_probe_in_which_fewer_are_no_faster_has_found_the_base() -> None:
    search = settled(16)
    assert probed(search, 0.5, 0.5) == [8, 4, None]
    assert search.dial.base == 0.5


def test_a_probe_that_sees_about_what_the_last_one_did_takes_one_window() -> None:
    assert probed(settled(16), 0.12) == [8, None]


def test_it_goes_on_shrinking_when_that_helps() -> None:
    search = settled(16)
    assert [search.see(0.8), search.see(0.45), search.see(0.3)] == [9, 6, 4]


def test_a_refusal_halves_and_what_was_refused_is_not_tried_again_for_a_while() -> None:
    search = settled(16)
    assert search.fail(100, refused=True) == 8
    assert search.reason == "the downstream refused for its rate: halved, and not above 15 for 10 s"
    limits = [search.see(0.1) for _ in range(int(HOLD) - 1)]
    assert limits == [11, 13, 14, 15, 15, 15, 15, 15, 15]
    assert [search.see(0.1) for _ in range(3)][-1] > 15


def test_an_isolated_failure_does_not_halve() -> None:
    search = settled(16)
    assert search.fail(100) == 16
    assert search.fail(100 + AROUND + 1) == 16


def test_failures_of_flushes_that_were_started_one_after_another_halve() -> None:
    search = settled(16)
    assert [search.fail(1000 + number) for number in range(11)] == [16] * 10 + [8]
    assert search.reason.startswith("11 flushes failed that were started one after another: halved")


def test_at_the_start_the_second_failure_halves() -> None:
    search = settled(16)
    assert [search.fail(1), search.fail(2)] == [16, 8]


def out(search: Search) -> None:
    """Let flushes fail in a row until one is left, and the hold pass."""
    serial = 1000
    while search.dial.limit > 1:
        search.fail(serial)
        serial += 1
    search.now += HOLD


def test_after_an_outage_it_doubles_up_to_half_of_what_it_was_and_goes_on_by_one() -> None:
    search = settled(16)
    out(search)
    assert [search.see(0.1, unqueued=True), *(search.see(0.1) for _ in range(4))] == [2, 4, 8, 9, 10]


def test_after_an_outage_a_queue_ends_the_doubling_and_little_to_do_never_begins_it() -> None:
    search = settled(16)
    out(search)
    assert {search.see(0.1, unqueued=True, waited=False) for _ in range(5)} == {1}
    assert [search.see(0.1, unqueued=True), search.see(0.1), search.see(0.2)] == [2, 4, 3]
    assert not search.dial.starting


def test_an_outage_is_held_below_what_was_before_the_first_failure() -> None:
    search = settled(16)
    out(search)
    assert search.dial.ceiling == 15


def test_flushes_that_fail_after_a_window_of_others_halve_what_it_may_go_back_to() -> None:
    search = settled(16)
    out(search)
    assert [search.see(0.1, unqueued=True), search.see(0.1), search.see(0.1)] == [2, 4, 8]
    out(search)
    assert [search.see(0.1, unqueued=True), search.see(0.1), search.see(0.1)] == [2, 4, 5]


def test_a_downstream_that_was_not_there_at_the_start_costs_nothing_of_it() -> None:
    search = Search(1)
    assert {search.fail(serial) for serial in range(20)} == {1}
    assert [search.see(0.1, unqueued=True), search.see(0.1), search.see(0.1)] == [2, 4, 8]


def test_a_refusal_after_an_outage_ends_the_doubling() -> None:
    search = settled(16)
    out(search)
    assert [search.see(0.1, unqueued=True), search.see(0.1)] == [2, 4]
    assert search.fail(2000, refused=True) == 2
    assert search.see(0.1) == 3
    assert search.see(0.1) == 3


def test_flushes_that_hung_and_end_together_are_isolated_by_when_they_were_started() -> None:
    search = settled(64)
    assert {search.fail(serial) for serial in range(0, 10_000, 40)} == {64}


def test_it_never_goes_below_one() -> None:
    search = settled(1)
    assert search.fail(5, refused=True) == 1
    assert search.see(9.0) == 1
