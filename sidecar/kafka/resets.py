"""Resets: a partition whose offset does not exist is set right, or stopped.

The client tells it in the stream and then fetches nothing more of the partition. It happens for two reasons: nothing was committed and the
lookup at assignment failed (then ``SIDECAR_START`` decides), or the log does not have the offset, because retention overtook us or a leader
lost records (then ``SIDECAR_ON_OFFSET_OUT_OF_RANGE`` decides: records may be missing, so the default is to stop).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from typing import Literal

from confluent_kafka import Consumer

from sidecar.core.records import TopicPartition
from sidecar.kafka.starts import OutOfRange, Starts, begin_anew
from sidecar.runtime.client import Listener

RETRY = 1.0
"""Seconds until the brokers are asked again when they did not answer."""

OnOutOfRange = Literal["stop", "earliest", "latest"]


class Resets:
    """Partitions that wait for a valid offset; ``missed`` counts by topic the offsets that the log lost before they were polled."""

    def __init__(self, policy: OnOutOfRange, starts: Starts, tell: Callable[[OutOfRange, str], None]) -> None:
        """``tell`` hears of each offset that was out of range, and what was done."""
        self.waiting: dict[TopicPartition, float] = {}
        self.missed: Counter[str] = Counter()
        self._policy = policy
        self._starts = starts
        self._tell = tell

    def begin(self, tp: TopicPartition, now: float, listener: Listener) -> None:
        """Set ``tp`` right at the next :meth:`settle`. It may have left in the very call that brought the error: then it is not ours to fetch."""
        if listener.epoch_of(tp) is not None:
            self.waiting[tp] = now

    def settle(self, consumer: Consumer, now: float, listener: Listener, paused: Collection[TopicPartition] = ()) -> None:
        """Set right what is due. This comes after the listener has heard of the records that the call with the error brought: it moves from behind them.

        One that is ``paused`` waits: it will be sought, maybe to records before those that the client had given out, which were refused. Where its position is not
        known it will not be sought, and does not wait. After one question without an answer the others wait, too: each could take the loop its whole time-out.
        """
        due = [tp for tp, at in self.waiting.items() if at <= now and (tp not in paused or listener.position_of(tp) is None)]
        for tp in due:
            if not self._reset(consumer, tp, listener):
                self.waiting = dict.fromkeys(self.waiting, now + RETRY)
                return
            self.forget([tp])

    def forget(self, tps: Iterable[TopicPartition]) -> None:
        """Partitions are ours no more, or were sought: the client tells of them anew."""
        for tp in tps:
            self.waiting.pop(tp, None)

    def _reset(self, consumer: Consumer, tp: TopicPartition, listener: Listener) -> bool:
        """Return whether ``tp`` was dealt with."""
        committed, bounds = self._starts.committed(consumer, [tp]), self._starts.bounds(tp)
        if committed is None or bounds is None:
            return False
        position = listener.position_of(tp)
        wrong = committed.get(tp) if position is None else position
        if wrong is None:
            start = self._starts.fresh([tp]).get(tp)
            return start is not None and self._move(consumer, tp, start, listener)
        return self._out_of_range(consumer, OutOfRange(tp, wrong, *bounds), listener)

    def _out_of_range(self, consumer: Consumer, found: OutOfRange, listener: Listener) -> bool:
        self.missed[found.tp.topic] += found.missed
        self._tell(found, self._policy)
        if self._policy == "stop":
            where = f"offset {found.offset} is not in the log, which has {found.begin} to {found.end}"
            listener.stopped(found.tp, f"{where}; set SIDECAR_ON_OFFSET_OUT_OF_RANGE, or reset the group's offset")
            return True
        return self._move(consumer, found.tp, found.begin if self._policy == "earliest" else found.end, listener)

    def _move(self, consumer: Consumer, tp: TopicPartition, offset: int, listener: Listener) -> bool:
        begin_anew(consumer, tp, offset)
        listener.moved(tp, offset)
        return True
