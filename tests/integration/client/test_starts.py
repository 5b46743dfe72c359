"""Where partitions start, and what happens when their offset is not in the log, on the mock cluster."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import cast

import pytest
from confluent_kafka import Consumer, KafkaError
from confluent_kafka import TopicPartition as KafkaPartition

from sidecar.core.records import TopicPartition
from sidecar.kafka.late_starts import ASK_EVERY, LateStarts
from sidecar.kafka.log_offsets import LogOffsets
from sidecar.kafka.resets import OnOutOfRange, Resets
from sidecar.kafka.starts import OutOfRange, Start, Starts
from tests.integration.client.listening import Notes
from tests.integration.client.members import GROUP, P0, P1, PATIENCE, TOPIC, Member
from tests.integration.client.mock_cluster import MockCluster, Request


@pytest.fixture
def cluster() -> Iterator[MockCluster]:
    with MockCluster() as running:
        running.create_topic(TOPIC, 2)
        yield running


@pytest.mark.parametrize(
    ("start", "expected"),
    [("earliest", {P0: 0, P1: 0}), ("latest", {P0: 3, P1: 0}), (9_000, {P0: 3, P1: 0})],
    ids=["earliest", "latest", "a time after the last record"],
)
def test_without_a_committed_offset_the_setting_decides(cluster: MockCluster, start: Start, expected: dict[object, int]) -> None:
    for n, stamp in enumerate((1_000, 2_000, 3_000)):
        cluster.produce(P0, b"%d" % n, timestamp=stamp)
    with Member(cluster, start=start) as member:
        member.poll_until(lambda: member.owns(P0, P1))

    assert member.notes.starts == expected
    assert member.notes.fresh == {P0, P1}


@pytest.mark.parametrize("start", ["earliest", "latest", 1_000])
def test_a_committed_offset_wins(cluster: MockCluster, start: Start) -> None:
    cluster.produce(P0, b"a", b"b", b"c")
    cluster.commit(GROUP, {P0: 2})
    with Member(cluster, start=start) as member:
        (chunk,) = member.poll_records(1)

    assert member.notes.starts[P0] == 2
    assert P0 not in member.notes.fresh
    assert chunk.values == [b"c"]


def test_a_start_that_is_not_found_out_in_time_is_left_to_the_client_and_the_setting_still_decides(cluster: MockCluster) -> None:
    cluster.produce(P0, b"a", b"b")
    cluster.fail_next(Request.OFFSET_FETCH, KafkaError.GROUP_AUTHORIZATION_FAILED)
    with Member(cluster) as member:
        chunks = member.poll_records(2)

    assert member.notes.starts[P0] is None
    assert [value for chunk in chunks for value in chunk.values] == [b"a", b"b"]
    assert (P0, 0) in member.notes.moves
    assert member.out_of_range == []


@pytest.mark.parametrize(
    "moving", [KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.COORDINATOR_LOAD_IN_PROGRESS]
)
def test_a_coordinator_that_moves_is_asked_again_and_the_start_not_left_to_the_client(cluster: MockCluster, moving: int) -> None:
    """The client itself would not ask again (librdkafka's issue 5586): the partition would stand still until it is assigned anew."""
    cluster.produce(P0, b"a", b"b", b"c")
    cluster.commit(GROUP, {P0: 2})
    cluster.fail_next(Request.OFFSET_FETCH, moving, moving)
    with Member(cluster) as member:
        (chunk,) = member.poll_records(1)

    assert member.notes.starts[P0] == 2
    assert chunk.values == [b"c"]


@pytest.mark.parametrize("committed", [2, None])
def test_a_start_that_could_not_be_found_out_when_the_partition_was_assigned_is_asked_for_later(
    cluster: MockCluster, committed: int | None
) -> None:
    cluster.produce(P0, b"a", b"b", b"c")
    if committed is not None:
        cluster.commit(GROUP, {P0: committed})
    with Member(cluster) as member:
        with cluster.failing(Request.OFFSET_FETCH, KafkaError.NOT_COORDINATOR):
            member.poll_until(lambda: member.owns(P0, P1))
            for _ in range(30):  # the client itself asks now, and never again
                member.client.poll(500, 0.01, 0.0)
        first = 0 if committed is None else committed
        chunks = member.poll_records(3 - first)

    assert member.notes.starts[P0] is None
    assert [value for chunk in chunks for value in chunk.values] == [b"a", b"b", b"c"][first:]


@pytest.mark.parametrize(("policy", "goes_on_at"), [("earliest", 0), ("latest", 2)])
def test_an_offset_out_of_range_is_told_with_the_bounds_and_the_policy_moves_on(
    cluster: MockCluster, policy: OnOutOfRange, goes_on_at: int
) -> None:
    cluster.produce(P0, b"a", b"b")
    cluster.commit(GROUP, {P0: 1000})
    with Member(cluster, policy=policy) as member:
        chunks = member.poll_until(lambda: member.notes.moves)  # the poll that moves it may bring the first records
        cluster.produce(P0, b"c")
        chunks += member.poll_records(3 - goes_on_at - sum(map(len, chunks)))

    assert member.out_of_range == [(OutOfRange(P0, 1000, 0, 2), policy)]
    assert member.client.missed_offsets == {TOPIC: 0}
    assert member.notes.moves == [(P0, goes_on_at)]
    assert [value for chunk in chunks for value in chunk.values] == [b"a", b"b", b"c"][goes_on_at:]


def test_an_offset_out_of_range_stops_the_partition_alone(cluster: MockCluster) -> None:
    cluster.produce(P0, b"a")
    cluster.commit(GROUP, {P0: 1000})
    with Member(cluster) as member:
        member.poll_until(lambda: member.notes.stops)
        cluster.produce(P1, b"flows")
        (chunk,) = member.poll_records(1)

    assert chunk.tp == P1
    assert member.notes.moves == []
    assert list(member.notes.stops) == [P0]
    assert "offset 1000 is not in the log, which has 0 to 1" in member.notes.stops[P0]
    assert "SIDECAR_ON_OFFSET_OUT_OF_RANGE" in member.notes.stops[P0]
    assert [policy for _, policy in member.out_of_range] == ["stop"]


def test_records_that_come_together_with_the_error_of_their_partition_are_given_out_before_it_moves_on(
    cluster: MockCluster,
) -> None:
    cluster.produce(P0, b"a", b"b", b"c")
    with Member(cluster, policy="earliest", queued_min_messages=1) as member:  # with records in its queue it fetches nothing
        member.poll_until(lambda: member.notes.reached, limit=1)
        cluster.produce(P0, *[b"x" * 2_000_000] * 4)  # of which the mock keeps 5 MB: retention overtakes us
        together = member.poll_until(lambda: member.notes.reached[P0] == 3, limit=3, timeout=PATIENCE)
        member.poll_until(lambda: member.notes.moves)

    ((found, _),) = member.out_of_range
    assert [value for chunk in together for value in chunk.values] == [b"b", b"c"]
    assert (found.offset, found.begin > 3) == (3, True)
    assert member.client.missed_offsets == {TOPIC: found.begin - 3}
    assert member.notes.moves == [(P0, found.begin)]


def hear_the_error(member: Member) -> None:
    """Join, and poll just until the first thing comes."""
    assert member.client.poll(1, PATIENCE, 0.0) == []
    assert member.owns(P0, P1)


def test_a_partition_that_was_sought_before_it_moved_on_is_fetched_from_there(cluster: MockCluster) -> None:
    cluster.produce(P0, b"a", b"b")
    cluster.commit(GROUP, {P0: 1000})
    with Member(cluster, policy="latest") as member:
        hear_the_error(member)
        member.client.pause([P0])
        member.client.resume({P0: 1})
        member.notes.reached[P0] = 1
        (chunk,) = member.poll_records(1)

    assert chunk.values == [b"b"]
    assert (member.out_of_range, member.notes.moves) == ([], [])


def test_a_paused_partition_whose_offset_is_out_of_range_moves_on_once_it_is_resumed(cluster: MockCluster) -> None:
    cluster.produce(P0, b"a", b"b")
    cluster.commit(GROUP, {P0: 1000})
    with Member(cluster, policy="earliest") as member:
        hear_the_error(member)
        member.notes.reached[P0] = 1000
        member.client.pause([P0])
        while_paused = member.client.poll(500, 0.01, 0.0), list(member.notes.moves)
        member.client.resume({P0: 1000})
        chunks = member.poll_records(2)

    assert while_paused == ([], [])
    assert member.out_of_range == [(OutOfRange(P0, 1000, 0, 2), "earliest")]
    assert member.notes.moves == [(P0, 0)]
    assert [value for chunk in chunks for value in chunk.values] == [b"a", b"b"]


def test_a_partition_is_fetched_from_where_the_listener_resumes_it_when_it_hears_of_the_move(cluster: MockCluster) -> None:
    cluster.produce(P0, b"a", b"b", b"c")
    cluster.commit(GROUP, {P0: 1000})
    with Member(cluster, policy="latest") as member:
        member.notes.on_moved = lambda tp: member.client.resume({tp: 1})  # where the first record is that has no outcome
        chunks = member.poll_records(2)

    assert member.notes.moves == [(P0, 3)]
    assert [value for chunk in chunks for value in chunk.values] == [b"b", b"c"]


class Overtaken:
    """A log of which retention left offsets 40 to 50, and a group that stands at 10 in it."""

    def committed(self, _consumer: object, tps: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(tps, 10)

    def bounds(self, _tp: object) -> tuple[int, int]:
        return 40, 50


def test_offsets_that_the_log_lost_are_counted_even_where_the_partition_is_stopped() -> None:
    told: list[OutOfRange] = []
    resets, notes = Resets("stop", cast("Starts", Overtaken()), lambda found, _policy: told.append(found)), Notes()
    notes.epochs = {P0: 1, P1: 1}
    resets.begin(P0, 0.0, notes)
    resets.begin(P1, 0.0, notes)
    resets.settle(CLIENT, 0.0, notes)

    assert [found.missed for found in told] == [30, 30]
    assert resets.missed == {TOPIC: 60}


class Times:
    """Log offsets that answer only to a time."""

    def at(self, tps: Iterable[TopicPartition], unix_ms: int, _timeout: float) -> dict[TopicPartition, int]:
        return dict.fromkeys(tps, unix_ms // 100)


def test_a_time_is_asked_for_as_a_time() -> None:
    assert Starts(2_000, cast("LogOffsets", Times())).fresh([P0, P1]) == {P0: 20, P1: 20}


class Late:
    """Brokers that tell of a group's offset when they are asked for the second time, and a client that is told to fetch from there."""

    def __init__(self) -> None:
        self.asked: list[set[TopicPartition]] = []
        self.begun: list[tuple[str, int, int]] = []

    def committed(self, _consumer: object, tps: Iterable[TopicPartition], _within: float) -> dict[TopicPartition, int] | None:
        self.asked.append(set(tps))
        return None if len(self.asked) == 1 else dict.fromkeys(self.asked[-1], 7)

    def fresh(self, _tps: object) -> dict[TopicPartition, int]:
        return {}

    def incremental_unassign(self, _tps: object) -> None:
        pass

    def incremental_assign(self, partitions: list[KafkaPartition]) -> None:
        self.begun += [(p.topic, p.partition, p.offset) for p in partitions]


def test_the_start_of_a_partition_is_asked_for_until_it_is_told_unless_the_client_was_sooner_or_it_is_gone() -> None:
    brokers, notes = Late(), Notes()
    late = LateStarts(cast("Starts", brokers))
    late.add([P0, P1, TopicPartition(TOPIC, 2)], 0.0)
    late.forget([TopicPartition(TOPIC, 2)])
    for now in (0.0, ASK_EVERY, ASK_EVERY + 0.1):
        late.settle(cast("Consumer", brokers), now, notes)
    notes.reached[P1] = 3
    for now in (2 * ASK_EVERY, 3 * ASK_EVERY):
        late.settle(cast("Consumer", brokers), now, notes)

    assert brokers.asked == [{P0, P1}, {P0}]
    assert brokers.begun == [(TOPIC, 0, 7)]
    assert notes.moves == [(P0, 7)]


class Silent:
    """Brokers that do not answer, and a client that must not be told to fetch anything."""

    def __init__(self) -> None:
        self.questions = 0

    def committed(self, _consumer: object, _tps: object) -> None:
        self.questions += 1

    def bounds(self, _tp: object) -> None:
        return None


def silent_resets(brokers: Silent | None = None) -> Resets:
    return Resets("earliest", cast("Starts", brokers or Silent()), lambda *_: None)


CLIENT = cast("Consumer", object())


def test_an_error_of_a_partition_that_left_meanwhile_is_nobodys() -> None:
    resets = silent_resets()
    resets.begin(P0, 0.0, Notes())

    assert resets.waiting == {}


def test_a_reset_without_an_answer_is_tried_again_later_until_the_partition_leaves() -> None:
    resets, notes = silent_resets(), Notes()
    notes.epochs[P0] = 1
    resets.begin(P0, 5.0, notes)
    resets.settle(CLIENT, 5.0, notes)
    first = dict(resets.waiting)
    resets.settle(CLIENT, 5.5, notes)
    not_due = dict(resets.waiting)
    resets.settle(CLIENT, 6.0, notes)
    again = dict(resets.waiting)
    resets.forget([P0])

    assert (first, not_due, again) == ({P0: 6.0}, {P0: 6.0}, {P0: 7.0})
    assert (resets.waiting, notes.moves, notes.stops) == ({}, [], {})


def test_one_question_without_an_answer_is_enough_for_all_that_wait() -> None:
    brokers, notes = Silent(), Notes()
    resets = silent_resets(brokers)
    notes.epochs = {P0: 1, P1: 1}
    resets.begin(P0, 0.0, notes)
    resets.begin(P1, 1.0, notes)
    resets.settle(CLIENT, 9.0, notes)

    assert brokers.questions == 1
    assert resets.waiting == {P0: 10.0, P1: 10.0}


def test_of_the_paused_only_one_whose_position_is_not_known_is_asked_for_since_nothing_will_seek_it() -> None:
    brokers, notes = Silent(), Notes()
    resets = silent_resets(brokers)
    notes.epochs, notes.reached = {P0: 1, P1: 1}, {P0: 7}
    resets.begin(P0, 0.0, notes)
    resets.settle(CLIENT, 0.0, notes, paused={P0, P1})
    before = brokers.questions
    resets.begin(P1, 0.0, notes)
    resets.settle(CLIENT, 0.0, notes, paused={P0, P1})

    assert (before, brokers.questions) == (0, 1)
