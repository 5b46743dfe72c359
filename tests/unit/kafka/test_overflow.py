"""The producer of overflow topics, with a client that says what it is told to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from queue import SimpleQueue

from sidecar.core.actions import Divert
from sidecar.core.books import DropReason
from sidecar.core.events import DivertFinished
from sidecar.core.records import UNREADABLE
from sidecar.core.results import Delivered, Result, Systemic
from sidecar.kafka.connection import Properties
from sidecar.kafka.login import Changed, never
from sidecar.kafka.overflow import TIMEOUT, Cluster, KafkaOverflow
from sidecar.kafka.parcels import NOW, Parcel
from tests.parts.watched import Watched
from tests.unit.core.examples import CLICKS, T0, T1, chunk

CLOCK = 100.0
CHUNKS = (chunk(T0, range(3)), chunk(T1, range(5)), chunk(CLICKS, range(7)))


class FakeSender:
    """Implements :class:`sidecar.kafka.overflow.Sender`: notes what is sent, and answers as ``answers`` says of its topic."""

    def __init__(self, properties: Properties, written: list[str], answers: Mapping[str, Result]) -> None:
        self._name = properties["sasl.username"]
        self._written = written
        self._answers = answers
        self.parcels: list[Parcel] = []

    def send(self, parcels: Iterable[Parcel], deadline: float) -> Result:
        assert deadline == CLOCK + TIMEOUT
        parcels = list(parcels)
        [topic] = {parcel.topic for parcel in parcels}
        self._written.append(f"{sum(len(parcel.chunk) for parcel in parcels)} to {topic} as {self._name}")
        self.parcels += parcels
        return self._answers.get(topic, Delivered())

    def close(self) -> None:
        self._written.append(f"close {self._name}")


class ForgetfulSender:
    """Implements :class:`sidecar.kafka.overflow.Sender`: takes everything, and holds nothing."""

    def send(self, parcels: Iterable[Parcel], deadline: float) -> Result:
        assert sum(len(parcel.chunk) for parcel in parcels)
        assert deadline == CLOCK + TIMEOUT
        return Delivered()

    def close(self) -> None:
        """Nothing is open."""


def produced(*diverts: Divert, login: Changed = never, **answers: Result) -> tuple[list[str], list[object], list[Parcel]]:
    """Let a producer work through ``diverts`` and end; return what was written, the answers, and the parcels."""
    written: list[str] = []
    answered: list[object] = []
    senders: list[FakeSender] = []

    def create(properties: Properties) -> FakeSender:
        senders.append(FakeSender(properties, written, answers))
        return senders[-1]

    cluster = Cluster({"sasl.username": "ann"}, login, "billing", ["orders", "^loop.*"])
    overflow = KafkaOverflow(cluster, create, answered.append, lambda: CLOCK)
    for divert in diverts:
        overflow.send(divert)
    overflow.start()
    overflow.close(10.0)
    return written, answered, [parcel for sender in senders for parcel in sender.parcels]


def diverts(*topics: str) -> list[Divert]:
    return [Divert(number, CHUNKS[number % 3], DropReason.DROP_OLDEST, topic) for number, topic in enumerate(topics)]


def test_what_came_meanwhile_is_written_in_one_go_and_each_chunk_is_answered_for() -> None:
    written, answered, _ = produced(*diverts("spare", "spare"))
    assert written == ["8 to spare as ann", "close ann"]
    assert answered == [DivertFinished(0, None), DivertFinished(1, None)]


def test_one_topic_that_fails_fails_alone() -> None:
    written, answered, _ = produced(*diverts("missing", "spare", "missing"), missing=Systemic("no such topic"))
    assert written[:2] == ["10 to missing as ann", "5 to spare as ann"]
    assert answered == [DivertFinished(0, "no such topic"), DivertFinished(2, "no such topic"), DivertFinished(1, None)]


def test_a_topic_that_is_consumed_itself_is_never_written_to() -> None:
    written, [answer], _ = produced(*diverts("loop-orders"))
    assert written == []
    assert isinstance(answer, DivertFinished)
    assert answer.error is not None
    assert answer.error.startswith("it is consumed itself, so what goes there would come back: name another overflow_topic ")


def test_a_new_login_is_for_what_is_written_after_it() -> None:
    logins = iter([None, ("bob", "secret")])
    written: list[str] = []
    replies: SimpleQueue[object] = SimpleQueue()
    cluster = Cluster({"sasl.username": "ann"}, lambda: next(logins), "billing", [])
    overflow = KafkaOverflow(cluster, lambda properties: FakeSender(properties, written, {}), replies.put, lambda: CLOCK)
    overflow.start()
    for divert in diverts("a", "b"):
        overflow.send(divert)
        replies.get(timeout=10.0)
    overflow.close(10.0)
    assert written == ["3 to a as ann", "close ann", "5 to b as bob", "close bob"]


def test_once_records_are_answered_for_nobody_holds_them_even_while_other_topics_wait() -> None:
    columns = [Watched([b"1", b"2"]), Watched([b"3", b"4"])]
    watched = [values.watch() for values in columns]
    held: list[bool] = []
    overflow = KafkaOverflow(
        Cluster({}, never, "billing", []),
        lambda _properties: ForgetfulSender(),
        lambda _answer: held.append(watched[len(held)]() is not None),
        lambda: CLOCK,
    )
    for number, topic in enumerate(("a", "b")):
        overflow.send(Divert(number, chunk(T0, range(2), values=columns.pop(0)), DropReason.MAX_WAIT, topic))
    overflow.start()
    overflow.close(10.0)
    assert held == [False, False]


def test_what_is_raised_reaches_the_loop() -> None:
    def fail() -> None:
        raise ZeroDivisionError("in the client")

    _, [answer], _ = produced(*diverts("a"), login=fail)
    assert isinstance(answer, ZeroDivisionError)


def test_a_record_tells_where_it_came_from_and_why_it_is_there_after_its_own_headers() -> None:
    records = replace(chunk(CLICKS, [3, 8, 9], headers=[[("trace", b"1")], None, UNREADABLE]), timestamps=[70, 80, 90])
    _, _, [parcel] = produced(Divert(1, records, DropReason.MAX_WAIT, "spare"))

    def added(offset: bytes, timestamp: bytes) -> list[tuple[str, bytes]]:
        return [
            ("sidecar.source.topic", b"clicks"),
            ("sidecar.source.partition", b"0"),
            ("sidecar.overflow.reason", b"max_wait"),
            ("sidecar.overflow.group", b"billing"),
            ("sidecar.source.offset", offset),
            ("sidecar.source.timestamp", timestamp),
        ]

    assert list(parcel.headers) == [
        [("trace", b"1"), *added(b"3", b"70")],
        added(b"8", b"80"),
        [("sidecar.headers", b"unreadable"), *added(b"9", b"90")],
    ]


def test_a_record_is_written_with_the_time_of_writing_so_that_retention_does_not_delete_it_at_once() -> None:
    _, _, [parcel] = produced(*diverts("spare"))
    assert next(iter(parcel.timestamps)) == NOW
