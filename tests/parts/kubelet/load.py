"""The records of a case: a topic and a group of their own, and what became of each, by its place.

The places have no gaps, so what applications noted and what the group committed tell all: loss, repeats, what a kill may repeat.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from tests.parts.kafka import RealKafka
from tests.parts.topics import committed, create_topic, fresh_name, log_ends, produce_numbered

PARTITIONS = 4

Place = tuple[int, int]
"""Partition and offset."""


class Taken(NamedTuple):
    """A record as an application took it, at ``at`` (monotonic)."""

    at: float
    place: Place


class Load:
    """``records`` in a fresh topic; applications note what they took in the file ``noted``."""

    def __init__(self, kafka: RealKafka, records: int, noted: Path) -> None:
        self.bootstrap = kafka.bootstrap
        self.records = records
        self.noted = noted
        self.topic, self.group = fresh_name("orders"), fresh_name("group")
        create_topic(self.bootstrap, self.topic, PARTITIONS)
        produce_numbered(self.bootstrap, self.topic, range(records), PARTITIONS)

    @property
    def all_places(self) -> set[Place]:
        """Every record that there is."""
        return {(number % PARTITIONS, number // PARTITIONS) for number in range(self.records)}

    def taken(self) -> list[Taken]:
        """Return all that was taken, in the order in which it was noted, repeats included."""
        lines = self.noted.read_bytes().splitlines(keepends=True) if self.noted.exists() else []
        told = [msgspec.json.decode(line) for line in lines if line.endswith(b"\n")]
        return [Taken(at, (partition, offset)) for at, places in told for _, partition, offset in places]

    def places(self) -> set[Place]:
        """Return the different records that were taken."""
        return {record.place for record in self.taken()}

    def committed(self) -> Mapping[int, int]:
        """Return what the group committed, for each partition; 0 where it did not."""
        known = committed(self.bootstrap, self.group, self.topic)
        return {number: known.get(number, 0) for number in range(PARTITIONS)}

    def log_ends(self) -> Mapping[int, int]:
        """Return the log end offset of each partition."""
        return log_ends(self.bootstrap, self.topic)

    def uncommitted(self) -> int:
        """Return how many records were taken and are not committed: what may come again when a sidecar is killed now."""
        offsets = self.committed()
        return sum(offset >= offsets[partition] for partition, offset in self.places())
