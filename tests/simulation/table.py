"""A downstream that keeps offsets beside its records, as the writers for databases do: a compare-and-set in one transaction."""

from __future__ import annotations

from collections import Counter

from sidecar.core.records import Batch, TopicPartition
from sidecar.core.results import Delivered, Fenced, Result


class Table:
    """Rows by partition and offset, and the next offset of each partition."""

    def __init__(self) -> None:
        """Begin empty."""
        self.rows: Counter[tuple[TopicPartition, int]] = Counter()
        self.offsets: dict[TopicPartition, int] = {}

    def write(self, batch: Batch) -> Result:
        """Write all of ``batch``, or nothing; a batch that is there already (the answer to it was lost) is not written again."""
        ends = {chunk.tp: chunk.end for chunk in batch.chunks}
        if all(self.offsets.get(tp) == end for tp, end in ends.items()):
            return Delivered()
        wrong = tuple(tp for tp in ends if self.offsets.get(tp) != batch.expected[tp])
        if wrong:
            return Fenced(wrong, "another owner has written")
        self.rows.update((chunk.tp, offset) for chunk in batch.chunks for offset in chunk.offsets)
        self.offsets.update(ends)
        return Delivered()

    def check(self) -> None:
        """Check that no record is there twice."""
        twice = [key for key, count in self.rows.items() if count > 1]
        assert not twice, f"written twice: {twice}"
