"""Connections to PostgreSQL that keep a deadline and leave nothing in a session.

- Each wait ends at the deadline. The server is told a shorter one (``SET LOCAL statement_timeout``), so it gives up by itself and says so; ours is for a
  server or a network that answers no more, and then the connection is closed, as nothing can be known of it.
- Nothing lasts longer than a transaction: no prepared statement, no ``SET``, no temporary table. So pgbouncer in transaction mode may stand between.
- To open one takes at least 2 s where nobody answers: libpq has no shorter time limit.
"""

from __future__ import annotations

import select
import time
from contextlib import suppress
from typing import Any, TypeVar
from urllib.parse import urlsplit

import psycopg
from psycopg import conninfo
from psycopg.abc import PQGen

from sidecar.core.errors import ConfigurationError, WriterUnavailable

T = TypeVar("T")

_DEFAULTS = {"application_name": "kafka-sidecar", "keepalives_idle": "60", "tcp_user_timeout": "30000"}
"""What a URL does not say. A peer that is gone is noticed while nothing is asked of it, too."""

_LONGEST_CONNECT = 30.0


class TimedConnection(psycopg.Connection[Any]):
    """A connection whose waits end at ``deadline``, a ``time.monotonic()`` value, with an ``OperationalError``."""

    deadline = float("inf")

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """Do what psycopg does, up to the deadline."""
        left = max(0.0, self.deadline - time.monotonic())
        return super().wait(gen, interval, left if timeout is None else min(left, timeout))


class Address:
    """Where the database is: ``name`` is for people, without user and password."""

    def __init__(self, url: str) -> None:
        try:
            self._parameters = {**_DEFAULTS, **conninfo.conninfo_to_dict(url)}
        except psycopg.ProgrammingError:  # what it says can quote the URL
            raise ConfigurationError(
                "SIDECAR_WRITER__URL: not an address of PostgreSQL; write postgresql://user@host:5432/database, "
                "special characters of user and password as %XX"
            ) from None
        hosts = urlsplit(url).netloc.rpartition("@")[2] or str(self._parameters.get("host", "local socket"))
        self.name = f"postgresql://{hosts}/{self._parameters.get('dbname', '')}"
        self._hosts = 1 + str(self._parameters.get("host", "")).count(",")

    def open(self, deadline: float) -> TimedConnection:
        """Return a new connection; raises WriterUnavailable by ``deadline`` (2 s later at worst)."""
        left = max(0.0, min(_LONGEST_CONNECT, deadline - time.monotonic()))
        seconds = int(max(1.0, left / self._hosts))
        whole = conninfo.make_conninfo("", **self._parameters | {"connect_timeout": seconds, "client_encoding": "utf8"})
        try:
            connection = TimedConnection.connect(whole, autocommit=True, prepare_threshold=None)
        except psycopg.Error as error:
            raise WriterUnavailable(f"no connection to {self.name}: {_first_line(error)}") from error
        connection.deadline = deadline
        return connection


def is_usable(connection: TimedConnection) -> bool:
    """Tell whether ``connection`` is open and silent. One that can be read before anything was asked was closed by the other side, or is about to be."""
    if connection.closed or connection.broken:
        return False
    readable = select.poll()  # and not select.select, which takes no file above the 1024th
    readable.register(connection.fileno(), select.POLLIN)
    return not readable.poll(0)


def close(connection: psycopg.Connection[Any]) -> None:
    """Close ``connection``; never raises."""
    with suppress(psycopg.Error, OSError):  # what matters was answered before
        connection.close()


def _first_line(error: psycopg.Error) -> str:
    """Return what libpq says of one server, without its preface."""
    lines = str(error).removeprefix("connection failed: ").splitlines() or [type(error).__name__]
    return lines[0]
