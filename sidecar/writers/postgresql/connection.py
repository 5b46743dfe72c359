"""Connections to PostgreSQL that keep a deadline and leave nothing in a session.

- Each wait ends at the deadline. The server is told a shorter one (``SET LOCAL statement_timeout``), so it gives up by itself and says so; ours is for a
  server or a network that answers no more, and then the connection is closed, as nothing can be known of it.
- Nothing lasts longer than a transaction: no prepared statement, no ``SET``, no temporary table. So pgbouncer in transaction mode may stand between.
- To open one takes at least 2 s where nobody answers: libpq has no shorter time limit.
"""

from __future__ import annotations

import select
import time
from collections.abc import Mapping
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
            given = conninfo.conninfo_to_dict(url)
        except psycopg.ProgrammingError:  # what it says can quote the URL
            given = {}
        if not _is_plausible(given, url):
            raise ConfigurationError(
                "SIDECAR_WRITER__URL: not an address of PostgreSQL; write postgresql://user@host:5432/database, "
                "special characters of user and password as %XX"
            )
        self._parameters = {**_DEFAULTS, **given}
        self.name = f"postgresql://{_servers(given)}/{given.get('dbname', '')}"
        self._hosts = 1 + str(self._parameters.get("host", "")).count(",")

    def open(self, deadline: float) -> TimedConnection:
        """Return a new connection; raises WriterUnavailable by ``deadline`` (2 s later at worst)."""
        left = max(0.0, min(_LONGEST_CONNECT, deadline - time.monotonic()))
        seconds = int(max(1.0, left / self._hosts))
        whole = conninfo.make_conninfo("", **self._parameters | {"connect_timeout": seconds, "client_encoding": "utf8"})
        try:
            connection = TimedConnection.connect(whole, autocommit=True, prepare_threshold=None)
        except psycopg.Error as error:
            # A frame of psycopg's names the error: in that cycle the batch of a caller would live on until a collection, and those are rare.
            error.__traceback__ = None
            raise WriterUnavailable(f"no connection to {self.name}: {_first_line(error)}") from error
        connection.deadline = deadline
        return connection


def _is_plausible(given: Mapping[str, Any], url: str) -> bool:
    """Tell whether libpq has found an address in ``url``, and nobody who reads it takes a part of a password for something else.

    libpq goes on to the ``@`` over what ends a host elsewhere (``#``, ``?``), and takes what is before a slash for host and port.
    """
    parts = urlsplit(url)
    misread = "#" in url or ("@" in parts.query and not parts.path)
    misread |= "@" in str(given.get("dbname", "")) and "%40" not in url
    misread |= any("@" in host[1:] for host in _listed(given, "host"))  # in front it is the name of a socket
    return bool(given) and not misread and all(port.isdecimal() or not port for port in _listed(given, "port"))


def _servers(given: Mapping[str, Any]) -> str:
    """Return hosts and ports as libpq has read them."""
    hosts, ports = _listed(given, "host"), _listed(given, "port")
    ports = ports * len(hosts) if len(ports) == 1 else ports
    named = [f"[{host}]" if ":" in host else host for host in hosts]
    return ",".join(f"{host}:{port}" if port else host for host, port in zip(named, ports, strict=False)) or "local socket"


def _listed(given: Mapping[str, Any], name: str) -> list[str]:
    return str(given.get(name, "")).split(",")


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
