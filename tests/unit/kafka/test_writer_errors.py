"""What a producer's errors mean for a batch."""

# ruff: noqa: SLF001 -- the client's public names of local errors begin so

from __future__ import annotations

import pytest
from confluent_kafka import KafkaError

from sidecar.core.results import Poison, Retriable, Systemic, TooLarge
from sidecar.kafka.writer_errors import OVER_WAIT, result_of


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (KafkaError.UNKNOWN_TOPIC_OR_PART, Systemic),
        (KafkaError._UNKNOWN_TOPIC, Systemic),
        (KafkaError._UNKNOWN_PARTITION, Systemic),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, Systemic),
        (KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, Systemic),
        (KafkaError._AUTHENTICATION, Systemic),
        (KafkaError.INVALID_RECORD, Poison),
        (KafkaError.INVALID_TIMESTAMP, Poison),
        (KafkaError.MSG_SIZE_TOO_LARGE, TooLarge),
        (KafkaError._FENCED, Retriable),
        (KafkaError.INVALID_PRODUCER_EPOCH, Retriable),
        (KafkaError.NOT_ENOUGH_REPLICAS, Retriable),
        (KafkaError._MSG_TIMED_OUT, Retriable),
        (KafkaError._TRANSPORT, Retriable),
        (KafkaError.UNKNOWN, Retriable),
    ],
)
def test_each_error_has_its_meaning(code: int, kind: type[Systemic | Poison | TooLarge | Retriable]) -> None:
    result = result_of([KafkaError(code)], "kafka://b/t")
    assert isinstance(result, kind)
    assert result.reason.startswith("kafka://b/t: ")


@pytest.mark.parametrize("code", [KafkaError.ILLEGAL_GENERATION, KafkaError.UNKNOWN_MEMBER_ID, KafkaError.STALE_MEMBER_EPOCH])
def test_a_generation_that_is_over_waits_until_the_next_is_known(code: int) -> None:
    result = result_of([KafkaError(code)], "k")
    assert isinstance(result, Retriable)
    assert result.wait == OVER_WAIT


def test_of_several_errors_the_gravest_counts_and_those_that_only_follow_do_not() -> None:
    follows = [KafkaError(KafkaError._PURGE_QUEUE), KafkaError(KafkaError._INVALID_DIFFERENT_RECORD)]
    assert isinstance(result_of([*follows, KafkaError(KafkaError.INVALID_RECORD)], "k"), Poison)
    both = [KafkaError(KafkaError.INVALID_RECORD), KafkaError(KafkaError._MSG_TIMED_OUT), KafkaError(KafkaError._UNKNOWN_TOPIC)]
    assert isinstance(result_of(both, "k"), Systemic)
    assert isinstance(result_of(follows, "k"), Retriable)
