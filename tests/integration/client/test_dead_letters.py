"""The producer of dead letters on the mock cluster: one answer for each letter, also when the producer fails for good."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from queue import SimpleQueue

import pytest
from confluent_kafka import KafkaError

from sidecar.core.actions import DeadLetter, LetterReason
from sidecar.core.events import DeadLetterFinished
from sidecar.core.records import Chunk
from sidecar.core.results import Said
from sidecar.kafka.address import Address
from sidecar.kafka.dead_letters import KafkaDeadLetters
from sidecar.kafka.login import Changed, never
from tests.integration.client.members import P0, TOPIC
from tests.integration.client.mock_cluster import MockCluster, Request
from tests.parts.waiting import wait_for

WITHIN = 15.0


@pytest.fixture
def cluster() -> Iterator[MockCluster]:
    with MockCluster() as running:
        running.create_topic("dead", 1)
        yield running


class Letters:
    """A running producer, and its answers as they come."""

    def __init__(self, cluster: MockCluster, *consumed: str, login: Changed = never, ca: str = "") -> None:
        self.answers: SimpleQueue[DeadLetterFinished | Exception] = SimpleQueue()
        reach: dict[str, str | int | bool] = {"bootstrap.servers": cluster.bootstrap, "log_level": 0}
        reach |= {"security.protocol": "ssl", "ssl.ca.location": ca} if ca else {}
        self.producer = KafkaDeadLetters(reach, Address("dead", consumed), "group", self.answers.put, login)
        self.producer.start()

    def send(self, number: int) -> None:
        chunk = Chunk(P0, 1, range(number, number + 1), [0], [b"k"], [b"v"], None, number + 1, 0, 0.0, 0)
        self.producer.send(DeadLetter(number, chunk, LetterReason.POISON, "no", Said(), 1, 0))

    def takes(self, number: int) -> bool:
        """Send a letter as the loop does after a failure: the producer that failed may be there for a moment, and refuses it."""
        self.send(number)
        return self.answer() == DeadLetterFinished(number, None)

    def answer(self) -> DeadLetterFinished:
        answer = self.answers.get(timeout=WITHIN)
        assert isinstance(answer, DeadLetterFinished)
        return answer


@pytest.fixture
def letters(cluster: MockCluster) -> Iterator[Letters]:
    letters = Letters(cluster, TOPIC)
    yield letters
    letters.producer.close(1)


def test_each_letter_is_answered_for_once(letters: Letters) -> None:
    for number in range(5):
        letters.send(number)
    assert sorted(letters.answer().number for _ in range(5)) == [0, 1, 2, 3, 4]
    assert letters.answers.empty()


def test_after_a_failure_for_good_every_letter_is_answered_for_and_the_next_gets_a_new_producer(
    cluster: MockCluster, letters: Letters
) -> None:
    letters.send(0)
    assert letters.answer() == DeadLetterFinished(0, None)
    with cluster.failing(
        Request.PRODUCE, KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER
    ):  # whether they are sent together or one by one
        for number in (1, 2, 3):
            letters.send(number)
        failed = [letters.answer() for _ in range(3)]
    assert sorted(answer.number for answer in failed) == [1, 2, 3]
    assert all(answer.error for answer in failed)

    numbers = count(4)
    wait_for(lambda: letters.takes(next(numbers)), "a new producer takes a letter", WITHIN)


def test_a_letter_that_would_come_back_as_a_record_is_not_sent(cluster: MockCluster) -> None:
    letters = Letters(cluster, "^de.*")
    letters.send(0)
    assert (
        letters.answer().error
        == "dead is consumed itself, so each dead letter would come back: name another one in SIDECAR_DEAD_LETTER__TOPIC"
    )
    letters.producer.close(1)


def test_letters_for_which_no_producer_can_be_made_are_answered_for(cluster: MockCluster, tmp_path: Path) -> None:
    letters = Letters(cluster, ca=str(tmp_path / "missing.pem"))
    for number in (0, 1):
        letters.send(number)
        answer = letters.answer()
        assert (answer.number, "ssl.ca.location" in (answer.error or "")) == (number, True)
    letters.producer.close(1)


def test_a_defect_on_its_thread_reaches_the_loop(cluster: MockCluster) -> None:
    def broken() -> tuple[str, str] | None:
        raise ZeroDivisionError

    letters = Letters(cluster, login=broken)
    letters.send(0)
    assert isinstance(letters.answers.get(timeout=WITHIN), ZeroDivisionError)
    letters.producer.close(1)
