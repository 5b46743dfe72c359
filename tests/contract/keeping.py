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
    """The same, async."""

    async def write(self, batch: Batch) -> None:
        """Append ``batch``."""
        if not _places[-1].up:
            await asyncio.Event().wait()
        await asyncio.sleep(0)
        keep(batch)

    async def close(self) -> None:
        """Have a turn more."""
        await asyncio.sleep(0)
