"""The one memory number, and how it is split; docs/MEMORY.md tells why, and what was measured.

::

    limit  =  base  +  prefetch  +  answers  +  buffer  +  serialised

    base        64 MiB: the interpreter, the libraries and the client's threads, measured with an empty buffer
    prefetch    what librdkafka keeps fetched: queued.max.messages.kbytes (1/32 of the limit, 2 .. 16 MiB)
    answers     what comes on top, since the client has one answer under way from each broker, and unpacks it as a whole:
                6 x 20 x fetch.max.bytes, which is chosen so that this is 1/8 of the limit (64 KiB .. 1 MiB)
    buffer      half of the rest: SIDECAR_BUFFER__MAX_BYTES. It includes what is in flight
    serialised  the other half: what batches in flight become on their way, up to six times their size each:
                6 x SIDECAR_FLUSH__MAX_IN_FLIGHT x SIDECAR_FLUSH__MAX_BATCH_BYTES; where a topic has an overflow topic, one flush more, for what is on its way there
"""

from __future__ import annotations

from dataclasses import dataclass

from sidecar.settings.environment import Problem
from sidecar.settings.units import as_size

MIB = 1024**2
DEFAULT_LIMIT = 512 * MIB
BASE = 64 * MIB
LEAST_REST = 16 * MIB
LEAST_BATCH = 128 * 1024
MOST_BATCH_BYTES = 8 * MIB
LEAST_FETCH = 64 * 1024
MOST_FETCH = MIB
BROKERS = 6
"""How many brokers are taken to answer at the same time."""

UNPACKED = 20
"""How many times its size an answer takes in the client: batches that were compressed 10:1, and some 200 bytes around each record."""

SERIALISED = 6
r"""How many times its size a batch takes at most on its way: a control character is six in JSON (``\u0001``)."""


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


def fetch_of(limit: int) -> int:
    """Return how large one answer of a broker may be."""
    return max(LEAST_FETCH, min(MOST_FETCH, limit // (8 * BROKERS * UNPACKED)))


def split(limit: int, wanted: Shares, max_in_flight: int, overflow: int = 0) -> tuple[Shares, list[Problem]]:
    """Return the shares, those that are 0 in ``wanted`` chosen; and what cannot work, with the numbers.

    ``overflow`` is how many batches may be on their way to overflow topics, beside the flushes.
    """
    in_flight = max_in_flight + overflow
    prefetch, fetch = _fetched(limit, wanted)
    rest = limit - _taken(prefetch, fetch)
    buffer = wanted.buffer or max(rest - _serialised(wanted.batch, in_flight) if wanted.batch else rest // 2, 0)
    batch = wanted.batch or max(min(MOST_BATCH_BYTES, (rest - buffer) // (SERIALISED * in_flight)), 0)
    shares = Shares(prefetch, fetch, buffer, batch)
    if rest < LEAST_REST:
        return shares, [_too_small(limit, shares, _least_limit(wanted))]
    if buffer + _serialised(batch, in_flight) > rest or not buffer:
        return shares, [_does_not_fit(limit, rest, shares, (max_in_flight, overflow))]
    if not wanted.batch and batch < LEAST_BATCH:
        return shares, [_too_many_in_flight(batch, max_in_flight)]
    return shares, []


def _fetched(limit: int, wanted: Shares) -> tuple[int, int]:
    """Return what is kept fetched, and one answer: never less than what is chosen, so that who has more brokers can ask for smaller ones."""
    return wanted.prefetch or prefetch_of(limit), max(wanted.fetch, fetch_of(limit))


def _taken(prefetch: int, fetch: int) -> int:
    return BASE + prefetch + BROKERS * UNPACKED * fetch


def _serialised(batch: int, in_flight: int) -> int:
    return SERIALISED * in_flight * batch


def _least_limit(wanted: Shares) -> int:
    """Return the smallest limit that is large enough, in whole MiB: what is fetched grows with it."""
    limit = (_taken(*_fetched(BASE, wanted)) + LEAST_REST) // MIB * MIB
    while limit < _taken(*_fetched(limit, wanted)) + LEAST_REST:
        limit += MIB
    return limit


def _too_small(limit: int, shares: Shares, least: int) -> Problem:
    return Problem(
        "SIDECAR_MEMORY__LIMIT",
        f"{as_size(limit)} is too small: the process ({as_size(BASE)}), the client's prefetch ({as_size(shares.prefetch)}) and "
        f"{BROKERS} x {UNPACKED} x its fetch.max.bytes ({as_size(shares.fetch)}) take {as_size(_taken(shares.prefetch, shares.fetch))}, "
        f"and the buffer needs {as_size(LEAST_REST)} more. Give it {as_size(least)} or more, or raise the container's limit",
    )


def _does_not_fit(limit: int, rest: int, shares: Shares, flights: tuple[int, int]) -> Problem:
    max_in_flight, overflow = flights
    at_once = f"({max_in_flight}{f' and {overflow} for overflow topics' if overflow else ''})"
    return Problem(
        "SIDECAR_MEMORY__LIMIT",
        f"{as_size(limit)} leaves {as_size(rest)}, but SIDECAR_BUFFER__MAX_BYTES ({as_size(shares.buffer)}) and {SERIALISED} x "
        f"SIDECAR_FLUSH__MAX_IN_FLIGHT {at_once} x SIDECAR_FLUSH__MAX_BATCH_BYTES ({as_size(shares.batch)}) need "
        f"{as_size(shares.buffer + _serialised(shares.batch, sum(flights)))}. Lower one of them, or raise the limit",
    )


def _too_many_in_flight(batch: int, in_flight: int) -> Problem:
    return Problem(
        "SIDECAR_FLUSH__MAX_IN_FLIGHT",
        f"with {in_flight} at once, SIDECAR_MEMORY__LIMIT leaves a batch {as_size(batch)}, and less than {as_size(LEAST_BATCH)} is a waste. "
        "Lower it, raise the limit, or set SIDECAR_FLUSH__MAX_BATCH_BYTES",
    )
