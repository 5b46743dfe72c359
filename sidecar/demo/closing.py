"""The closing books of the demonstration: where every record went, as three that do not know of each other counted it.

The producer counts what it wrote, the application what it took (by the records' ids), the sidecar what it polled, dropped and gave back.
Records that are *left* were produced and never polled, or polled and given back; they are in Kafka, not committed, and another sidecar would take
them. What is produced and neither taken nor dropped nor left is *missing*, and that must be none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Closing:
    """Counts at the end; ``books`` is the sidecar's own (docs/STATUS.md), ``downstream`` the name of what counted the deliveries."""

    produced: int
    delivered: int
    duplicates: int
    books: Mapping[str, Any]
    downstream: str = "application"

    @property
    def dropped(self) -> int:
        """How many were dropped."""
        return int(sum(self.books["dropped"].values()))

    @property
    def left(self) -> int:
        """How many are in Kafka for the next to come."""
        return int(self.produced - self.books["polled"] + sum(self.books["released"].values()))

    @property
    def missing(self) -> int:
        """How many nobody can account for."""
        return self.produced - self.delivered - self.dropped - self.left

    @property
    def is_balanced(self) -> bool:
        """Whether every record is accounted for."""
        return self.missing == 0 and self.books["unaccounted"] == 0

    def text(self) -> str:
        """Return the table for people."""
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in self.books["dropped"].items() if count)
        rows = [
            ("produced", self.produced, "by the producer's count"),
            ("delivered", self.delivered, f"by the {self.downstream}'s count, each id once"),
            ("dropped", self.dropped, reasons or "by the sidecar's books"),
            ("left", self.left, "in Kafka, not committed: the next sidecar takes them"),
            ("missing", self.missing, "= produced - delivered - dropped - left"),
            ("duplicates", self.duplicates, f"ids that the {self.downstream} got again"),
            ("balance", self.books["unaccounted"], "records that the sidecar cannot account for"),
        ]
        return "\n".join(f"  {name:<10} {count:>8,}  {remark}" for name, count, remark in rows)
