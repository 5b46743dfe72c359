"""Our place in the group, as the writers of other threads see it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, KafkaError

from sidecar.kafka.place import EVERY, Place
from sidecar.writers.protocol import Membership
from tests.integration.client.members import GROUP, P0, P1, TOPIC, Member
from tests.integration.client.mock_cluster import MockCluster, Request
from tests.parts.waiting import wait_for


@pytest.fixture
def cluster() -> Iterator[MockCluster]:
    with MockCluster() as running:
        running.create_topic(TOPIC, 2)
        yield running


def place_of(member: Member) -> Membership:
    place = member.client.membership
    assert place is not None
    return place


def test_the_place_is_published_with_the_epochs_of_the_assignment(cluster: MockCluster) -> None:
    with Member(cluster) as member:
        assert member.client.membership is None
        member.poll_until(lambda: member.owns(P0, P1))
        assert place_of(member).epochs == {P0: 1, P1: 1}


def test_a_partition_that_leaves_is_ours_until_its_last_flush_is_over_and_not_longer(cluster: MockCluster) -> None:
    seen: list[Membership] = []
    with Member(cluster) as member:
        member.poll_until(lambda: member.owns(P0, P1))
        before = place_of(member)
        member.notes.on_revoking = lambda _tps: seen.append(place_of(member))
        with Member(cluster) as other:
            member.poll_until(lambda: other.notes.epochs and len(member.notes.epochs) == 1, other)
            after = place_of(member)

    assert seen[0].epochs == {P0: 1, P1: 1}
    assert len(after.epochs) == 1
    assert after.metadata != before.metadata


class Client:
    def __init__(self) -> None:
        self.asked = 0
        self.member: str | None = "a name"

    def consumer_group_metadata(self) -> object:
        self.asked += 1
        return self.asked

    def memberid(self) -> str | None:
        return self.member


def test_the_place_is_taken_anew_now_and_then() -> None:
    place, client = Place(), Client()
    place.renew(client, 0.0)
    assert client.asked == 0
    place.take(client, {P0: 3}, 10.0)
    place.renew(client, 10.0 + EVERY / 2)
    assert place.published == Membership(1, {P0: 3})
    place.renew(client, 10.0 + EVERY)
    assert place.published == Membership(2, {P0: 3})


def test_that_nothing_is_ours_is_told_without_asking_the_client() -> None:
    place, client = Place(), Client()
    place.take(client, {P0: 3}, 10.0)
    place.take(client, {}, 10.1)
    assert place.published == Membership(None, {})
    assert client.asked == 1


def test_a_member_that_leaves_has_nothing_any_more(cluster: MockCluster) -> None:
    with Member(cluster) as member:
        member.poll_until(lambda: member.owns(P0, P1))
        member.client.close()
        assert place_of(member) == Membership(None, {})


@pytest.mark.parametrize("name", [None, ""])
def test_nothing_is_ours_once_the_group_has_forgotten_us_although_no_callback_has_said_so(name: str | None) -> None:
    place, client = Place(), Client()
    place.take(client, {P0: 3}, 10.0)
    client.member = name
    place.renew(client, 10.0 + EVERY)
    assert place.published == Membership(2, {})


def test_a_member_that_the_group_has_forgotten_has_no_name_before_its_callback_is_served(cluster: MockCluster) -> None:
    place, lost = Place(), list[object]()
    consumer = Consumer(
        {
            "bootstrap.servers": cluster.bootstrap,
            "group.id": GROUP,
            "partition.assignment.strategy": "cooperative-sticky",
            "heartbeat.interval.ms": 100,
            "session.timeout.ms": 1500,
            "log_level": 0,
        }
    )
    consumer.subscribe([TOPIC], on_lost=lambda _, tps: lost.append(tps))
    wait_for(lambda: consumer.poll(0.05) or consumer.assignment(), "it is assigned something")
    place.take(consumer, {P0: 1}, 0.0)
    before = place.published
    cluster.fail_next(Request.HEARTBEAT, KafkaError.ILLEGAL_GENERATION)
    wait_for(lambda: not consumer.memberid(), "the group has forgotten it")
    place.renew(consumer, EVERY)
    heard = list(lost)
    consumer.close()

    assert before is not None
    assert before.epochs == {P0: 1}
    assert place.published is not None
    assert place.published.metadata != before.metadata
    assert (place.published.epochs, heard) == ({}, [])
