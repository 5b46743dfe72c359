"""The consumer on the mock cluster: membership, holds, commits, and what a failing callback may not lose."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from confluent_kafka import KafkaError

from sidecar.core.events import CommitFinished
from sidecar.core.records import UNREADABLE
from sidecar.kafka.consumer import KafkaFatal, KafkaFenced
from tests.integration.client.members import GROUP, P0, P1, TOPIC, Member, commit_at
from tests.integration.client.mock_cluster import MockCluster, Request
from tests.parts.waiting import wait_for


@pytest.fixture
def cluster() -> Iterator[MockCluster]:
    with MockCluster() as running:
        running.create_topic(TOPIC, 2)
        yield running


def numbered(first: int, stop: int) -> list[bytes]:
    return [b"%d" % n for n in range(first, stop)]


def test_records_come_as_chunks_in_the_epoch_of_their_assignment(cluster: MockCluster) -> None:
    cluster.produce(P0, b"a", None, b"\xff")
    cluster.produce(P1, b"b")
    with Member(cluster) as member:
        chunks = member.poll_records(4)

    values = {tp: [value for chunk in chunks if chunk.tp == tp for value in chunk.values] for tp in (P0, P1)}
    assert values == {P0: [b"a", None, b"\xff"], P1: [b"b"]}
    assert {chunk.epoch for chunk in chunks} == {1}
    assert member.notes.starts == {P0: 0, P1: 0}


def test_a_header_key_that_is_not_utf8_costs_only_these_headers(cluster: MockCluster) -> None:
    cluster.produce(P0, b"before")
    cluster.produce_with_header(P0, b"unreadable", b"\xff\xfe")
    cluster.produce_with_header(P0, b"unreadable too", b"\xc3")
    cluster.produce_with_header(P0, b"readable", b"key")
    with Member(cluster) as member:
        chunks = member.poll_records(4)
        counted = dict(member.client.unreadable_headers)

    headers = [head for chunk in chunks for head in chunk.headers or ()]
    assert [value for chunk in chunks for value in chunk.values] == [b"before", b"unreadable", b"unreadable too", b"readable"]
    assert headers == [None, UNREADABLE, UNREADABLE, [("key", b"header value")]]
    assert [head is UNREADABLE for head in headers] == [False, True, True, False]
    assert counted == {TOPIC: 2}


def test_a_record_of_5_mb_passes(cluster: MockCluster) -> None:
    cluster.produce(P0, large := b"x" * 5_000_000, b"next")
    with Member(cluster) as member:
        chunks = member.poll_records(2)

    assert [value for chunk in chunks for value in chunk.values] == [large, b"next"]


def test_a_resume_at_a_position_gives_exactly_the_records_from_there(cluster: MockCluster) -> None:
    cluster.produce(P0, *numbered(0, 50))
    with Member(cluster) as member:
        member.poll_records(50)
        member.client.pause([P0, P1])
        cluster.produce(P0, *numbered(50, 60))
        cluster.produce(P1, b"end of the hold")
        came_while_paused = [chunk for _ in range(20) for chunk in member.client.serve()]
        member.client.resume({P0: 20, P1: None})
        again = member.poll_records(41)

    assert came_while_paused == []
    assert [value for chunk in again if chunk.tp == P0 for value in chunk.values] == numbered(20, 60)


def test_only_what_is_resumed_flows(cluster: MockCluster) -> None:
    with Member(cluster) as member:
        member.poll_until(lambda: member.owns(P0, P1))
        member.client.pause([P0, P1])
        member.client.resume({P1: 0})
        cluster.produce(P0, b"held")
        cluster.produce(P1, b"flows")
        (chunk,) = member.poll_records(1)
        member.client.resume({P0: 0})
        (later,) = member.poll_records(1)

    assert (chunk.tp, later.tp) == (P1, P0)


def test_what_a_pause_throws_away_is_counted_when_the_client_has_told_of_it(cluster: MockCluster) -> None:
    cluster.produce(P0, *(b"%04d" % number for number in range(2000)))
    with Member(cluster) as member:
        client = member.client
        member.poll_until(lambda: P0 in member.notes.reached, limit=1)
        position = member.notes.reached[P0]
        client.pause([P0, P1])
        while_paused = member.poll_until(lambda: client.refetched_bytes)
        thrown_away, fetched = client.refetched_bytes, client.fetched_bytes
        client.resume({P0: position})
        again = member.poll_records(2000 - position)

    assert while_paused == []
    assert fetched - thrown_away == position * len(b"0000")
    assert again[-1].end == 2000


def test_where_the_downstream_tells_the_starts_nothing_comes_before_it_does(cluster: MockCluster) -> None:
    cluster.produce(P0, *numbered(0, 50))
    cluster.commit(GROUP, {P0: 10})
    with Member(cluster, starts_told=True) as member:
        member.poll_until(lambda: member.owns(P0, P1))
        member.client.pause([P0, P1])
        came_before = [chunk for _ in range(20) for chunk in member.client.poll(500, 0.01, 0.0)]
        member.client.resume({P0: 40})
        came = member.poll_records(10)

    assert came_before == []
    assert [value for chunk in came for value in chunk.values] == numbered(40, 50)


def test_partitions_whose_start_was_never_told_go_to_others_all_the_same(cluster: MockCluster) -> None:
    with Member(cluster) as other:
        with Member(cluster, starts_told=True) as member:
            member.poll_until(lambda: member.notes.epochs and len(other.notes.epochs) == 1, other)
        other.poll_until(lambda: other.owns(P0, P1))
        cluster.produce(P0, b"a")
        cluster.produce(P1, b"b")
        came = other.poll_records(2)

    assert {chunk.tp for chunk in came} == {P0, P1}


def test_a_partition_that_left_while_it_was_paused_flows_when_it_comes_back(cluster: MockCluster) -> None:
    with Member(cluster) as member:
        member.poll_until(lambda: member.owns(P0, P1))
        member.client.pause([P0, P1])
        with Member(cluster) as other:
            member.poll_until(lambda: other.notes.epochs and len(member.notes.epochs) == 1, other)
            (left,), (stayed,) = other.notes.epochs, member.notes.epochs
        member.poll_until(lambda: member.owns(P0, P1))
        cluster.produce(stayed, b"is still held")
        cluster.produce(left, b"flows")
        (chunk,) = member.poll_records(1)

    assert (chunk.tp, chunk.values) == (left, [b"flows"])


def test_positions_follow_what_was_given_out(cluster: MockCluster) -> None:
    cluster.produce(P0, b"a", b"b")
    with Member(cluster) as member:
        before = member.client.positions()
        member.poll_records(2)
        after = member.client.positions()

    assert (before, after[P0]) == ({}, 2)


def test_the_answer_to_an_asynchronous_commit_reaches_the_listener(cluster: MockCluster) -> None:
    with Member(cluster) as member:
        member.poll_until(lambda: member.owns(P0, P1))
        member.client.commit(commit_at(P0, 7))
        unanswered = list(member.notes.answers)
        member.poll_until(lambda: member.notes.answers)

    assert unanswered == []
    assert member.notes.answers == [CommitFinished({P0: 7}, {P0: 1}, None)]
    assert cluster.committed(GROUP, P0) == 7
    assert cluster.committed(GROUP, P1) is None


def test_a_refused_asynchronous_commit_is_answered_with_the_reason(cluster: MockCluster) -> None:
    with Member(cluster) as member:
        member.poll_until(lambda: member.owns(P0, P1))
        cluster.fail_next(Request.OFFSET_COMMIT, KafkaError.GROUP_AUTHORIZATION_FAILED)
        member.client.commit(commit_at(P0, 7))
        settled = member.client.settle_commits(time.monotonic() + 10)

    (answer,) = member.notes.answers
    assert settled
    assert answer.error is not None
    assert answer.error.startswith("GROUP_AUTHORIZATION_FAILED: ")
    assert cluster.committed(GROUP, P0) is None


def test_settling_gives_up_at_its_deadline_when_the_broker_is_away(cluster: MockCluster) -> None:
    with Member(cluster, session_timeout_ms=30_000) as member:  # the group forgets it only when the broker was away for longer
        member.poll_until(lambda: member.owns(P0, P1))
        nothing_outstanding = member.client.settle_commits(time.monotonic())
        cluster.take_down()
        member.client.commit(commit_at(P0, 7))
        settled = member.client.settle_commits(time.monotonic() + 0.2)
        wait_for(
            lambda: member.client.settle_commits(time.monotonic() + 0.05) or member.client.trouble, "it hears of the trouble"
        )
        trouble = member.client.trouble
        cluster.bring_up()
        settled_at_last = member.client.settle_commits(time.monotonic() + 10)

    assert (nothing_outstanding, settled, settled_at_last) == (True, False, True)
    assert trouble is not None
    assert cluster.committed(GROUP, P0) == 7


def test_what_is_committed_inside_a_revocation_is_committed_when_it_returns(cluster: MockCluster) -> None:
    answers: list[CommitFinished] = []
    with Member(cluster) as member:
        member.poll_until(lambda: member.owns(P0, P1))
        member.notes.on_revoking = lambda _tps: answers.append(member.client.commit_now(commit_at(P0, 5)))

    assert answers == [CommitFinished({P0: 5}, {P0: 1}, None)]
    assert cluster.committed(GROUP, P0) == 5


def test_a_refused_synchronous_commit_is_a_value(cluster: MockCluster) -> None:
    with Member(cluster) as member:
        member.poll_until(lambda: member.owns(P0, P1))
        cluster.fail_next(Request.OFFSET_COMMIT, KafkaError.ILLEGAL_GENERATION)
        answer = member.client.commit_now(commit_at(P0, 5))

    assert answer.error is not None
    assert answer.error.startswith("ILLEGAL_GENERATION: ")
    assert (answer.offsets, answer.epochs) == ({P0: 5}, {P0: 1})


def test_leaving_revokes_what_is_owned(cluster: MockCluster) -> None:
    with Member(cluster) as member:
        member.poll_until(lambda: member.owns(P0, P1))

    assert set(member.notes.revoked) == {P0, P1}
    assert member.notes.gone == []


def test_partitions_that_were_lost_are_told_as_lost_and_come_back(cluster: MockCluster) -> None:
    with Member(cluster) as member:
        member.poll_until(lambda: member.owns(P0, P1))
        cluster.fail_next(Request.HEARTBEAT, KafkaError.UNKNOWN_MEMBER_ID)
        member.poll_until(lambda: member.notes.gone)
        lost, revoked = set(member.notes.gone), list(member.notes.revoked)
        member.poll_until(lambda: member.owns(P0, P1))

    assert (lost, revoked) == ({P0, P1}, [])


class Defect(Exception):  # noqa: N818 -- it stands for any
    """What a listener raises, though it must not."""


def test_what_a_callback_raises_is_raised_once_when_the_call_is_over(cluster: MockCluster) -> None:
    with Member(cluster) as member:
        member.notes.fail = Defect("in the assignment")
        with pytest.raises(Defect, match="in the assignment"):
            member.poll_until(lambda: False)
        member.notes.fail = None
        cluster.produce(P0, *numbered(0, 20))
        chunks = member.poll_records(20)

    assert [value for chunk in chunks for value in chunk.values] == numbered(0, 20)


def test_what_the_commit_callback_raises_is_raised_by_the_call_that_served_it(cluster: MockCluster) -> None:
    with Member(cluster) as member:
        member.poll_until(lambda: member.owns(P0, P1))
        member.notes.fail = Defect("in the answer")
        member.client.commit(commit_at(P0, 7))
        with pytest.raises(Defect, match="in the answer"):
            member.client.settle_commits(time.monotonic() + 10)


def test_what_a_callback_raises_while_the_group_is_left_is_raised_then(cluster: MockCluster) -> None:
    with Member(cluster) as member:
        member.poll_until(lambda: member.owns(P0, P1))
        member.notes.fail = Defect("in the revocation")
        with pytest.raises(Defect, match="in the revocation"):
            member.client.close()


def test_a_member_whose_place_was_taken_is_fenced(cluster: MockCluster) -> None:
    with Member(cluster, group_instance_id="pod-0") as member:
        member.poll_until(lambda: member.owns(P0, P1))
        cluster.fail_next(Request.HEARTBEAT, KafkaError.FENCED_INSTANCE_ID)
        with pytest.raises(KafkaFenced, match="SIDECAR_KAFKA__GROUP_INSTANCE_ID"):
            member.poll_until(lambda: False)


def test_fenced_is_a_kind_of_fatal() -> None:
    assert issubclass(KafkaFenced, KafkaFatal)


def test_an_error_in_the_stream_costs_no_record_and_stands_as_trouble_until_records_come(cluster: MockCluster) -> None:
    cluster.produce(P0, b"a")
    with Member(cluster) as member:
        member.poll_records(1)
        cluster.fail_next(Request.FETCH, KafkaError.TOPIC_AUTHORIZATION_FAILED)
        member.poll_until(lambda: member.client.trouble)
        trouble = member.client.trouble
        cluster.produce(P0, b"b", b"c")
        chunks = member.poll_records(2)
        after = member.client.trouble

    assert trouble is not None
    assert trouble.startswith("TOPIC_AUTHORIZATION_FAILED: ")
    assert [value for chunk in chunks for value in chunk.values] == [b"b", b"c"]
    assert after is None
    assert {name for name, _ in member.trouble} == {"TOPIC_AUTHORIZATION_FAILED"}


def test_an_unreachable_broker_is_trouble_and_nothing_is_raised(cluster: MockCluster) -> None:
    cluster.take_down()
    with Member(cluster) as member:
        member.poll_until(lambda: member.client.trouble)
        trouble = member.client.trouble
        cluster.bring_up()
        member.poll_until(lambda: member.owns(P0, P1))
        after = member.client.trouble

    assert trouble is not None
    assert trouble.endswith("SIDECAR_KAFKA__BOOTSTRAP_SERVERS)")
    assert after is None


def test_a_partition_that_a_resume_assigns_anew_inside_a_revocation_does_not_keep_the_revoked_one_here(
    cluster: MockCluster,
) -> None:
    cluster.commit(GROUP, {P1: 100})
    with Member(cluster) as member:
        member.poll_until(lambda: member.notes.stops)  # P1 is fetched no more, so a resume cannot seek
        member.notes.on_revoking = lambda _tps: member.client.resume({P1: 0})
        with Member(cluster) as other:
            member.poll_until(lambda: other.owns(P0) and member.owns(P1), other)
            member.notes.on_revoking = lambda _tps: None
            cluster.produce(P0, b"for the other alone")
            (chunk,) = other.poll_records(1)
            came_here = [chunk for _ in range(50) for chunk in member.client.poll(10, 0.01, 0.0)]

    assert chunk.values == [b"for the other alone"]
    assert came_here == []


def test_a_pattern_that_matches_everything_takes_no_internal_topic(cluster: MockCluster) -> None:
    cluster.create_topic("__consumer_offsets", 1)
    with Member(cluster, topic="^.*") as member:
        member.poll_until(lambda: member.notes.epochs)
        owned = set(member.notes.epochs)

    assert owned == {P0, P1}
