"""Each alert fires when it should and keeps quiet when it should: promtool runs the rules of the chart on series made up here.

Every case names all alerts that fire, so each is also a test of that no other one does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from tests.packaging.alert_rules import Alert, Series, assert_fires, assert_gives, render_rules, series


class Case(NamedTuple):
    """What was scraped, when it is looked at, and which alerts fire then."""

    text: str
    given: Sequence[Series]
    at: str
    fires: Sequence[Alert] = ()
    interval: str = "1m"


def lag(seconds: str, records: str = "500x6000") -> list[Series]:
    return [
        series(name, values, topic="orders", partition="3")
        for name, values in (("lag_seconds", seconds), ("lag_records", records))
    ]


def aged(late: str, every: str = "0+100x9000") -> list[Series]:
    return [series("record_age_seconds_bucket", late, le="60.0"), series("record_age_seconds_count", every)]


def dropped(values: str, reason: str, intent: str) -> Series:
    return series("records_dropped_total", values, topic="orders", reason=reason, intent=intent)


def dead_lettered(values: str, topic: str = "orders") -> Series:
    return series("records_dead_lettered_total", values, topic=topic)


def books(*drops: Series, delivered: str = "0+1000x9000", dead: str = "0x9000") -> list[Series]:
    """Return what came of the records of a topic; what nothing is said of is 0."""
    none = dropped("0x9000", "max_wait", "policy")
    return [series("records_delivered_total", delivered, topic="orders"), dead_lettered(dead), *(drops or [none])]


def flushes(outcome: str, values: str) -> Series:
    return series("flush_duration_seconds_count", values, outcome=outcome)


def breaker(closed: str) -> Series:
    return series("breaker_state", closed, state="closed")


def commits(ok: str, failed: str) -> list[Series]:
    return [series("commits_total", ok, result="ok"), series("commits_total", failed, result="failed")]


def flushing(limit: str, queued: str, most: str = "8x100") -> list[Series]:
    return [
        series("flush_concurrency_limit", limit),
        series("flush_concurrency_max", most),
        series("flush_queued_batches", queued),
    ]


def fetched(all_bytes: str, again: str) -> list[Series]:
    return [series("fetched_bytes_total", all_bytes), series("refetched_bytes_total", again)]


def verdict(name: str, values: str = "1x100") -> Series:
    return series("verdict", values, topic="orders", partition="3", verdict=name)


PAGE = ("FreshnessBudgetBurn", "critical")
TICKET = ("FreshnessBudgetBurn", "warning")
LOSS = ("LossBudgetBurn", "critical")
BEHIND, FAR_BEHIND = ("PartitionBehind", "warning"), ("PartitionBehind", "critical")
STUCK = ("PartitionStuck", "critical")
NOT_SHRINKING = ("LagNotShrinking", "warning")
DROPS = ("UnintentionalDrops", "warning")
LITTLE_KEPT = ("LittleKept", "warning")
AT_MAXIMUM = ("FlushesAtMaximum", "warning")
FETCHED_AGAIN = ("FetchedAgain", "warning")
DEAD_LETTERS = ("DeadLetterRateHigh", "warning")
LETTERS_BLOCKED = ("DeadLettersBlocked", "critical")
OVERFLOW_BLOCKED = ("OverflowBlocked", "critical")
APP = ("AppUnavailable", "critical")
KAFKA = ("KafkaTrouble", "critical")
STORM = ("RebalanceStorm", "warning")
COMMITS = ("CommitFailing", "warning")
DRAIN = ("DrainTimedOut", "warning")
DOWN, ABSENT = ("Down", "critical"), ("Absent", "critical")
DRIFT = ("ConfigDrift", "warning")
BOOKS = ("BooksUnbalanced", "critical")
MISSED = ("OffsetsMissed", "critical")

CASES = [
    Case(
        "a sidecar at rest", [*lag("0x100", "0x100"), *aged("0x100", "0x100"), *books(delivered="0x100"), breaker("1x100")], "90m"
    ),
    Case("a busy one that is on time", [*lag("2x100"), *aged("0+100x100"), *books(), breaker("1x100")], "90m"),
    # Freshness
    Case("a fifth is late for an hour", aged("0+80x100"), "70m", [PAGE, TICKET]),
    Case("a fifth is late for some minutes after a good hour", aged("0+100x70 7000+80x6"), "75m"),
    Case("everything was late an hour ago and is on time since", aged("0+0x60 0+100x40"), "95m", [TICKET]),
    Case("a twentieth is late for three days", aged("0+950x500", "0+1000x500"), "72h", [TICKET], "10m"),
    Case("half a percent is late for three days", aged("0+995x500", "0+1000x500"), "72h", [], "10m"),
    # Loss
    Case("two in a hundred are lost to overload", books(dropped("0+20x100", "drop_oldest", "overload")), "70m", [LOSS, DROPS]),
    Case("one in ten thousand is lost", books(dropped("0+1x100", "poison", "poison"), delivered="0+10000x100"), "70m", [DROPS]),
    Case("nine in ten are sampled away, as asked", books(dropped("0+900x100", "sample", "policy"), delivered="0+100x100"), "70m"),
    Case("records were dropped an hour ago", books(dropped("0 3x100", "drop_newest", "overload")), "70m"),
    Case("the first drop ever", books(dropped("0 0 0 0 0 1x100", "max_block", "overload")), "6m", [DROPS]),
    Case(
        "of a hundred two are kept by the sample",
        books(dropped("0+980x100", "sample", "policy"), delivered="0+20x100"),
        "40m",
        [LITTLE_KEPT],
    ),
    Case(
        "of a hundred two are kept, the others sampled away or too old",
        books(dropped("0+500x100", "sample", "policy"), dropped("0+480x100", "expired", "policy"), delivered="0+20x100"),
        "40m",
        [LITTLE_KEPT],
    ),
    Case(
        "next to nothing was kept for ten minutes",
        books(dropped("0x20 0+990x10 9900x50", "max_wait", "policy"), delivered="0+1000x20 20000+10x10 20100+1000x50"),
        "45m",
    ),
    Case("nothing comes and nothing is kept", books(dropped("0x100", "sample", "policy"), delivered="0x100"), "40m"),
    Case(
        "nothing comes any more, and what had come is too old",
        books(dropped("0x40 0+10x70", "expired", "policy"), delivered="0+1000x10 10000x100"),
        "60m",
        [LITTLE_KEPT],
    ),
    # Lag
    Case("four minutes behind", lag("240x10", "500-10x10"), "10m"),
    Case("six minutes behind", lag("360x10", "500-10x10"), "10m", [BEHIND]),
    Case("six minutes behind for a minute", lag("0x8 360 360", "500-10x10"), "9m"),
    Case("twenty minutes behind", lag("1200x10", "500-10x10"), "10m", [BEHIND, FAR_BEHIND]),
    Case("a hundred million records behind, and on time", lag("2x100", "100000000x100"), "90m"),
    Case(
        "six minutes behind in one pod of two that both show the partition",
        [*lag("360x10", "500-10x10"), series("lag_seconds", "1x10", pod=2, topic="orders", partition="3")],
        "10m",
        [BEHIND],
    ),
    Case("two minutes behind and getting worse for an hour", lag("120+1x100"), "60m", [NOT_SHRINKING]),
    Case("two minutes behind and catching up", lag("280-2x100", "9000-10x100"), "60m"),
    Case("two minutes behind for a quarter of an hour", lag("0x40 120x20"), "58m"),
    Case("two minutes behind for an hour while the application is down", [*lag("120+1x100"), breaker("0x100")], "60m", [APP]),
    Case(
        "two minutes behind and getting worse, with as many flushes as may be and none that waits",
        [*lag("120+1x100"), *flushing("8x100", "0.3x100")],
        "60m",
        [NOT_SHRINKING, AT_MAXIMUM],
    ),
    Case(
        "the same, and some wait in the application",
        [*lag("120+1x100"), *flushing("8x100", "2x100")],
        "60m",
        [NOT_SHRINKING],
    ),
    Case("the same, and there could be more", [*lag("120+1x100"), *flushing("7x100", "0.3x100")], "60m", [NOT_SHRINKING]),
    Case("as many flushes as may be, and catching up", [*lag("280-2x100", "9000-10x100"), *flushing("8x100", "0x100")], "60m"),
    Case("as many flushes as may be, and on time", [*lag("2x100"), *flushing("8x100", "0x100")], "60m"),
    Case(
        "as many flushes as may be, and the application is down",
        [*lag("120+1x100"), *flushing("8x100", "0x100"), breaker("0x100")],
        "60m",
        [APP],
    ),
    # Stuck
    Case("a partition stopped at a poison record", [verdict("poison_head")], "5m", [STUCK]),
    Case("a partition stopped by a policy", [verdict("stuck")], "5m", [STUCK]),
    Case("poison is found and dead-lettered again and again", [verdict("poison_head"), *books(dead="0+1x9000")], "5m"),
    Case(
        "poison is found and dropped again and again",
        [verdict("poison_head"), *books(dropped("0+1x100", "poison", "poison"))],
        "5m",
        [("UnintentionalDrops", "warning")],
    ),
    Case("only that of another topic is", [verdict("poison_head"), *books(), dead_lettered("0+1x9000", "clicks")], "5m", [STUCK]),
    Case("a partition stopped by another policy beside it", [verdict("stuck"), *books(dead="0+1x9000")], "5m", [STUCK]),
    Case("a partition that is held by its operator", [verdict("held_by_operator")], "5m"),
    Case("the same record is first for a quarter of an hour", lag("0+60x15"), "14m", [BEHIND, STUCK]),
    Case(
        "the same record is first, and Kafka is the reason",
        [*lag("0+60x15"), series("kafka_trouble", "1x15")],
        "14m",
        [BEHIND, KAFKA],
    ),
    Case(
        "the same record is first, and somebody has paused it",
        [*lag("0+60x15"), series("hold_seconds_total", "0+60x15", reason="operator")],
        "14m",
        [BEHIND],
    ),
    Case("old records of one age are delivered", lag("0+60x15", "5000-100x15"), "14m", [BEHIND]),
    # The application
    Case("the breaker has been open for five minutes", [breaker("1x5 0x10")], "11m", [APP]),
    Case("the breaker was open for a minute", [breaker("1x5 0 1x10")], "7m"),
    Case("every flush fails and is tried again", [flushes("retriable", "0+5x10"), flushes("delivered", "0x10")], "8m", [APP]),
    Case("one flush in ten fails", [flushes("retriable", "0+1x10"), flushes("delivered", "0+9x10")], "8m"),
    Case("every flush finds poison", [flushes("poison", "0+5x10"), flushes("retriable", "0x10")], "8m"),
    Case("the application says that it is unhealthy", [series("hold_seconds_total", "0+240x10", reason="app")], "8m", [APP]),
    Case("the buffer is full", [series("hold_seconds_total", "0+240x10", reason="buffer")], "8m"),
    # Kafka
    Case("Kafka is out of reach", [series("kafka_trouble", "1x10")], "8m", [KAFKA]),
    Case("Kafka was out of reach for three minutes", [series("kafka_trouble", "1x3 0x10")], "8m"),
    Case("no commit succeeds", commits("100x20", "0+1x20"), "12m", [COMMITS]),
    Case("some commits fail", commits("0+9x20", "0+1x20"), "12m"),
    Case("no commit succeeds since Kafka is away", [*commits("9x20", "0+1x20"), series("kafka_trouble", "1x20")], "12m", [KAFKA]),
    Case("ten revocations in a quarter of an hour", [series("rebalances_total", "0+1x20", kind="revoked")], "15m", [STORM]),
    Case("one rolling update", [series("rebalances_total", "0 1 2 3x20", kind="revoked")], "15m"),
    Case("many assignments", [series("rebalances_total", "0+1x20", kind="assigned")], "15m"),
    Case("Kafka deleted records", [series("missed_offsets_total", "0 0 0 90x10", topic="orders")], "5m", [MISSED]),
    Case("Kafka deleted records an hour ago", [series("missed_offsets_total", "0 90x80", topic="orders")], "60m"),
    Case("two thirds of much are fetched again", fetched("0+360000000x80", "0+240000000x80"), "60m", [FETCHED_AGAIN]),
    Case("a tenth of much is fetched again", fetched("0+360000000x80", "0+36000000x80"), "60m"),
    Case("two thirds of little are fetched again", fetched("0+360000x80", "0+240000x80"), "60m"),
    Case("nothing is fetched at all", fetched("5000x80", "4000x80"), "60m"),
    # Drains
    Case("a drain expired", [series("drains_total", "0 0 1 1", result="expired")], "3m", [DRAIN]),
    Case("a drain went well", [series("drains_total", "0 0 1 1", result="drained")], "3m"),
    Case(
        "a drain has used 24 of its 25 seconds",
        [series("drain_duration_seconds", "0 0 24"), series("drain_timeout_seconds", "25x10")],
        "2m",
        [DRAIN],
    ),
    Case(
        "a drain took 24 of its 25 seconds an hour ago",
        [series("drain_duration_seconds", "0 24x80"), series("drain_timeout_seconds", "25x80")],
        "60m",
    ),
    Case(
        "a drain takes its time", [series("drain_duration_seconds", "0 5 15 15"), series("drain_timeout_seconds", "25x10")], "3m"
    ),
    # Dead letters
    Case(
        "two in a hundred are dead letters",
        books(dead="0+20x30"),
        "25m",
        [DEAD_LETTERS],
    ),
    Case("one in a thousand is a dead letter", books(dead="0+1x30"), "25m"),
    Case(
        "nothing comes any more, and what had come is refused",
        books(delivered="0+1000x10 10000x100", dead="0x40 0+10x30"),
        "60m",
        [DEAD_LETTERS],
    ),
    Case("a dead letter cannot be sent", [series("dead_letters_blocked_partitions", "0x3 1x20")], "10m", [LETTERS_BLOCKED]),
    Case("an overflow topic takes nothing", [series("overflow_trouble", "0x3 1x20")], "10m", [OVERFLOW_BLOCKED]),
    Case("an overflow topic took nothing for a minute", [series("overflow_trouble", "0x3 1 0x20")], "10m"),
    Case(
        "what is dropped goes to an overflow topic",
        books(dropped("0+900x100", "drop_oldest", "diverted"), delivered="0+10x100"),
        "70m",
    ),
    Case("a dead letter could not be sent for a minute", [series("dead_letters_blocked_partitions", "0x3 1 0x20")], "10m"),
    # The sidecars themselves
    Case("a sidecar does not answer", [series("up", "1x3 0x10", pod=2)], "10m", [DOWN]),
    Case("a sidecar did not answer once", [series("up", "1x3 0 1x10", pod=2)], "10m"),
    Case("another container does not answer", [Series("up", "0x10", {"job": "other", "container": "app"})], "10m"),
    Case("the books do not balance", [series("unaccounted_records", "0 -2x10")], "5m", [BOOKS]),
    Case("the books balance", [series("unaccounted_records", "0x10")], "5m"),
]


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the rules with the chart's own thresholds."""
    folder = tmp_path_factory.mktemp("rules")
    path = folder / "rules.yml"
    path.write_text(render_rules(folder), encoding="utf-8")
    return path


