from __future__ import annotations

import json

import pytest

from sidecar.core.config import Policy, Strategy
from sidecar.settings import engine_config, has_max_age
from tests.unit.settings.environments import LEAST, complaints, load, named

NAME = "SIDECAR_TOPIC_POLICIES"


def policy(topic: str, *entries: dict[str, object], **buffer: str) -> Policy:
    """Return the policy of ``topic`` with these entries."""
    settings = load({"TOPIC_POLICIES": json.dumps(entries)} | {f"BUFFER__{name}": value for name, value in buffer.items()})
    return engine_config(settings).policy(topic)


def test_the_first_entry_that_matches_holds() -> None:
    entries: tuple[dict[str, object], ...] = (
        {"topic": "clicks.eu", "priority": 2},
        {"topic": "clicks.*", "strategy": "drop_oldest"},
        {"topic": "^c.*", "priority": 5},
    )
    assert policy("clicks.eu", *entries) == Policy(priority=2)
    assert policy("clicks.us", *entries) == Policy(Strategy.DROP_OLDEST)
    assert policy("carts", *entries) == Policy(priority=5)
    assert policy("orders", *entries) == Policy()


def test_everything_that_an_entry_can_say() -> None:
    sampled = {
        "topic": "t",
        "strategy": "sample",
        "sample_rate": "auto",
        "max_age": "1h",
        "max_wait": "5s",
        "max_burst_wait": "30s",
    }
    assert policy("t", sampled | {"priority": -3, "weight": 2}) == Policy(
        Strategy.SAMPLE, None, max_age=3600.0, priority=-3, max_wait=5.0, max_burst_wait=30.0, weight=2.0
    )
    assert policy("t", {"topic": "t", "strategy": "block", "max_block": "10s"}) == Policy(max_block=10.0)
    assert policy("t", {"topic": "t", "max_age": "1d", "allow_loss": True}) == Policy(max_age=86_400.0)


