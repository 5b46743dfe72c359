"""Waiting for a condition: by looking again, up to a deadline, and saying what was waited for when it never came."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import cycle, islice
from typing import TypeVar

T = TypeVar("T")

LOOK_AGAIN = 0.02
"""Seconds between two looks; the condition ends the wait, this only spares the processor."""

SERVER_PORTS = range(20_000, 32_000)

_ports = cycle(random.SystemRandom().sample(SERVER_PORTS, k=len(SERVER_PORTS)))


def wait_for(look: Callable[[], T], what: str, within: float = 30.0) -> T:
    """Return the first true value of ``look()``; raise ``TimeoutError`` naming ``what`` after ``within`` seconds."""
    deadline = time.monotonic() + within
    while not (found := look()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {within:g} s: {what}")
        time.sleep(LOOK_AGAIN)
    return found


def free_port() -> int:
    """Return a TCP port of the loopback address that nothing listens on now, another one each time.

    The one before may not be bound yet, or be given up for a while only: a program that starts, a server that is down. It lies below those that the kernel gives to outgoing connections: else a client that knocks again and again while its
    server is down would be given that very port one day, talk to itself, and keep the server from coming back.
    """
    for port in islice(_ports, 100):
        with socket.socket() as probe, suppress(OSError):  # taken: the next one
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError(f"no free port among 100 of {SERVER_PORTS}")