def there(values: str = "1x9000", pod: int = 1, config: str = "c0ffee") -> list[Series]:
    """Return what a sidecar always shows of itself."""
    return [
        series("config_info", values, pod=pod, group="billing", hash=config),
        series("build_info", values, pod=pod, version="0.1.0"),
        series("missed_offsets_total", values.replace("1x", "0x"), pod=pod, topic="clicks"),
    ]


@pytest.mark.parametrize("case", CASES, ids=[case.text for case in CASES])
def test_exactly_these_alerts_fire(rules: Path, case: Case) -> None:
    assert_fires(rules, [*there(), *case.given], case.at, case.fires, case.interval)


def test_a_group_whose_last_member_is_gone_is_absent_for_an_hour(rules: Path) -> None:
    gone = there("1x10")
    assert_fires(rules, gone, "10m", [])
    assert_fires(rules, gone, "25m", [ABSENT])
    assert_fires(rules, gone, "90m", [])


def test_a_group_that_still_has_a_member_is_not_absent(rules: Path) -> None:
    assert_fires(rules, [*there("1x10"), *there(pod=2)], "20m", [])


def test_a_group_that_must_be_there_is_absent_without_ever_having_been_there(tmp_path: Path) -> None:
    path = tmp_path / "rules.yml"
    path.write_text(render_rules(tmp_path, {"alerts.expectedGroups": ["billing", "shipping"]}), encoding="utf-8")
    assert_fires(path, there(), "20m", [ABSENT])  # shipping
    assert_fires(path, [*there(), series("config_info", "1x90", pod=2, group="shipping", hash="1")], "20m", [ABSENT])
    both = [
        series("config_info", "1x90", pod=2, group="shipping", hash="1"),
        series("build_info", "1x90", pod=2, version="0.1.0"),
    ]
    assert_fires(path, [*there(), *both], "20m", [])