def test_what_an_entry_leaves_out_is_as_the_buffer_says_as_far_as_it_belongs_to_its_strategy() -> None:
    buffer = {"STRATEGY": "sample", "SAMPLE_RATE": "20", "MAX_AGE": "1m", "PRIORITY": "-1"}
    assert policy("t", {"topic": "t", "priority": 0}, **buffer) == Policy(Strategy.SAMPLE, 20, max_age=60.0)
    assert policy("t", {"topic": "t", "strategy": "block"}, **buffer) == Policy(sample_rate=20, priority=-1)
    assert policy("t", {"topic": "x"}, STRATEGY="sample", SAMPLE_RATE="auto") == Policy(Strategy.SAMPLE, None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "{",
            "is not JSON (Expecting property name enclosed in double quotes: line 1 column 2 (char 1)): write a list of objects, like ",
        ),
        ('{"topic": "a"}', "is not a list of objects: write it like "),
        ('["a"]', "is not a list of objects: write it like "),
        ("[{}]", "entry 1, topic: field required"),
        ('[{"topic": ""}]', "entry 1, topic: must have at least 1 character"),
        ('[{"topic": "a b"}]', "entry 1, topic: 'a b' matches no topic: letters, "),
        ('[{"topic": "^("}]', "entry 1, topic: '^(' is not a regular expression: "),
        ('[{"topic": "a"}, {"topic": "b", "stategy": "block"}]', "entry 2, stategy: is not known: leave it out"),
        ('[{"topic": "a", "strategy": "shed"}]', "entry 1, strategy: must be 'block', 'drop_oldest', 'drop_newest' or 'sample'"),
        (
            '[{"topic": "a", "max_wait": 5, "strategy": "sample"}]',
            "entry 1, max_wait: 5 is not a duration: write text with a unit, ",
        ),
        ('[{"topic": "a", "priority": 11}]', "entry 1, priority: must be less than or equal to 10"),
        ('[{"topic": "a", "weight": 0}]', "entry 1, weight: must be greater than 0"),
        ('[{"topic": "a", "max_burst_wait": "5s"}]', "entry 1: max_burst_wait says for how long max_wait may be exceeded: "),
        ('[{"topic": "a"}, {"topic": "a"}]', "entry 2 (a): entry 1 is about the same topics and comes first: "),
        ('[{"topic": "a", "sample_rate": 5}]', "entry 1 (a): sample_rate belongs to the strategy sample, and this is block: "),
        ('[{"topic": "a", "strategy": "sample", "max_block": "5s"}]', "entry 1 (a): max_block belongs to the strategy block, "),
        ('[{"topic": "a", "max_age": "5s"}]', "entry 1 (a): max_age would lose records, and block promises not to: "),
        ('[{"topic": "a", "max_wait": "5s"}]', "entry 1 (a): max_wait would lose records, and block promises not to: "),
        ('[{"topic": "a", "allow_loss": true}]', "entry 1 (a): allow_loss does nothing without the strategy block and "),
        ('[{"topic": "a", "overflow_topic": "a b"}]', "entry 1, overflow_topic: 'a b' names no other topic: letters, "),
        (
            '[{"topic": "a", "overflow_topic": "b"}]',
            "entry 1 (a): overflow_topic does nothing with block alone, which drops nothing: add max_block, ",
        ),
        (
            '[{"topic": "a", "strategy": "sample", "overflow_topic": "b"}]',
            "entry 1 (a): overflow_topic does not go with sample, which keeps some records with a weight that stands for the others: ",
        ),
        (
            '[{"topic": "a", "strategy": "drop_oldest", "overflow_topic": "orders"}]',
            "entry 1 (a): orders is consumed itself, so what goes there would come back: name another overflow_topic",
        ),
        (
            '[{"topic": "a", "max_age": "5s", "allow_loss": true, "overflow_topic": "b"}]',
            "entry 1 (a): allow_loss does nothing without the strategy block and max_age or max_wait, nor beside overflow_topic: ",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_entry_and_the_mend(text: str, said: str) -> None:
    [problem] = complaints(LEAST | named({"TOPIC_POLICIES": text}))
    assert problem.startswith(f"{NAME}: {said}"), problem


def test_what_goes_to_an_overflow_topic_is_not_lost_so_a_block_topic_may_have_an_age() -> None:
    entry: dict[str, object] = {"topic": "t", "max_age": "1d", "overflow_topic": "{topic}.old"}
    assert policy("t", entry) == Policy(max_age=86_400.0, overflow_topic="t.old")
    assert policy("t", {"topic": "t", "overflow_topic": "o"}, MAX_BLOCK="5s") == Policy(max_block=5.0, overflow_topic="o")


def test_an_overflow_topic_that_a_pattern_consumes_is_refused_as_far_as_that_is_known() -> None:
    entry = {"topic": "*", "strategy": "drop_newest"}
    for topics, target, consumed in [
        ("^clicks.*", "clicks-overflow", "clicks-overflow"),
        ("clicks,clicks-overflow", "{topic}-overflow", "clicks-overflow"),
        ("clicks,^.*-overflow", "{topic}-overflow", "clicks-overflow"),
    ]:
        text = json.dumps([entry | {"overflow_topic": target}])
        [problem] = complaints(LEAST | named({"TOPIC_POLICIES": text, "TOPICS": topics}))
        assert problem.startswith(f"{NAME}: entry 1 (*): {consumed} is consumed itself, ")
    text = json.dumps([entry | {"overflow_topic": "{topic}-overflow"}])
    assert load({"TOPIC_POLICIES": text, "TOPICS": "clicks,views"}).topic_policies[0].overflow_topic == "{topic}-overflow"


def test_an_overflow_topic_needs_room_above_the_high_watermark() -> None:
    entries = [{"topic": "*", "strategy": "drop_newest", "overflow_topic": "spare"}]
    [problem] = complaints(LEAST | named({"TOPIC_POLICIES": json.dumps(entries), "BUFFER__HIGH_WATERMARK": "1"}))
    assert problem.startswith(
        f"{NAME}: entry 1 (*): overflow_topic takes what is above SIDECAR_BUFFER__HIGH_WATERMARK, and nothing "
    )


def test_an_overflow_topic_does_not_go_with_a_downstream_that_keeps_the_offsets() -> None:
    entries = [{"topic": "*", "strategy": "drop_newest", "overflow_topic": "spare"}]
    given = {"TOPIC_POLICIES": json.dumps(entries), "WRITER__URL": "sqlite:///tmp/rows.db", "WRITER__TABLE": "rows"}
    [problem] = complaints(LEAST | named(given))
    assert problem.startswith(f"{NAME}: entry 1 (*): overflow_topic does not go with a downstream that keeps the offsets beside ")


def test_what_is_on_its_way_to_overflow_topics_has_its_part_of_the_memory() -> None:
    entry = json.dumps([{"topic": "*", "strategy": "drop_newest", "overflow_topic": "spare"}])
    limit = {"MEMORY__LIMIT": "128MiB", "FLUSH__MAX_IN_FLIGHT": "4"}
    without, with_overflow = load(limit), load(limit | {"TOPIC_POLICIES": entry})
    assert without.buffer.max_bytes == with_overflow.buffer.max_bytes
    assert (without.flush.max_batch_bytes or 0) // 5 == (with_overflow.flush.max_batch_bytes or 0) // 4


def test_a_rate_of_the_buffer_is_for_the_topics_that_sample() -> None:
    assert policy("t", {"topic": "t", "strategy": "sample"}, SAMPLE_RATE="7") == Policy(Strategy.SAMPLE, 7)


def test_a_priority_of_the_buffer_has_bounds() -> None:
    assert complaints(LEAST | named({"BUFFER__PRIORITY": "11"})) == ["SIDECAR_BUFFER__PRIORITY: must be less than or equal to 10"]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, False),
        ({"BUFFER__STRATEGY": "drop_oldest", "BUFFER__MAX_AGE": "1h"}, True),
        ({"TOPIC_POLICIES": '[{"topic": "t", "strategy": "drop_oldest", "max_wait": "1s"}]'}, False),
        ({"TOPIC_POLICIES": '[{"topic": "t", "strategy": "drop_oldest", "max_age": "1s"}]'}, True),
    ],
)
def test_whether_ages_by_timestamps_matter_is_known_for_all_topics_together(settings: dict[str, str], expected: bool) -> None:  # noqa: FBT001 -- a column
    assert has_max_age(load(settings)) == expected
