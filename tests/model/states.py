"""What the model consists of at one moment: one partition, two processes that take turns at owning it, a downstream, Kafka, and the dead letters.

Every state is a tuple of tuples, so that states can be compared and remembered. Time, sizes and the waits of retries are left out: a step may always
happen later. So a process that is stopped for a while is one of which no step happens meanwhile, and so is one that is slow.
"""

from __future__ import annotations

import enum
from typing import NamedTuple


class Phase(enum.IntEnum):
    """How a process sees the partition; Kafka may see it otherwise."""

    IDLE = 0
    """Not its own."""
    UNPLACED = 1
    """Its own; the offset that the downstream keeps is not known yet."""
    PLACED = 2
    """Its own; it polls and flushes."""
    REVOKING = 3
    """To be given back: nothing more is polled or flushed."""


class Stage(enum.IntEnum):
    """How far a batch is."""

    POLLED = 0
    """It is in the buffer."""
    BEGUN = 1
    """Its transaction is open; nothing is written yet."""
    MOVED = 2
    """The offset is written, and its row locked until the transaction ends."""
    SENT = 3
    """The rows are written, and COMMIT is sent; to a downstream that keeps no offsets, the whole batch is."""
    TAKEN = 4
    """The downstream has it; the answer is on its way."""
    FENCED = 5
    """The stored offset was not the expected one; everything was rolled back."""


class Batch(NamedTuple):
    """The records from ``start`` up to, not including, ``end``; ``expected`` is the stored offset that its flush must find (None: none)."""

    start: int
    end: int
    expected: int | None
    stage: Stage = Stage.POLLED


class Process(NamedTuple):
    """What one process knows of the partition.

    ``position`` is the offset after what was polled, ``stored`` the offset that the downstream keeps, as far as this process knows. ``letters`` are dead
    letters without an acknowledgement. ``batch`` is the one of the present epoch, ``stale`` one of an older epoch whose flush is still out. ``orphan`` is a
    transaction in the database whose COMMIT was sent and for which nobody waits any more: it may yet be carried out.
    """

    phase: Phase = Phase.IDLE
    position: int = 0
    stored: int | None = None
    letters: frozenset[int] = frozenset()
    batch: Batch | None = None
    stale: Batch | None = None
    orphan: Batch | None = None

    def locks(self) -> bool:
        """Tell whether a transaction of this process has locked the row of the offset."""
        return self.orphan is not None or any(
            batch is not None and batch.stage in (Stage.MOVED, Stage.SENT) for batch in (self.batch, self.stale)
        )


class Kafka(NamedTuple):
    """The group as Kafka has it: who owns the partition, what is committed, and the owner's commit that is under way."""

    owner: int | None = None
    committed: int = 0
    offered: int | None = None


class Table(NamedTuple):
    """The downstream: how often it has each record, and the offset that it keeps."""

    rows: tuple[int, ...]
    stored: int | None = None


class State(NamedTuple):
    """Everything at one moment. ``dead`` are the records in the dead-letter topic."""

    kafka: Kafka
    table: Table
    dead: frozenset[int]
    processes: tuple[Process, Process]

    def having(self, me: int, process: Process) -> State:
        """Return the state with another process ``me``."""
        return self._replace(processes=(process, self.processes[1]) if me == 0 else (self.processes[0], process))

    def mirrored(self) -> State:
        """Return the same state with the two processes exchanged: what can happen to one can happen to the other."""
        first, second = self.processes
        owner = self.kafka.owner
        return self._replace(kafka=self.kafka._replace(owner=None if owner is None else 1 - owner), processes=(second, first))


def start(records: int) -> State:
    """Return the beginning: nobody owns the partition, nothing is written."""
    return State(Kafka(), Table((0,) * records), frozenset(), (Process(), Process()))