def test_two_configurations_in_one_group_are_drift_once_no_rollout_can_explain_them(rules: Path) -> None:
    members = [*there(), *there(pod=2, config="decade")]
    assert_fires(rules, members, "20m", [])
    assert_fires(rules, members, "40m", [DRIFT])
    assert_fires(rules, [*there(), *there(pod=2)], "40m", [])


def test_only_the_sidecars_of_the_own_namespace_are_watched_unless_a_selector_says_otherwise(rules: Path, tmp_path: Path) -> None:
    elsewhere = [replace(one, labels={**one.labels, "namespace": "orders"}) for one in [*there(), *lag("1200x20")]]
    assert_fires(rules, elsewhere, "15m", [])
    path = tmp_path / "rules.yml"
    path.write_text(render_rules(tmp_path, {"alerts.selector": 'namespace=~"payments|orders"'}), encoding="utf-8")
    assert_fires(path, elsewhere, "15m", [BEHIND, FAR_BEHIND])


def test_only_the_sidecars_of_the_selector_are_watched(tmp_path: Path) -> None:
    path = tmp_path / "rules.yml"
    path.write_text(render_rules(tmp_path, {"alerts.selector": 'group="shipping"'}), encoding="utf-8")
    assert_fires(path, [*there(), *lag("1200x20")], "15m", [])


