from __future__ import annotations

from random import Random
from statistics import median
from typing import Any

import pytest

from sidecar.core.batch_size import DITHER, GROWTH, OWN
from sidecar.core.config import FlushLimits
from sidecar.core.decisions import REMEMBERED, Decision, Dial
from sidecar.core.flush_control import FlushControl, Launch
from sidecar.core.window import FEWEST, FEWEST_AT_START, SHORTEST_AT_START, Window

INTERVALS = [[0.751], [2.0] * 3, [0.1]]


class Client:
    """Shows a control one flush after another, each at the end of the last one, always with more to do."""

    def __init__(self, **limits: Any) -> None:
        self.control = FlushControl(FlushLimits(**limits), Random(1))
        self.now = 0.0

    def launch(self, running: int = 1) -> Launch:
        return self.control.launched(running, self.now)

    def land(self, launch: Launch, records: int, seconds: float, *, filled: bool = True) -> None:
        self.now += seconds
        self.control.ended(launch, self.now)
        self.control.delivered(launch, records, seconds, self.now, filled=filled)

    def flush(self, records: int, seconds: float, *, filled: bool = True) -> None:
        self.land(self.launch(), records, seconds, filled=filled)

    def fail(self, *, refused: bool) -> None:
        launch = self.launch()
        self.now += 0.1
        self.control.ended(launch, self.now)
        self.control.failed(launch, self.now, refused=refused)

    def settle(self, fixed: float, per_record: float, flushes: int = 400) -> float:
        """Flush to a downstream of this cost, in the sizes that are asked for; return the size that it settles at."""
        sizes = []
        for _ in range(flushes):
            size = self.control.next_size(0)
            self.flush(size, fixed + per_record * size)
            sizes.append(self.control.batch_records)
        return median(sizes[-50:])

    @property
    def turned(self) -> list[Dial]:
        return [decision.dial for decision in self.control.decisions.latest]


def test_the_size_settles_where_the_closed_form_says_and_follows_a_downstream_that_changes() -> None:
    client = Client(max_in_flight=1)
    assert client.settle(0.01, 0.000_1) == pytest.approx(900, rel=0.1)
    assert client.settle(0.05, 0.000_1) == pytest.approx(4500, rel=0.1)  # the latency target
    assert client.settle(0.01, 0.000_1) == pytest.approx(900, rel=0.1)


@pytest.mark.parametrize("first", [1, 2, 3, 10, 500, 7000])
def test_growth_is_at_most_a_quarter_a_flush_and_at_least_one_record(first: int) -> None:
    client = Client(first_batch=first, target_latency=10.0, max_in_flight=1)
    before = client.control.batch_records
    while before < 10_000:
        client.settle(0.2, 0.000_001, flushes=1)
        assert before <= client.control.batch_records <= max(before + 1, before * GROWTH)
        before = client.control.batch_records


