"""What the tests of the data path share: waiting until a topic is done, ending with balanced books, what the log of Kafka really holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from tests.parts.app import Application
from tests.parts.process import SidecarProcess
from tests.parts.topics import WITHIN, log_ends

Status = Any


def wait_done(sidecar: SidecarProcess, bootstrap: str, topic: str, within: float = 30.0) -> Status:
    """Return the status once every partition of ``topic`` that has records is committed up to its end, and says that it has no lag."""
    ends = {number: end for number, end in log_ends(bootstrap, topic).items() if end}

    def is_done(status: Status) -> bool:
        found = {entry["partition"]: entry for entry in status["partitions"] if entry["topic"] == topic}
        return all(
            number in found and found[number]["committed"] == end and found[number]["lag_records"] == 0
            for number, end in ends.items()
        )

    return sidecar.wait_status(is_done, f"{topic} is committed up to {ends}", within)


def assert_balanced(books: Mapping[str, Any]) -> None:
    """Assert that every record is in exactly one place."""
    ended = books["delivered"] + books["dead_lettered"] + sum(books["dropped"].values()) + sum(books["released"].values())
    assert books["polled"] == ended + books["buffered"] + books["in_flight"]
    assert books["unaccounted"] == 0


def drain(sidecar: SidecarProcess, status: int = 0) -> Mapping[str, Any]:
    """End it by SIGTERM, assert its exit status, and return its last books, which balance."""
    sidecar.sigterm()
    assert sidecar.wait_exit() == status
    books: Mapping[str, Any] = sidecar.events("sidecar.stopped")[-1]["books"]
    assert_balanced(books)
    assert books["buffered"] == books["in_flight"] == 0
    return books


def offsets_taken(app: Application, topic: str, partition: int = 0) -> list[int]:
    """Return the offsets that the application took, in order, without repeats."""
    return list(dict.fromkeys(taken.offset for taken in app.taken.get((topic, partition), ())))


def delete_before(bootstrap: str, topic: str, offset: int, partition: int = 0) -> None:
    """Delete the records of a partition that lie before ``offset``, as retention would."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for answer in admin.delete_records([TopicPartition(topic, partition, offset)]).values():
        answer.result(WITHIN)


def commit(bootstrap: str, group: str, offsets: Sequence[tuple[str, int, int]]) -> None:
    """Commit (topic, partition, offset) for a group that nobody is a member of."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "enable.auto.commit": False})
    try:
        consumer.commit(offsets=[TopicPartition(*place) for place in offsets], asynchronous=False)
    finally:
        consumer.close()
