from __future__ import annotations

from dataclasses import replace

import pytest

from sidecar.core.config import Policy, Strategy
from sidecar.core.records import TopicPartition
from sidecar.observe.drop_record import LastDrop
from sidecar.observe.scene import Scene
from sidecar.observe.topics import Shed, Topic, sheds, topics, words
from sidecar.observe.trends import NOTHING_KNOWN, Rates
from tests.unit.observe.reports import BOOKS, NOW, a_partition, a_report, a_snapshot

BUSY = Rates(
    5.0,
    ended_of={"orders": 50.0, "clicks": 200.0, "prices": 12.0},
    dropped_of={("clicks", "sample"): 130.0, ("clicks", "expired"): 20.0, ("prices", "drop_oldest"): 12.0},
)


def scene(rates: Rates = BUSY) -> Scene:
    clicks = [a_partition(tp=TopicPartition("clicks", n), buffered=10 + n, in_flight=5) for n in range(2)]
    prices = a_partition(tp=TopicPartition("prices", 0))
    books = replace(
        BOOKS,
        dropped={
            ("clicks", "expired"): 90,
            ("clicks", "sample"): 700,
            ("prices", "drop_oldest"): 60,
            ("orders", "poison"): 1,
            ("orders", "sample"): 0,
        },
    )
    report = a_report(a_snapshot(*clicks, prices, a_partition(), books=books))
    return Scene(report, None, NOW, replace(NOTHING_KNOWN, latest=rates))


def test_each_topic_has_its_policy_what_is_here_of_it_and_what_is_kept() -> None:
    policies = {"orders": Policy(), "clicks": Policy(Strategy.SAMPLE), "prices": Policy(Strategy.DROP_OLDEST)}
    found = topics(scene(), policies.__getitem__)
    assert found == [
        Topic("clicks", "sample 1 in 10", 2, 31, 0.25),
        Topic("orders", "block", 1, 0, 1.0),
        Topic("prices", "drop_oldest", 1, 0, 0.0),
    ]


def test_what_is_kept_is_not_known_while_nothing_ends() -> None:
    assert [topic.kept for topic in topics(scene(Rates(0.0)), lambda _topic: Policy())] == [None, None, None]


def test_what_is_shed_now_comes_first_and_what_was_never_dropped_is_left_out() -> None:
    last = LastDrop(1, 100, 250, 7.0)
    assert sheds(scene(), {("clicks", "sample"): last}) == [
        Shed("clicks", "sample", "policy", 700, 130.0, last),
        Shed("clicks", "expired", "policy", 90, 20.0, None),
        Shed("prices", "drop_oldest", "overload", 60, 12.0, None),
        Shed("orders", "poison", "poison", 1, 0.0, None),
    ]


def test_what_is_in_an_overflow_topic_is_shed_as_diverted() -> None:
    books = replace(BOOKS, dropped={("prices", "drop_oldest"): 60}, diverted={("prices", "drop_oldest"): 60})
    [shed] = sheds(Scene(a_report(a_snapshot(books=books)), None, NOW, NOTHING_KNOWN), {})
    assert shed == Shed("prices", "drop_oldest", "diverted", 60, 0.0, None)


def test_what_is_in_an_overflow_topic_is_kept() -> None:
    books = replace(BOOKS, dropped={("clicks", "expired"): 60}, diverted={("clicks", "expired"): 60})
    view = a_partition(tp=TopicPartition("clicks", 0))
    report = a_report(a_snapshot(view, books=books))
    [topic] = topics(Scene(report, None, NOW, replace(NOTHING_KNOWN, latest=BUSY)), lambda _topic: Policy())
    assert topic.kept == 1 - 130 / 200


def test_what_is_on_its_way_to_an_overflow_topic_is_still_here() -> None:
    views = a_partition(buffered=5, in_flight=3, diverting=2)
    [topic] = topics(Scene(a_report(a_snapshot(views)), None, NOW, NOTHING_KNOWN), lambda _topic: Policy())
    assert topic.here == 10


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        (Policy(), "block"),
        (Policy(max_block=30.0, priority=2), "block, max_block 30 s, priority 2"),
        (Policy(Strategy.DROP_OLDEST, max_wait=5.0, max_age=3_900.0), "drop_oldest, max_age 1 h 5 min, max_wait 5 s"),
        (Policy(Strategy.DROP_NEWEST, overflow_topic="spare"), "drop_newest, overflow to spare"),
        (Policy(Strategy.SAMPLE, sample_rate=1_000), "sample 1 in 1,000"),
        (Policy(Strategy.SAMPLE, sample_rate=None, priority=-2, weight=0.5), "sample auto, priority -2, weight 0.5"),
    ],
)
def test_a_policy_is_said_in_the_words_of_its_settings(policy: Policy, said: str) -> None:
    assert words(policy) == said