def test_one_flush_over_the_target_halves_the_size_and_one_at_the_target_does_not() -> None:
    client = Client(first_batch=1000)
    client.flush(1000, 0.5)
    assert client.control.batch_records > 1000
    client.flush(client.control.batch_records, 0.500_001)
    assert client.control.batch_records == (1000 + 1000 // 8) // 2


def test_of_several_flushes_of_the_old_size_that_are_over_the_target_one_halves() -> None:
    client = Client(first_batch=1000, first_in_flight=3)
    launches = [client.launch(running) for running in (1, 2, 3)]
    for launch in launches:
        client.land(launch, 1000, 0.6)
    assert client.control.batch_records == 500


def test_a_flush_that_hangs_says_nothing_of_its_size() -> None:
    client = Client(first_batch=1000, max_batch=1000)
    for _ in range(50):
        client.flush(1000, 0.1)
    client.flush(1000, 20.0)
    assert client.control.batch_records == 1000


def test_sizes_are_dithered_once_some_flushes_are_known_and_only_where_few_run() -> None:
    client = Client(first_batch=1000, max_batch=1000, first_in_flight=8)
    assert {client.control.next_size(0) for _ in range(50)} == {1000}
    for _ in range(1 + FEWEST):
        client.flush(1000, 0.1)
    assert {client.control.next_size(0) for _ in range(50)} == {round(1000 * (1 - DITHER)), 1000}
    assert {client.control.next_size(7) for _ in range(50)} == {1000}


@pytest.mark.parametrize(
    ("latencies", "interval"),
    [
        pytest.param([0.751], 1.5, id="slower than 1.5 x target: longer"),
        pytest.param([0.75], 1.0, id="just not"),
        pytest.param([0.25], 1.0, id="just not faster than 0.5 x target"),
        pytest.param([0.249], 0.8, id="faster: shorter"),
        pytest.param([2.0, 2.0, 0.1], 1.8, id="in steps"),
        pytest.param([2.0] * 50, 30.0, id="up to the longest"),
        pytest.param([0.0] * 50, 0.1, id="down to the shortest"),
    ],
)
def test_the_interval_after_part_filled_batches(latencies: list[float], interval: float) -> None:
    client = Client()
    client.control.interval = 1.0
    for seconds in latencies:
        client.flush(10, seconds, filled=False)
    assert client.control.interval == pytest.approx(interval)
    assert client.control.batch_records == 500


@pytest.mark.parametrize("seconds", [0.0, 0.3, 5.0])
def test_a_full_batch_says_nothing_about_waiting(seconds: float) -> None:
    client = Client()
    client.control.interval = 1.0
    client.flush(500, seconds)
    assert client.control.interval == 1.0


def test_it_begins_at_the_shortest_interval_and_one_flush_at_a_time() -> None:
    control = Client(min_interval=0.3).control
    assert (control.interval, control.limit, control.allowed(0.0)) == (0.3, 1, 1)


def test_a_window_that_one_dial_turned_in_is_not_another_ones() -> None:
    client = Client(max_in_flight=1)
    client.flush(500, 0.01)
    assert client.turned == [Dial.BATCH]
    client.flush(10, 2.0, filled=False)
    assert client.turned == [Dial.BATCH]
    for _ in range(FEWEST):
        client.flush(10, 0.3, filled=False)
    client.flush(10, 2.0, filled=False)
    assert client.turned == [Dial.BATCH, Dial.INTERVAL]


def test_the_concurrency_waits_until_the_size_is_settled() -> None:
    client = Client(first_batch=500, target_latency=10.0)
    for _ in range(2000):
        size = client.control.next_size(0)
        client.flush(size, 0.02 + 0.000_05 * size)
        if client.control.limit > 1:
            break
    *before, last = client.turned
    assert last is Dial.CONCURRENCY
    assert set(before) == {Dial.BATCH}
    assert client.control.batch_records == pytest.approx(3600, rel=0.1)


def test_what_was_started_before_a_turn_does_not_tell_what_came_of_it() -> None:
    client = Client(first_batch=500, first_in_flight=2)
    early = client.launch(2)
    client.flush(500, 0.01)
    turned = client.control.batch_records
    client.land(early, 500, 0.01)
    assert client.control.batch_records == turned
    assert client.control.window.flushes == 0


def test_a_refusal_halves_at_once_and_those_that_were_under_way_halve_no_more() -> None:
    client = Client(first_in_flight=8)
    early = client.launch(2)
    client.fail(refused=True)
    assert client.control.limit == 4
    client.control.failed(early, client.now, refused=True)
    assert client.control.limit == 4
    client.fail(refused=True)
    assert client.control.limit == 2


def test_an_application_that_gives_little_to_do_never_makes_it_grow() -> None:
    client = Client(first_batch=500, max_batch=500)
    for _ in range(500):
        client.flush(500, 0.01)
        client.now += 0.005  # nothing waits for the place
    assert client.control.limit == 1
    for _ in range(500):
        client.flush(500, 0.01)
    assert client.control.limit > 1


def test_a_drain_probe_lets_half_of_them_through() -> None:
    client = Client(first_in_flight=8)
    client.control.search.probe = 4
    assert client.control.allowed(client.now) == 4


def test_for_each_flush_that_hangs_another_one_may_run_up_to_as_many_again() -> None:
    client = Client(first_batch=500, max_batch=500, max_in_flight=5, first_in_flight=2)
    for _ in range(50):
        client.flush(500, 0.1)
    client.control.search.limit = 2
    hanging = []
    allowed = []
    for _ in range(4):
        hanging.append(client.launch(2))
        assert client.control.next_hang(client.now) == client.now + 1.0  # ten times as long as usual
        client.now += 1.0
        allowed.append(client.control.allowed(client.now))
    assert allowed == [3, 4, 4, 4]
    assert client.control.next_hang(client.now) is None
    for launch in hanging:
        client.control.ended(launch, client.now)
    assert client.control.allowed(client.now) == 2


def test_while_it_is_not_known_how_long_a_flush_takes_one_that_takes_ten_times_its_target_hangs() -> None:
    client = Client(target_latency=0.5)
    client.launch()
    assert client.control.next_hang(0.0) == 5.0


def test_a_flush_within_its_target_never_hangs() -> None:
    client = Client(first_batch=500, max_batch=500, target_latency=0.5)
    for _ in range(300):
        client.flush(500, 0.001)
    client.launch()
    assert client.control.next_hang(client.now) == client.now + 0.5


def test_decisions_are_kept_with_their_reasons_the_latest_of_them() -> None:
    client = Client(first_batch=1000, target_latency=0.5)
    client.flush(1000, 0.6)
    reason = "a flush of 1000 took 0.6 s, above its target of 0.5 s: halved"
    assert list(client.control.decisions.latest) == [Decision(0.6, Dial.BATCH, 1000, 500, reason)]
    for _ in range(3 * REMEMBERED):
        client.fail(refused=True)
        client.control.search.limit = 8
    assert len(client.control.decisions.latest) == REMEMBERED
    assert client.control.decisions.counts["batch", "down"] == 1


def test_a_batch_that_is_refused_for_its_size_is_a_decision_too() -> None:
    client = Client()
    client.control.too_large(400, 60_000, 1.0)
    assert (client.control.batch_records, client.control.batch_bytes) == (200, 30_000)
    [decision] = client.control.decisions.latest
    assert decision.reason == "400 records of 60000 bytes were refused for their size"


@pytest.mark.parametrize(
    ("window", "flushes"), [(Window(0.0), 25), (Window(0.0, SHORTEST_AT_START, FEWEST_AT_START), 10), (Window(0.0, 0.03, 6), 6)]
)
def test_a_window_takes_its_time_and_its_flushes(window: Window, flushes: int) -> None:
    for number in range(1, flushes + 1):
        assert not window.is_over((number - 1) * 0.01 + 0.001)
        window.add(500, 0.01, waited=True, unqueued=True)
    assert window.is_over(flushes * 0.01 + 0.001)


def test_while_the_concurrency_doubles_windows_are_short() -> None:
    client = Client(first_batch=500, max_batch=500)
    flushes = 0
    while client.control.limit == 1:
        client.flush(500, 0.01)
        flushes += 1
    assert FEWEST_AT_START <= flushes <= round(SHORTEST_AT_START / 0.01) + 1


def test_after_an_outage_it_doubles_with_short_windows_again() -> None:
    client = Client(first_batch=500, max_batch=500, first_in_flight=16)
    for _ in range(30):
        client.fail(refused=False)
    assert client.control.limit == 1
    flushes = 0
    while client.control.limit == 1:
        client.flush(500, 0.05)
        flushes += 1
    assert (client.control.limit, flushes) == (2, FEWEST_AT_START)


def test_the_first_window_begins_with_the_first_flush() -> None:
    client = Client()
    client.now = 1000.0
    client.launch()
    assert client.control.window.seconds(1000.1) == pytest.approx(0.1)


@pytest.mark.parametrize("fixed", [0.0, 0.000_1, 0.002])
def test_first_flushes_that_take_longer_make_no_batches_small(fixed: float) -> None:
    client = Client(max_in_flight=1)
    sizes = []
    for number in range(1000):
        size = client.control.next_size(0)
        client.flush(size, fixed + 0.000_005 * size + (0.05 if number < 3 else 0.0))
        sizes.append(client.control.batch_records)
    assert min(sizes) >= 0.9 * min(500, 9 * (fixed + OWN) / 0.000_005)
