"""Code as a user might write it: a function and a class that append each batch to a file, or do not while they are ``down``."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from sidecar import Batch
from tests.contract.batches import lines_of


@dataclass
class Place:
    """A file; ``up`` tells whether it is to be written to."""

    path: Path
    up: bool = True


_places: list[Place] = []


def at(folder: Path) -> Place:
    """Keep in ``folder`` from now on."""
    _places.append(Place(folder / "kept.ndjson"))
    return _places[-1]


def keep(batch: Batch) -> None:
    """Append ``batch``."""
    place = _places[-1]
    if not place.up:
        raise ConnectionError("away")
    with place.path.open("ab") as file:
        file.write(lines_of(batch))


class Keeping:
    """The same, async; on no other thread, since those of a pool hold what they were given a moment longer than the answer takes."""

    async def write(self, batch: Batch) -> None:
        """Append ``batch``."""
        if not _places[-1].up:
            await asyncio.Event().wait()
        await asyncio.sleep(0)
        keep(batch)

    async def close(self) -> None:
        """Have a turn more."""
        await asyncio.sleep(0)


class Working:
    """A worker, as a client with a connection of its own has one: it goes on after an error, which whoever asked it hears of."""

    def __init__(self) -> None:
        self._work: asyncio.Queue[tuple[Batch, asyncio.Future[None]]] = asyncio.Queue()
        self._worker: asyncio.Task[None] | None = None

    async def write(self, batch: Batch) -> None:
        """Have ``batch`` appended by the worker."""
        if self._worker is None:
            self._worker = asyncio.create_task(self._serve())
        done = asyncio.get_running_loop().create_future()
        self._work.put_nowait((batch, done))
        await done

    async def close(self) -> None:
        """End the worker."""
        if self._worker is not None:
            self._worker.cancel()

    async def _serve(self) -> None:
        while True:
            batch, done = await self._work.get()
            if done.cancelled():
                continue
            try:
                keep(batch)
            except ConnectionError as error:
                done.set_exception(error)
            else:
                done.set_result(None)
            del batch, done
