"""The one memory number, and how it is split.

::

    limit  =  base  +  prefetch  +  buffer  +  serialised

    base        64 MiB: the interpreter, the libraries and the client's threads, measured with an empty buffer
    prefetch    what librdkafka keeps fetched: queued.max.messages.kbytes (1/32 of the limit, 2 .. 16 MiB), and two answers of fetch.max.bytes
    buffer      half of the rest: SIDECAR_BUFFER__MAX_BYTES. It includes what is in flight
    serialised  the other half: what batches in flight become on their way, up to twice their size each:
                2 x SIDECAR_FLUSH__MAX_IN_FLIGHT x SIDECAR_FLUSH__MAX_BATCH_BYTES
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sidecar.settings.environment import Problem
from sidecar.settings.units import as_size

MIB = 1024**2
DEFAULT_LIMIT = 512 * MIB
BASE = 64 * MIB
FETCH_MAX_BYTES = MIB
LEAST_REST = 16 * MIB
LEAST_BATCH = 256 * 1024
MOST_BATCH_BYTES = 8 * MIB
SERIALISED = 2
"""How many times its size a batch can take, written as text: base64 and names, or escapes."""

_UNLIMITED = 2**60
"""cgroup v1 says this or more where there is no limit."""


@dataclass(frozen=True, slots=True)
class Shares:
    """The parts of the memory number that can be set, in bytes; ``fetch`` is one answer of a broker."""

    prefetch: int
    fetch: int
    buffer: int
    batch: int


def prefetch_of(limit: int) -> int:
    """Return how much librdkafka may keep fetched."""
    return max(2 * MIB, min(16 * MIB, limit // 32))


def split(limit: int, wanted: Shares, in_flight: int) -> tuple[Shares, list[Problem]]:
    """Return the shares, those that are 0 in ``wanted`` chosen; and what cannot work, with the numbers."""
    prefetch = wanted.prefetch or prefetch_of(limit)
    taken = BASE + prefetch + 2 * wanted.fetch
    rest = limit - taken
    buffer = wanted.buffer or max(rest - _serialised(wanted.batch, in_flight) if wanted.batch else rest // 2, 0)
    batch = wanted.batch or max(min(MOST_BATCH_BYTES, (rest - buffer) // (SERIALISED * in_flight)), 0)
    shares = Shares(prefetch, wanted.fetch, buffer, batch)
    if rest < LEAST_REST:
        return shares, [_too_small(limit, taken, _least_limit(wanted))]
    if buffer + _serialised(batch, in_flight) > rest or not buffer:
        return shares, [_does_not_fit(limit, rest, shares, in_flight)]
    if not wanted.batch and batch < LEAST_BATCH:
        return shares, [_too_many_in_flight(batch, in_flight)]
    return shares, []


def container_limit(root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> int | None:
    """Return the memory limit of this process's cgroup (v2 or v1), in bytes; None where there is none."""
    limits = [limit for path in _limit_files(root, own) if (limit := _limit_in(path)) is not None]
    return min(limits, default=None)


def _limit_files(root: Path, own: Path) -> Iterator[Path]:
    """Yield where a limit may be written: in a container at the root; without a cgroup namespace at the process's own place, and above it."""
    try:
        lines = own.read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    own_places = [PurePosixPath(line.split(":", 2)[2]) for line in lines if line.startswith("0::") or ":memory:" in line]
    for place in {PurePosixPath("/"), *own_places, *(above for own_place in own_places for above in own_place.parents)}:
        below = str(place).lstrip("/")
        yield root / below / "memory.max"
        yield root / "memory" / below / "memory.limit_in_bytes"


def _limit_in(path: Path) -> int | None:
    try:
        text = path.read_text(encoding="utf-8").strip()
    except OSError:
        return None
    return int(text) if text.isdigit() and int(text) < _UNLIMITED else None


def _serialised(batch: int, in_flight: int) -> int:
    return SERIALISED * in_flight * batch


def _least_limit(wanted: Shares) -> int:
    """Return the smallest limit that is large enough, in whole MiB: the prefetch grows with it."""
    limit = BASE
    while limit < BASE + (wanted.prefetch or prefetch_of(limit)) + 2 * wanted.fetch + LEAST_REST:
        limit += MIB
    return limit


def _too_small(limit: int, taken: int, least: int) -> Problem:
    return Problem(
        "SIDECAR_MEMORY__LIMIT",
        f"{as_size(limit)} is too small: the process and the client's prefetch take {as_size(taken)}, and the buffer needs "
        f"{as_size(LEAST_REST)} more. Give it {as_size(least)} or more, or raise the container's limit",
    )


def _does_not_fit(limit: int, rest: int, shares: Shares, in_flight: int) -> Problem:
    return Problem(
        "SIDECAR_MEMORY__LIMIT",
        f"{as_size(limit)} leaves {as_size(rest)}, but SIDECAR_BUFFER__MAX_BYTES ({as_size(shares.buffer)}) and {SERIALISED} x "
        f"SIDECAR_FLUSH__MAX_IN_FLIGHT ({in_flight}) x SIDECAR_FLUSH__MAX_BATCH_BYTES ({as_size(shares.batch)}) need "
        f"{as_size(shares.buffer + _serialised(shares.batch, in_flight))}. Lower one of them, or raise the limit",
    )


def _too_many_in_flight(batch: int, in_flight: int) -> Problem:
    return Problem(
        "SIDECAR_FLUSH__MAX_IN_FLIGHT",
        f"with {in_flight} at once, SIDECAR_MEMORY__LIMIT leaves a batch {as_size(batch)}, and less than {as_size(LEAST_BATCH)} is a waste. "
        "Lower it, raise the limit, or set SIDECAR_FLUSH__MAX_BATCH_BYTES",
    )
