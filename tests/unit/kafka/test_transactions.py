"""What a writer makes of a commit that has no answer, and which producers it keeps."""

# ruff: noqa: SLF001 -- the client's public names of local errors begin so

from __future__ import annotations

from collections.abc import Sequence

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka import TopicPartition as KafkaPartition

from sidecar.core.records import Batch, Chunk, TopicPartition
from sidecar.core.results import Delivered, Fenced, Result, Retriable, Systemic
from sidecar.kafka.destination import OPTIONS, destination
from sidecar.kafka.outbox import NotWritten
from sidecar.kafka.transactions import TransactionalWriter
from sidecar.writers.protocol import Membership, Surroundings

T0, T1 = TopicPartition("orders", 0), TopicPartition("orders", 1)

Answer = KafkaException | SystemError | None


def failure(code: int, *, abort: bool = False, retriable: bool = False, fatal: bool = False) -> KafkaException:
    return KafkaException(KafkaError(code, "no", fatal, retriable, abort))


class Client:
    """A producer and its outbox: each call is written down, and raises what is next for it."""

    def __init__(self, calls: list[str], **answers: Sequence[Answer]) -> None:
        self.calls = calls
        self.answers = {name: list(some) for name, some in answers.items()}
        self.offsets: list[tuple[int, int]] = []
        self.producer = self

    def _called(self, name: str) -> None:
        self.calls.append(name)
        answer = self.answers[name].pop(0) if self.answers.get(name) else None
        if answer is not None:
            raise answer

    def init_transactions(self, timeout: float) -> None:  # noqa: ARG002 -- the client's, as the others
        self._called("init")

    def begin_transaction(self) -> None:
        self._called("begin")

    def send_offsets_to_transaction(
        self,
        positions: list[KafkaPartition],
        group_metadata: object,
        timeout: float,  # noqa: ARG002
    ) -> None:
        assert group_metadata == b"place"
        self.offsets += [(place.partition, place.offset) for place in positions]
        self._called("offsets")

    def commit_transaction(self, timeout: float) -> None:  # noqa: ARG002
        self._called("commit")

    def abort_transaction(self, timeout: float) -> None:  # noqa: ARG002
        self._called("abort")

    def put(self, batch: Batch, deadline: float) -> None:  # noqa: ARG002
        self._called("put")

    def discard(self) -> None:
        self.calls.append("discard")


class NoTopic(Client):
    """One whose topic is not there."""

    def put(self, batch: Batch, deadline: float) -> None:
        super().put(batch, deadline)
        raise NotWritten(Systemic("no such topic"))


def chunk(tp: TopicPartition, start: int, end: int) -> Chunk:
    count = end - start
    return Chunk(tp, 1, range(start, end), [0] * count, [None] * count, [b""] * count, None, end, 0, 0.0, 0)


BATCH = Batch.of([chunk(T0, 0, 2), chunk(T1, 5, 7), chunk(T0, 2, 4)], {T0: None, T1: None})


def writer(*clients: Client) -> TransactionalWriter:
    where = destination("kafka://b/t", {name: option.default for name, option in OPTIONS.items()}, Surroundings("group"))
    coming = iter(clients)
    return TransactionalWriter(where, lambda: next(coming), lambda: Membership(b"place", {T0: 1, T1: 1}))


def write(made: TransactionalWriter, batch: Batch = BATCH) -> Result:
    return made.write(batch, 1, float("inf"))


def test_the_offsets_after_the_last_chunk_of_each_partition_go_with_the_records() -> None:
    client = Client([])
    made = writer(client)
    assert write(made) == Delivered()
    assert client.calls == ["init", "begin", "put", "offsets", "commit"]
    assert sorted(client.offsets) == [(0, 4), (1, 7)]
    assert write(made) == Delivered()
    assert client.calls[5:] == ["begin", "put", "offsets", "commit"]


@pytest.mark.parametrize("error", [failure(KafkaError._TIMED_OUT), failure(KafkaError._FENCED, fatal=True)])
def test_a_commit_without_an_answer_is_not_repeated_and_the_offsets_are_asked_for(error: KafkaException) -> None:
    calls: list[str] = []
    made = writer(Client(calls, commit=[error]), Client(calls))
    result = write(made)
    assert isinstance(result, Fenced)
    assert result.tps == (T0, T1)
    assert calls[-1] == "discard"
    assert write(made) == Delivered()
    assert calls.count("init") == 2


def test_without_offsets_a_commit_without_an_answer_is_tried_again() -> None:
    assert isinstance(write(writer(Client([], commit=[failure(KafkaError._TIMED_OUT)])), Batch.of(BATCH.chunks)), Retriable)


def test_a_commit_that_may_be_asked_for_again_is() -> None:
    client = Client([], commit=[failure(KafkaError._TIMED_OUT, retriable=True), None])
    assert write(writer(client)) == Delivered()
    assert client.calls.count("commit") == 2


def test_a_commit_that_is_refused_before_it_began_is_aborted_and_nothing_was_written() -> None:
    client = Client([], commit=[failure(KafkaError.NOT_ENOUGH_REPLICAS, abort=True)])
    assert isinstance(write(writer(client)), Retriable)
    assert client.calls[-1] == "abort"


@pytest.mark.parametrize("call", ["begin", "offsets"])
def test_what_fails_before_the_commit_is_aborted_and_the_producer_kept(call: str) -> None:
    client = Client([], **{call: [failure(KafkaError.ILLEGAL_GENERATION, abort=True)]})
    made = writer(client)
    assert isinstance(write(made), Retriable)
    assert client.calls[-1] == "abort"
    assert write(made) == Delivered()
    assert client.calls.count("init") == 1


def test_a_producer_that_cannot_abort_is_thrown_away() -> None:
    calls: list[str] = []
    made = writer(Client(calls, offsets=[failure(KafkaError._TRANSPORT)], abort=[failure(KafkaError._TIMED_OUT)]), Client(calls))
    assert isinstance(write(made), Retriable)
    assert calls[-2:] == ["abort", "discard"]
    assert write(made) == Delivered()


def test_a_fatal_error_that_the_client_hides_in_another_exception_is_a_result_too() -> None:
    hidden = SystemError("a callback returned a result with an exception set")
    hidden.__cause__ = failure(KafkaError._FENCED, fatal=True)
    result = write(writer(Client([], offsets=[hidden])))
    assert isinstance(result, Retriable)
    assert "another producer has this transactional id" in result.reason


def test_a_producer_that_was_told_of_no_such_topic_is_thrown_away_since_it_remembers_that() -> None:
    calls: list[str] = []
    made = writer(NoTopic(calls), Client(calls))
    assert write(made) == Systemic("no such topic")
    assert calls[-2:] == ["abort", "discard"]
    assert write(made) == Delivered()


def test_a_producer_that_cannot_begin_is_not_kept() -> None:
    calls: list[str] = []
    made = writer(Client(calls, init=[failure(KafkaError._TIMED_OUT)]), Client(calls))
    assert isinstance(write(made), Retriable)
    assert write(made) == Delivered()
    assert calls == ["init", "init", "begin", "put", "offsets", "commit"]
    made.close()
    made.close()
    assert calls[-1] == "discard"
