"""The headers of a dead letter: the record's own first, Kafka Connect's names, ours."""

from __future__ import annotations

from sidecar.core.actions import DeadLetter, LetterReason
from sidecar.core.records import UNREADABLE, Chunk, Headers, TopicPartition
from sidecar.core.results import Said
from sidecar.kafka.letter_headers import headers_of


def letter(headers: Headers | None = None, said: Said | None = None, weight: int = 1) -> DeadLetter:
    tp = TopicPartition("orders", 3)
    chunk = Chunk(tp, 1, range(41, 42), [1_600_000_000_000], [None], [None], [headers], 42, 0, 0.0, 0, weight)
    return DeadLetter(1, chunk, LetterReason.RETRIES_EXHAUSTED, "answered 500", said or Said(), 7, 1_700_000_000_123)


def test_the_records_own_headers_come_first_and_unchanged() -> None:
    own = [("h", b"\xff"), ("h", None), ("", b"")]
    assert headers_of(letter(own), "billing")[:3] == own


def test_it_says_where_it_came_from_and_why_by_kafka_connects_names_and_by_ours() -> None:
    assert dict(headers_of(letter(), "billing")) == {
        "__connect.errors.topic": b"orders",
        "__connect.errors.partition": b"3",
        "__connect.errors.offset": b"41",
        "__connect.errors.connector.name": b"billing",
        "__connect.errors.stage": b"TASK_PUT",
        "__connect.errors.exception.class.name": b"retries_exhausted",
        "__connect.errors.exception.message": b"answered 500",
        "sidecar.dead_letter.reason": b"retries_exhausted",
        "sidecar.dead_letter.group": b"billing",
        "sidecar.dead_letter.attempts": b"7",
        "sidecar.dead_letter.failed_at": b"2023-11-14T22:13:20.123+00:00",
        "sidecar.dead_letter.timestamp": b"1600000000000",
    }


def test_what_the_downstream_said_is_kept_up_to_256_bytes_of_whole_characters() -> None:
    found = dict(headers_of(letter(said=Said("422", "é" * 200)), "billing"))
    assert (found["sidecar.dead_letter.status"], found["sidecar.dead_letter.answer"]) == (b"422", "é".encode() * 128)


def test_headers_that_could_not_be_read_and_the_weight_of_a_sampled_record_are_told() -> None:
    found = dict(headers_of(letter(UNREADABLE, weight=10), "billing"))
    assert (found["sidecar.dead_letter.headers"], found["sidecar.dead_letter.weight"]) == (b"unreadable", b"10")
