"""The buffer against the simplest model: a list of records per partition, and a list of chunks in flight."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sidecar.core.buffer import BoundedBuffer
from sidecar.core.errors import AccountingError
from sidecar.core.records import RECORD_BYTES, Chunk, TopicPartition, record_bytes
from tests.unit.core.examples import T0, T1, T2, sized

TPS = st.sampled_from([T0, T1, T2])
SIZES = st.lists(st.integers(RECORD_BYTES, 600) | st.sampled_from([RECORD_BYTES, 3_000]), min_size=1, max_size=8)
Record = tuple[int, int]
"""Offset and size."""


def records_of(chunks: Sequence[Chunk]) -> list[Record]:
    return [pair for each in chunks for pair in zip(each.offsets, record_bytes(each), strict=True)]


class BufferMachine(RuleBasedStateMachine):
    @initialize(max_records=st.integers(1, 20), max_bytes=st.integers(300, 4_000))
    def begin(self, max_records: int, max_bytes: int) -> None:
        self.buffer = BoundedBuffer(max_records, max_bytes)
        self.queued: dict[TopicPartition, list[Record]] = {T0: [], T1: [], T2: []}
        self.flying: list[list[Chunk]] = []
        self.next_offset = 0

    @property
    def everything(self) -> list[Record]:
        return [record for queue in self.queued.values() for record in queue] + [
            r for each in self.flying for r in records_of(each)
        ]

    def fits(self, size: int) -> bool:
        held = self.everything
        oversize_alone = not held
        return oversize_alone or (
            len(held) < self.buffer.max_records and sum(size for _, size in held) + size <= self.buffer.max_bytes
        )

    def made(self, tp: TopicPartition, sizes: list[int]) -> Chunk:
        made = sized(tp, self.next_offset, sizes)
        self.next_offset += len(sizes)
        return made

    @rule(tp=TPS, sizes=SIZES)
    def push(self, tp: TopicPartition, sizes: list[int]) -> None:
        pushed = self.made(tp, sizes)
        accepted = 0
        for record in records_of([pushed]):
            if not self.fits(record[1]):
                break
            self.queued[tp].append(record)
            accepted += 1
        assert self.buffer.push(pushed) == accepted

    @rule(tp=TPS, sizes=SIZES, victims=st.lists(TPS, unique=True))
    def push_evicting(self, tp: TopicPartition, sizes: list[int], victims: list[TopicPartition]) -> None:
        """Only the victims lose, in their order, from their heads; nothing is refused while one of them has a record left."""
        incoming = self.made(tp, sizes)
        before = {each: list(queue) for each, queue in self.queued.items()}
        pushed, evicted = self.buffer.push_evicting(incoming, self.in_turn(victims))
        before[tp] += records_of([incoming])[:pushed]
        for each in self.queued:
            lost = records_of([loss for loss in evicted if loss.tp == each])
            assert before[each][: len(lost)] == lost
            self.queued[each] = before[each][len(lost) :]
        assert {loss.tp for loss in evicted} <= set(victims)
        if pushed < len(incoming):
            assert not any(self.queued[each] for each in victims)
            assert not self.fits(sizes[pushed])

    def in_turn(self, victims: list[TopicPartition]) -> Iterator[TopicPartition]:
        """Yield each victim as long as it has something queued."""
        while queued := [each for each in victims if self.buffer.queued(each)]:
            yield queued[0]

    @rule(tp=TPS, max_records=st.integers(0, 10), max_bytes=st.integers(0, 3_000) | st.just(float("inf")))
    def take(self, tp: TopicPartition, max_records: int, max_bytes: float) -> None:
        expected: list[Record] = []
        for record in self.queued[tp][:max_records]:
            if sum(size for _, size in expected) + record[1] > max_bytes:
                break
            expected.append(record)
        taken = self.buffer.take(tp, max_records, max_bytes)
        got = records_of(taken)
        assert got == expected[: len(got)]
        nearly_by_bytes = sum(size for _, size in got) >= max_bytes * 0.9
        assert nearly_by_bytes or len(expected) - len(got) <= max_records * 0.1 + 1
        assert got or not expected
        del self.queued[tp][: len(got)]
        if taken:
            self.flying.append(taken)

    @rule(tp=TPS, max_records=st.integers(0, 10))
    def take_newest(self, tp: TopicPartition, max_records: int) -> None:
        at = max(0, len(self.queued[tp]) - max_records)
        taken = self.buffer.take_newest(tp, max_records)
        assert records_of(taken[::-1]) == self.queued[tp][at:]
        del self.queued[tp][at:]
        for each in taken:
            self.buffer.settle(each)

    @precondition(lambda self: self.flying)
    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        for each in self.flying.pop(data.draw(st.integers(0, len(self.flying) - 1))):
            self.buffer.settle(each)

    @precondition(lambda self: self.flying)
    @rule()
    def put_back(self) -> None:
        chunks = self.flying.pop()
        self.buffer.put_back(chunks)
        self.queued[chunks[0].tp] = sorted(self.queued[chunks[0].tp] + records_of(chunks))

    @rule(tp=TPS)
    def drop_partition(self, tp: TopicPartition) -> None:
        assert records_of(self.buffer.drop_partition(tp)) == self.queued[tp]
        self.queued[tp] = []

    @rule()
    def clear(self) -> None:
        cleared = self.buffer.clear()
        for tp in self.queued:
            assert records_of([each for each in cleared if each.tp == tp]) == self.queued[tp]
            self.queued[tp] = []

    @rule()
    def settle_what_is_not_in_flight(self) -> None:
        more = sized(T0, 0, [RECORD_BYTES] * (self.buffer.in_flight_records + 1))
        with pytest.raises(AccountingError):
            self.buffer.settle(more)

    @invariant()
    def it_agrees_with_the_model(self) -> None:
        buffer, held = self.buffer, self.everything
        nbytes = sum(size for _, size in held)
        flying = [record for each in self.flying for record in records_of(each)]
        assert (buffer.size, buffer.nbytes) == (len(held), nbytes)
        assert (buffer.in_flight_records, buffer.in_flight_bytes) == (len(flying), sum(size for _, size in flying))
        assert [buffer.queued(tp) for tp in self.queued] == [len(queue) for queue in self.queued.values()]
        assert buffer.utilization == max(len(held) / buffer.max_records, nbytes / buffer.max_bytes)
        for tp, queue in self.queued.items():
            mine = queue + records_of([part for each in self.flying for part in each if part.tp == tp])
            used = max(len(mine) / buffer.max_records, sum(size for _, size in mine) / buffer.max_bytes)
            assert buffer.usage(tp) == used
        assert buffer.active == Counter(tp.topic for tp in self.queued if buffer.usage(tp))
        assert buffer.is_empty == (not held)
        assert buffer.is_full == (buffer.utilization >= 1)

    @invariant()
    def it_keeps_its_limits(self) -> None:
        assert self.buffer.size <= self.buffer.max_records
        assert self.buffer.nbytes <= self.buffer.max_bytes or self.buffer.size == 1


TestBuffer = BufferMachine.TestCase
TestBuffer.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
