"""What users may name as their writer: functions and classes that do one thing each."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import NoReturn

from sidecar import (
    Batch,
    Delivered,
    FailureAction,
    Partial,
    Poison,
    RecordFailure,
    Retriable,
    Systemic,
    TooLarge,
    TopicPartition,
)
from sidecar.core.results import Fenced, Said

PLACE = TopicPartition("orders", 0)
SECOND = RecordFailure(PLACE, 1, FailureAction.REJECT, "odd")
STRANGER = RecordFailure(PLACE, 99, FailureAction.REJECT, "odd")

ANSWERS: dict[str, object] = {
    "none": None,
    "delivered": Delivered(),
    "nothing failed": Partial(()),
    "partial": Partial((SECOND,), wait=2),
    "retriable": Retriable("busy", 1.5),
    "poison": Poison("odd"),
    "named": Poison("odd", (SECOND,)),
    "too large": TooLarge("long"),
    "systemic": Systemic("shut"),
    "true": True,
    "fenced": Fenced((PLACE,), "no"),
    "stranger": Partial((STRANGER,)),
    "strange poison": Poison("odd", (STRANGER,)),
    "a list": Partial([SECOND]),  # type: ignore[arg-type]
    "no failure": Partial((1,)),  # type: ignore[arg-type]
    "no action": Partial((RecordFailure(PLACE, 1, "reject", "odd"),)),  # type: ignore[arg-type]
    "no reason": Retriable(ValueError()),  # type: ignore[arg-type]
    "no wait": Retriable("busy", "5s"),  # type: ignore[arg-type]
    "no words": Poison("odd", said="no such customer"),  # type: ignore[arg-type]
    "no status": Retriable("busy", said=Said(503)),  # type: ignore[arg-type]
    "half a character": Poison("\udcff", (RecordFailure(PLACE, 1, FailureAction.REJECT, "\udcff"),), Said("\udcff", "\udcff")),
    "half of them": Partial((RecordFailure(PLACE, 1, FailureAction.RETRY, "\udcff"),), 2, Said("\udcff")),
    "half a reason": Systemic("\udcff"),
}


def answering(batch: Batch) -> object:
    """Answer what the first value names."""
    value = batch.chunks[0].values[0]
    return ANSWERS[(value or b"").decode()]


async def answering_later(batch: Batch) -> object:
    """Answer the same after others had a turn."""
    await asyncio.sleep(0)
    return answering(batch)


def yielding(_batch: Batch) -> Iterator[None]:
    """Answer with a generator: a ``yield`` too many."""
    yield


def failing(batch: Batch) -> NoReturn:
    """Raise what quotes a payload."""
    raise KeyError(batch.chunks[0].values[0])


async def failing_later(batch: Batch) -> NoReturn:
    """Raise the same from a coroutine."""
    failing(batch)


async def cancelled(_batch: Batch) -> NoReturn:
    """End as a task does that somebody has cancelled."""
    raise asyncio.CancelledError


async def timing_out(_batch: Batch) -> NoReturn:
    """Raise a time-out of one's own."""
    raise TimeoutError


async def endless(_batch: Batch) -> NoReturn:
    """Wait for what never comes."""
    await asyncio.Event().wait()
    raise AssertionError("nobody sets it")


def decoding(batch: Batch) -> None:
    """Fail in a module of somebody else."""
    import json  # noqa: PLC0415 -- as a user might

    json.loads(batch.chunks[0].values[0] or b"")


class Sink:
    """Keeps count of its objects, of what they took, and of the loops that they ran in."""

    opened = 0
    closed = 0
    taken = 0
    loops: set[int] = set()  # noqa: RUF012 -- of all objects, on purpose

    def __init__(self) -> None:
        Sink.opened += 1

    async def write(self, batch: Batch) -> None:
        """Count the batch."""
        await asyncio.sleep(0)
        Sink.taken += batch.records
        Sink.loops.add(id(asyncio.get_running_loop()))

    async def close(self) -> None:
        """Count the end."""
        Sink.loops.add(id(asyncio.get_running_loop()))
        Sink.closed += 1


class Plain:
    """Has nothing to close."""

    def write(self, batch: Batch) -> object:
        """Answer what the first value names."""
        return answering(batch)


class NotYet:
    """Cannot be made while ``away``."""

    away = True

    def __init__(self) -> None:
        if NotYet.away:
            raise ConnectionError("postgresql://me:hunter2@db")

    def write(self, _batch: Batch) -> None:
        """Take everything."""

    def close(self) -> None:
        """Fail."""
        raise OSError("hunter2")


class WithoutWrite:
    """Is no writer."""


class Wanting:
    """Wants to be given something."""

    def __init__(self, address: str) -> None:
        self.address = address

    def write(self, _batch: Batch) -> None:
        """Take everything."""


class WritingTwo:
    """Wants more than a batch."""

    def write(self, _batch: Batch, _attempt: int) -> None:
        """Take everything."""


def of_two(_batch: Batch, _attempt: int) -> None:
    """Want more than a batch."""


def of_any(*_arguments: object, **_options: object) -> None:
    """Take what comes."""


NUMBER = 7
