from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from queue import SimpleQueue

from sidecar.core.actions import Locate
from sidecar.core.errors import WriterUnavailable
from sidecar.core.events import Located
from sidecar.core.records import TopicPartition
from sidecar.runtime.stored_offsets import NotLocated, StoredOffsetsReader
from tests.unit.runtime.fakes import P0, P1, World

ANSWER_WITHIN = 20.0


class FakeTable:
    """Implements :class:`sidecar.writers.protocol.StoredOffsets`: fails as often as it is told to."""

    def __init__(self, offsets: Mapping[TopicPartition, int], failures: int = 0) -> None:
        self.offsets = offsets
        self.failures = failures
        self.closed: SimpleQueue[str] = SimpleQueue()

    def read(self, tps: Collection[TopicPartition], deadline: float) -> Mapping[TopicPartition, int]:
        assert deadline > time.monotonic()
        if self.failures:
            self.failures -= 1
            raise WriterUnavailable("refused")
        return {tp: self.offsets[tp] for tp in tps if tp in self.offsets}

    def close(self) -> None:
        self.closed.put("closed")


@contextmanager
def reading(table: FakeTable) -> Iterator[tuple[StoredOffsetsReader, SimpleQueue[Located | NotLocated | Exception]]]:
    answers: SimpleQueue[Located | NotLocated | Exception] = SimpleQueue()
    reader = StoredOffsetsReader(lambda: table, answers.put, time.monotonic)
    reader.start()
    yield reader, answers
    reader.stop()
    table.closed.get(timeout=ANSWER_WITHIN)


def test_a_question_is_answered_with_an_offset_or_with_none_for_each_partition_and_carries_its_epoch() -> None:
    with reading(FakeTable({P0: 42})) as (reader, answers):
        reader.ask(Locate({P0: 3, P1: 4}))
        assert answers.get(timeout=ANSWER_WITHIN) == Located({P0: 42, P1: None}, {P0: 3, P1: 4})


def test_a_downstream_that_is_away_is_asked_again_until_it_answers() -> None:
    with reading(FakeTable({P0: 42}, failures=1)) as (reader, answers):
        reader.ask(Locate({P0: 3}))
        assert answers.get(timeout=ANSWER_WITHIN) == NotLocated(1, 1, "refused")
        assert answers.get(timeout=ANSWER_WITHIN) == Located({P0: 42}, {P0: 3})


def test_a_defect_of_the_downstream_reaches_the_loop_as_it_is() -> None:
    """Else the partitions that were asked for would wait for ever, and nobody would know."""

    class Broken(dict[TopicPartition, int]):
        def __contains__(self, tp: object) -> bool:
            raise ZeroDivisionError

    with reading(FakeTable(Broken())) as (reader, answers):
        reader.ask(Locate({P0: 3}))
        assert isinstance(answers.get(timeout=ANSWER_WITHIN), ZeroDivisionError)


def test_a_reader_that_waits_for_its_downstream_can_be_stopped() -> None:
    with reading(FakeTable({}, failures=10**6)) as (reader, answers):
        reader.ask(Locate({P0: 3}))
        answers.get(timeout=ANSWER_WITHIN)


def test_the_loop_passes_the_answer_to_the_engine_and_says_when_there_is_none() -> None:
    world = World()
    world.outcomes.put(NotLocated(2, 1, "refused"))
    world.outcomes.put(Located({P0: 42}, {P0: 3}))
    world.driver.pump(0)
    assert world.journal == ["stored_offsets.not_read {'partitions': 2, 'attempts': 1, 'reason': 'refused'}"]
