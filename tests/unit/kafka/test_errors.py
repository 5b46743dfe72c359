# ruff: noqa: SLF001 -- the client's public names of local errors begin with an underscore

from __future__ import annotations

import pytest
from confluent_kafka import KafkaError

from sidecar.kafka.errors import TABLE, Meaning, classify, describe
from sidecar.kafka.trouble import QUIET, Trouble

FENCED_TEXT = KafkaError(KafkaError.FENCED_INSTANCE_ID).str()
UNKNOWN_CODE = 4242


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (KafkaError(KafkaError._PARTITION_EOF), Meaning.NOTHING),
        (KafkaError(KafkaError._AUTO_OFFSET_RESET), Meaning.RESET),
        (KafkaError(KafkaError.OFFSET_OUT_OF_RANGE), Meaning.RESET),
        (KafkaError(KafkaError.FENCED_INSTANCE_ID), Meaning.FENCED),
        (KafkaError(KafkaError._FATAL, f"Fatal error: {FENCED_TEXT}"), Meaning.FENCED),
        (KafkaError(KafkaError._FATAL, "Fatal error: Broker: The instance ID is still used by another member"), Meaning.FATAL),
        (KafkaError(UNKNOWN_CODE, fatal=True), Meaning.FATAL),
        (KafkaError(UNKNOWN_CODE), Meaning.TROUBLE),
        (KafkaError(KafkaError._TRANSPORT), Meaning.TROUBLE),
        (KafkaError(KafkaError._ALL_BROKERS_DOWN), Meaning.TROUBLE),
        (KafkaError(KafkaError._RESOLVE), Meaning.TROUBLE),
        (KafkaError(KafkaError._SSL), Meaning.TROUBLE),
        (KafkaError(KafkaError._AUTHENTICATION), Meaning.TROUBLE),
        (KafkaError(KafkaError.SASL_AUTHENTICATION_FAILED), Meaning.TROUBLE),
        (KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED), Meaning.TROUBLE),
        (KafkaError(KafkaError.GROUP_AUTHORIZATION_FAILED), Meaning.TROUBLE),
        (KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART), Meaning.TROUBLE),
        (KafkaError(KafkaError._UNKNOWN_TOPIC), Meaning.TROUBLE),
        (KafkaError(KafkaError._MAX_POLL_EXCEEDED), Meaning.TROUBLE),
    ],
    ids=lambda value: value.name() if isinstance(value, KafkaError) else value.value,
)
def test_each_error_has_one_meaning(error: KafkaError, meaning: Meaning) -> None:
    assert classify(error).meaning is meaning


@pytest.mark.parametrize("code", [code for code, row in TABLE.items() if row.meaning is Meaning.TROUBLE])
def test_every_obstacle_in_the_table_is_told_with_its_name_and_a_mend(code: int) -> None:
    said = describe(KafkaError(code, "what the client says"))

    assert said.startswith(f"{KafkaError(code).name()}: what the client says (")
    assert said.endswith(f"({TABLE[code].mend})")
    assert TABLE[code].mend


def test_an_error_that_is_in_no_table_is_told_in_the_clients_words() -> None:
    assert describe(KafkaError(KafkaError.REBALANCE_IN_PROGRESS, "wait")) == "REBALANCE_IN_PROGRESS: wait"


class Troubled:
    """Trouble with a hand-driven clock, and what was told of it."""

    def __init__(self) -> None:
        self.now = 100.0
        self.told: list[tuple[str, str]] = []
        self.trouble = Trouble(lambda: self.now, lambda name, text: self.told.append((name, text)))


def test_nothing_stands_in_the_way_at_first() -> None:
    assert Troubled().trouble.text is None


def test_trouble_with_the_connection_is_over_when_nothing_was_heard_of_it_for_a_while() -> None:
    it = Troubled()
    it.trouble.note(KafkaError(KafkaError._TRANSPORT, "refused"), of_stream=False)
    it.now += QUIET - 0.1
    still = it.trouble.text
    it.trouble.note(KafkaError(KafkaError._TRANSPORT, "refused"), of_stream=False)
    it.now += QUIET - 0.1
    renewed = it.trouble.text
    it.now += 0.1

    assert still == renewed == describe(KafkaError(KafkaError._TRANSPORT, "refused"))
    assert it.trouble.text is None


def test_trouble_that_came_in_the_stream_stays_until_it_is_over() -> None:
    it = Troubled()
    it.trouble.note(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART, "orders"), of_stream=True)
    it.now += 1e6
    long_after = it.trouble.text
    it.trouble.over()

    assert long_after is not None
    assert long_after.startswith("UNKNOWN_TOPIC_OR_PART: orders")
    assert it.trouble.text is None


def test_trouble_with_the_connection_hides_a_missing_topic_only_for_a_while() -> None:
    it = Troubled()
    it.trouble.note(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART, "orders"), of_stream=True)
    it.trouble.note(KafkaError(KafkaError._TRANSPORT, "refused"), of_stream=False)
    away = it.trouble.text
    it.now += QUIET

    assert away == describe(KafkaError(KafkaError._TRANSPORT, "refused"))
    assert it.trouble.text == describe(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART, "orders"))


def test_that_all_brokers_are_down_does_not_hide_why() -> None:
    it = Troubled()
    refused, all_down = KafkaError(KafkaError._AUTHENTICATION, "refused"), KafkaError(KafkaError._ALL_BROKERS_DOWN, "1/1")
    it.trouble.note(refused, of_stream=False)
    it.now += QUIET - 1.0
    it.trouble.note(all_down, of_stream=False)
    it.now += 2.0
    why = it.trouble.text
    it.now += QUIET
    it.trouble.note(all_down, of_stream=False)

    assert why == describe(refused)
    assert it.trouble.text == describe(all_down)


def test_each_error_is_told_by_its_name_so_that_repeats_can_be_counted() -> None:
    it = Troubled()
    for _ in range(3):
        it.trouble.note(KafkaError(KafkaError._ALL_BROKERS_DOWN, "1/1 brokers are down"), of_stream=False)

    assert [name for name, _ in it.told] == ["_ALL_BROKERS_DOWN"] * 3
    assert it.told[0][1] == it.trouble.text
