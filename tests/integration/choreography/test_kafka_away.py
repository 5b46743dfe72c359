"""The same with Kafka away: pods still start and end in order and in time, and only what could not be committed comes again.

The sidecar says so by its exit status: its last commit got no answer.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tests.integration.choreography import stories
from tests.integration.choreography.checks import assert_accounted, assert_choreography
from tests.integration.choreography.playing import Play, playing, selected
from tests.integration.choreography.scene import LONG, AppHook, Case, Repeats, Shape
from tests.parts.kafka import RealKafka

PATIENT = {"WRITER__TIMEOUT": "5m"}
"""What the application has got waits there until Kafka is away for all."""

CASES = [
    Case(
        "deleted while Kafka is away",
        Shape.NATIVE,
        stories.deleted_without_kafka,
        own_hook=True,
        app_hook=AppHook.DRAIN,
        order=["app hook begin", "last delivery", "app hook end", "app TERM", "app exit", "sidecar exit", "Kafka back"],
        exits=[3],
        undisturbed=True,
        repeats=Repeats.SOME,
        settings=PATIENT,
    ),
    Case(
        "deleted while Kafka is away",
        Shape.CLASSIC,
        stories.deleted_without_kafka,
        order=["sidecar TERM", "sidecar exit", "Kafka back"],
        exits=[3],
        repeats=Repeats.SOME,
        settings=PATIENT,
    ),
    Case(
        "deleted while Kafka is away",
        Shape.INVERTED,
        stories.deleted_without_kafka,
        order=["sidecar TERM", "last delivery", "sidecar exit", "app TERM", "app exit", "Kafka back"],
        exits=[3],
        undisturbed=True,
        repeats=Repeats.SOME,
        settings=PATIENT,
    ),
    Case(
        "created while Kafka is away",
        Shape.NATIVE,
        stories.created_without_kafka,
        own_hook=True,
        app_hook=AppHook.DRAIN,
        order=["sidecar start", "app start", "Kafka back", "deleted", "last delivery", "app TERM", "app exit", "sidecar TERM"],
        undisturbed=True,
    ),
]

each_case = pytest.mark.parametrize("case", CASES, ids=str)


@pytest.fixture(scope="module")
def play(request: pytest.FixtureRequest, kafka: RealKafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Play]:
    """Return the outcome of a case. Kafka goes away when all have met, and comes back when all have met again."""
    cases = selected(request)
    meeting = threading.Barrier(len(cases) + 1)
    with playing(cases, kafka, tmp_path_factory.mktemp("pods"), meeting) as play:
        try:
            meeting.wait(LONG)
            kafka.stop()
            try:
                meeting.wait(LONG)
                meeting.wait(LONG)
            finally:
                kafka.start()
            meeting.wait(LONG)
        except BaseException as error:
            meeting.abort()
            if not isinstance(error, threading.BrokenBarrierError):  # a case failed: its test tells
                raise
        yield play


@each_case
def test_nothing_is_lost_or_dropped_and_only_what_could_not_be_committed_repeats(play: Play, case: Case) -> None:
    assert_accounted(case, play(case))


@each_case
def test_the_pod_starts_and_ends_in_the_promised_order(play: Play, case: Case) -> None:
    assert_choreography(case, play(case))
