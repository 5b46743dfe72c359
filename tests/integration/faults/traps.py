"""Named points at which a process dies: a network in front of a server, which sends the process a signal when it makes a certain request.

The trap tells what the server had been asked for before, within the same transaction, so that a test can assert where the process was.
"""

from __future__ import annotations

import enum
import signal
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.contract.listener import Conversation, Listener, Script
from tests.contract.postgresql.stage import relay
from tests.integration.lifecycle.scene import LONG
from tests.parts.missing import part_missing
from tests.parts.process import RunningSidecar
from tests.parts.waiting import free_port


class Fate(enum.Enum):
    """What becomes of the request at which the trap springs."""

    WITHHELD = "the server never gets it"
    ANSWERED = "the server gets it, and the process is not there to hear the answer"
    LATE = "the server gets it when the trap is opened"


@dataclass(frozen=True, slots=True)
class Caught:
    """Where a process was: what its transaction had asked for before, and the first request of that, as it came."""

    before: frozenset[str]
    first: bytes


class Trail:
    """What the requests of a transaction were so far; it begins anew after one of ``last``."""

    def __init__(self, *last: str) -> None:
        self._last = last
        self._ended = True
        self._names: set[str] = set()
        self._first = b""

    def follow(self, name: str, request: bytes) -> Caught:
        """Add a request; return what was before it."""
        if self._ended:
            self._names, self._first = set(), request
        caught = Caught(frozenset(self._names), self._first)
        self._names.add(name)
        self._ended = name in self._last
        return caught


class Trap:
    """Once armed, sends a signal to the process that asks for ``at`` in the ``times``-th transaction that does."""

    def __init__(self, at: str, fate: Fate) -> None:
        self._at = at
        self._fate = fate
        self._armed: tuple[RunningSidecar, signal.Signals] | None = None
        self._left = 0
        self._lock = threading.Lock()
        self._caught = Caught(frozenset(), b"")
        self.sprung = threading.Event()
        self.opened = threading.Event()

    def arm(self, sidecar: RunningSidecar, number: signal.Signals, times: int) -> None:
        """Wait for it. What it asks for before that does not count, so produce what it is to ask for afterwards."""
        with self._lock:
            self.sprung.clear()
            self.opened.clear()
            self._armed, self._left = (sidecar, number), times

    def wait_killed(self, sidecar: RunningSidecar) -> Caught:
        """Return where ``sidecar`` was, for which it was armed with SIGKILL, when it was killed."""
        assert sidecar.wait_exit(LONG) == -signal.SIGKILL
        assert self.sprung.wait(LONG)
        return self._caught

    def passes(self, name: str, caught: Caught, send: Callable[[], None]) -> bool:
        """Pass the request ``name`` on; False: this connection is over."""
        if not self._springs(name, caught):
            send()
            return True
        if self._fate is Fate.ANSWERED:
            send()
        self.sprung.set()
        if self._fate is Fate.LATE:
            self.opened.wait(LONG)
            send()
        return self._fate is Fate.LATE

    def _springs(self, name: str, caught: Caught) -> bool:
        """Send the signal when it is time, at the first request of that name in a transaction; it is sent before the request goes anywhere."""
        with self._lock:
            if self._armed is None or name != self._at or name in caught.before:
                return False
            self._left -= 1
            if self._left > 0:
                return False
            (sidecar, number), self._armed = self._armed, None
            self._caught = caught
            sidecar.child.send(number)
            return True


WORDS = ("BEGIN", "PGCOPY", "COMMIT")
"""Of the writer for PostgreSQL: the transaction with its offsets, its rows, its end."""


@contextmanager
def before_postgresql(url: str, trap: Trap) -> Iterator[str]:
    """Put ``trap`` in front of the server at ``url``; give the address to use instead."""
    server, port = urlsplit(url), free_port()

    def script(conversation: Conversation) -> None:
        trail = Trail("COMMIT")

        def passed(piece: bytes, onward: socket.socket) -> bool:
            word = next((word for word in WORDS if word.encode() in piece), None)
            if word is None:
                onward.sendall(piece)
                return True
            return trap.passes(word, trail.follow(word, piece), lambda: onward.sendall(piece))

        relay(server.port or 5432, passed)(conversation)

    with Listener(port, script):
        yield server._replace(netloc=f"{server.username}:{server.password}@127.0.0.1:{port}").geturl()


REQUESTS: Mapping[int, str] = {
    0: "Produce",
    8: "OffsetCommit",
    24: "AddPartitionsToTxn",
    25: "AddOffsetsToTxn",
    26: "EndTxn",
    28: "TxnOffsetCommit",
}
"""The requests that write, by their keys in Kafka's protocol."""


@contextmanager
def before_kafka(bootstrap: str, trap: Trap) -> Iterator[str]:
    """Put ``trap`` in front of the broker at ``bootstrap``; give the address to use instead.

    The broker tells its own address in its answers; clients are told that of the trap, so that they stay behind it.
    """
    host, _, port = bootstrap.rpartition(":")
    if host != "127.0.0.1":
        part_missing(f"the address {bootstrap} cannot be exchanged for one of the same length", "let the tests start Kafka")
    own = free_port()
    trail = Trail("EndTxn", "OffsetCommit")
    lock = threading.Lock()

    def passed(request: bytes, onward: socket.socket) -> bool:
        name = REQUESTS.get(struct.unpack_from(">h", request, 4)[0])
        if name is None:
            onward.sendall(request)
            return True
        with lock:
            caught = trail.follow(name, request)
        return trap.passes(name, caught, lambda: onward.sendall(request))

    with Listener(own, frames(int(port), passed, lambda answer: answer.replace(place(int(port)), place(own)))):
        yield f"127.0.0.1:{own}"


def place(port: int) -> bytes:
    """Return an address as Kafka's protocol has it in an answer."""
    return b"127.0.0.1" + struct.pack(">i", port)


def frames(port: int, passed: Callable[[bytes, socket.socket], bool], answer: Callable[[bytes], bytes]) -> Script:
    """Pass whole requests on to ``port`` by ``passed``, until it returns False or a side has left, and what comes back as ``answer`` makes it."""

    def script(conversation: Conversation) -> None:
        client = conversation.sock
        with socket.create_connection(("127.0.0.1", port)) as onward:

            def back() -> None:
                for each in framed(onward):
                    client.sendall(answer(each))

            thread = threading.Thread(target=until_gone, args=(back, client))
            thread.start()
            until_gone(lambda: all(passed(request, onward) for request in framed(client)), onward)
            thread.join()

    return script


def framed(sock: socket.socket) -> Iterator[bytes]:
    """Yield what comes from ``sock`` by messages of Kafka's protocol: a length of four bytes, and that many more."""
    with sock.makefile("rb") as stream:
        while len(length := stream.read(4)) == 4:
            yield length + stream.read(int.from_bytes(length, "big"))


def until_gone(work: Callable[[], object], other: socket.socket) -> None:
    """Do ``work`` until a side leaves; then let the other side know."""
    try:
        work()
    except OSError:  # the client, or the broker, has left
        pass
    finally:
        end(other)


def end(sock: socket.socket) -> None:
    """End a connection in both directions, unless it has ended."""
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