def test_what_a_topic_may_shed_is_no_loss_but_its_poison_is(tmp_path: Path) -> None:
    path = tmp_path / "rules.yml"
    path.write_text(render_rules(tmp_path, {"alerts.mayShed": ["prices[.].*", "orders"]}), encoding="utf-8")
    assert_fires(path, [*there(), *books(dropped("0+200x100", "drop_oldest", "overload"))], "70m", [])
    assert_fires(path, [*there(), *books(dropped("0+20x100", "poison", "poison"))], "70m", [LOSS, DROPS])
    of_another = books(dropped("0+20x100", "max_block", "overload"))
    others = [replace(one, labels={**one.labels, "topic": "pricesX"}) for one in of_another]
    assert_fires(path, [*there(), *others], "70m", [LOSS, DROPS])


@pytest.mark.parametrize(
    ("alert", "ended", "share"),
    [
        ("LittleKept", books(dropped("0+48x60", "expired", "policy"), delivered="0+1x60", dead="0+1x60"), 0.04),
        ("DeadLetterRateHigh", books(dropped("0+2x60", "expired", "policy"), delivered="0+2x60", dead="0+1x60"), 0.2),
    ],
)
def test_a_ratio_is_of_what_came_to_an_end_also_when_nothing_is_polled(
    rules: Path, alert: str, ended: Sequence[Series], share: float
) -> None:
    found = [rule for group in yaml.safe_load(rules.read_text(encoding="utf-8"))["groups"] for rule in group["rules"]]
    [expr] = [rule["expr"] for rule in found if rule.get("alert") == f"KafkaSidecar{alert}"]
    polled = series("records_polled_total", "0x60", topic="orders")
    assert_gives(f"round(max({expr}), 0.001)", rules, [*there(), polled, *ended], "60m", [{"labels": "{}", "value": share}])


def test_every_alert_has_a_case_in_which_it_fires(rules: Path) -> None:
    text = rules.read_text(encoding="utf-8")
    fired = {alert for case in CASES for alert in case.fires} | {ABSENT, DRIFT}
    assert {f"KafkaSidecar{name}" for name, _ in fired} == set(re.findall(r"alert: (\w+)", text))
