"""The fair share of the buffer: how much of it a partition may fill while others need it.

The buffer is divided among the topics that have records in it, by their weights, and a topic's part evenly among its partitions that have. One that asks counts,
too, so there is always a share for the first record of a partition. What nobody else needs is free for all: a share counts only when the buffer
is nearly full, and then

- a ``block`` partition below its share is not held for others that are above theirs (:mod:`sidecar.core.holds`);
- a record that does not fit makes room for itself, while its partition is below its share, by evicting records that may be dropped of partitions above theirs
  (:mod:`sidecar.core.intake`).

So a partition or a topic that floods the buffer keeps no other from its share. The idea is that of dynamic thresholds in the shared memory of packet switches (Choudhury and Hahne,
"Dynamic Queue Length Thresholds for Shared-Memory Packet Switches", IEEE/ACM Transactions on Networking, 1998), with eviction in place of their spare room.
"""

from __future__ import annotations

from collections.abc import Callable

from sidecar.core.buffer import BoundedBuffer
from sidecar.core.records import TopicPartition


class Shares:
    """Divides one buffer."""

    def __init__(self, buffer: BoundedBuffer, weight_of: Callable[[str], float]) -> None:
        """``weight_of`` returns the weight of a topic."""
        self._buffer = buffer
        self._weight_of = weight_of

    def of(self, tp: TopicPartition) -> float:
        """Return the share of ``tp``, a fraction of the whole buffer."""
        active, weight_of = self._buffer.active, self._weight_of
        partitions = active[tp.topic] + (not self._buffer.usage(tp))
        total = sum(map(weight_of, active)) + (0.0 if tp.topic in active else weight_of(tp.topic))
        return weight_of(tp.topic) / total / partitions

    def is_below(self, tp: TopicPartition) -> bool:
        """Whether ``tp`` has less than its share."""
        return self._buffer.usage(tp) < self.of(tp)
