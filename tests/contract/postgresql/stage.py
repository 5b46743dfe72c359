"""A table of its own on the real PostgreSQL, writers for it, and a network that fails on command."""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import psycopg

from sidecar.core.records import Batch, TopicPartition
from sidecar.core.results import Result
from sidecar.writers import registry
from sidecar.writers.options import Value
from sidecar.writers.protocol import Surroundings, Writer, WriterKind
from tests.contract.batches import chunk
from tests.contract.listener import Conversation, Listener, Script
from tests.parts.postgresql import PostgreSQL
from tests.parts.topics import fresh_name
from tests.parts.waiting import free_port, wait_for

ORDERS = TopicPartition("orders", 0)


def soon() -> float:
    """Return a deadline that a server which is well keeps easily."""
    return time.monotonic() + 20


class Stage:
    """A table and a table of offsets that nobody else uses; ``{t}`` and ``{o}`` stand for them in statements."""

    def __init__(self, server: PostgreSQL) -> None:
        self.server = server
        self.table = fresh_name("t").replace("-", "_")
        self.offsets_table = fresh_name("o").replace("-", "_")
        self._writers: list[Writer] = []

    def kind(self, url: str | None = None, **options: Value) -> WriterKind:
        """Return the kind of writer, whose tables are made unless ``create`` is False."""
        own: dict[str, Value] = {"table": self.table, "offsets_table": self.offsets_table, "create": True}
        return registry.kind(url or self.server.url, own | options, Surroundings("group"))

    def writer(self, url: str | None = None, **options: Value) -> Writer:
        """Return a new writer, which is closed with the stage."""
        writer = self.kind(url, **options).create()
        self._writers.append(writer)
        return writer

    def made(self, **options: Value) -> Writer:
        """Return a writer whose tables are there."""
        writer = self.writer(None, **options)
        writer.connect(soon())
        return writer

    def query(self, statement: str) -> Sequence[tuple[Any, ...]]:
        """Run a statement as the user who may do everything."""
        return self.server.query(statement.format(t=self.table, o=self.offsets_table))

    def column(self, name: str) -> list[Any]:
        """Return one column of the table, in the order of insertion."""
        return [row[0] for row in self.query(f'SELECT "{name}" FROM {{t}} ORDER BY ctid')]  # noqa: S608 -- our own name

    def stored(self) -> Mapping[TopicPartition, int]:
        """Return the offsets that are kept, of every group."""
        return {TopicPartition(*row[:2]): row[2] for row in self.query("SELECT topic, partition, next_offset FROM {o}")}

    def session(self) -> psycopg.Connection[Any]:
        """Return a session of somebody else, with a transaction open at its first statement."""
        return psycopg.connect(self.server.url)

    def wait_until_waiting(self, sessions: int = 1) -> None:
        """Return when so many sessions have a statement on the table that waits for a lock."""
        waiting = (
            "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%{t}%' AND pid <> pg_backend_pid()"
        )
        wait_for(lambda: len(self.query(waiting)) >= sessions, f"{sessions} statements that wait for a lock")

    @contextmanager
    def role(self, options: str = "") -> Iterator[str]:
        """Make a user with no rights; give an address to log in with."""
        name = fresh_name("r").replace("-", "_")
        self.query(f"CREATE ROLE {name} LOGIN PASSWORD 'hunter2' {options}")
        try:
            yield self._url(f"{name}:hunter2@{self._where}")
        finally:
            self.query(f"REVOKE ALL ON {self.table}, {self.offsets_table} FROM {name}; DROP ROLE {name}")

    @contextmanager
    def through(self, script: Callable[[int], Script]) -> Iterator[str]:
        """Put a network in front of the server that does as ``script`` (of the server's port) says; give its address."""
        port = free_port()
        server = urlsplit(self.server.url)
        with Listener(port, script(server.port or 5432)):
            yield self._url(f"{server.username}:{server.password}@127.0.0.1:{port}")

    def close(self) -> None:
        """Close the writers, remove the tables."""
        for writer in self._writers:
            writer.close()
        self.query("DROP TABLE IF EXISTS {t}, {o} CASCADE")

    @property
    def _where(self) -> str:
        return urlsplit(self.server.url).netloc.rpartition("@")[2]

    def _url(self, authority: str) -> str:
        return urlsplit(self.server.url)._replace(netloc=authority).geturl()


@contextmanager
def beside(work: Callable[[threading.Event], None]) -> Iterator[None]:
    """Have another thread do ``work``, which is to return when the event is set, as long as the block runs."""
    end = threading.Event()
    thread = threading.Thread(target=work, args=(end,))
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


def write(writer: Writer, batch: Batch, within: float = 20.0) -> Result:
    """Write ``batch`` for the first time."""
    return writer.write(batch, 1, time.monotonic() + within)


def orders(first: int, stop: int, expected: int | None) -> Batch:
    """Return records of one partition, their values their offsets, with the offset that is expected in the table."""
    return Batch.of([chunk([b"%d" % n for n in range(first, stop)], offset=first)], {ORDERS: expected})


def cut(port: int, at: bytes, *, before_the_server: bool, times: int = 1) -> Script:
    """Return a script that cuts the connection when the client has sent ``at``, for ``times`` connections.

    Either the server never gets it, or it gets it and its answer is lost.
    """
    left = threading.Semaphore(times)

    def passed(piece: bytes, onward: socket.socket) -> bool:
        if at not in piece or not left.acquire(blocking=False):
            onward.sendall(piece)
            return True
        if not before_the_server:
            onward.sendall(piece)
            onward.recv(65536)
        return False

    return relay(port, passed)


def swallow(port: int, at: bytes) -> Script:
    """Return a script that passes everything on until the client sends ``at``; from then on nobody answers, the server's own farewell included."""
    silent = threading.Event()

    def passed(piece: bytes, onward: socket.socket) -> bool:
        if at in piece:
            silent.set()
        if not silent.is_set():
            onward.sendall(piece)
        return not silent.is_set()

    passing = relay(port, passed)

    def script(conversation: Conversation) -> None:
        passing(conversation)
        if silent.is_set():
            conversation.until_the_client_leaves()

    return script


def relay(port: int, passed: Callable[[bytes, socket.socket], bool]) -> Script:
    """Pass pieces on both ways, those of the client by ``passed``, until it returns False or a side has left."""

    def script(conversation: Conversation) -> None:
        client = conversation.sock
        with socket.create_connection(("127.0.0.1", port)) as onward:
            while True:
                for source in select.select([client, onward], [], [])[0]:
                    piece = source.recv(65536)
                    if not piece or (source is client and not passed(piece, onward)):
                        return
                    if source is onward:
                        client.sendall(piece)

    return script
