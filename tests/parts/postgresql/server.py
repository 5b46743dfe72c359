"""A server that tests talk to, and one that they may stop, crash and start again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import psycopg
import pytest

from tests.parts.child import Child
from tests.parts.waiting import free_port, wait_for

USER, PASSWORD = "sidecar", "hunter2"
START_WITHIN = 60.0

SETTINGS = {
    "unix_socket_directories": "",
    "listen_addresses": "127.0.0.1",
    "max_connections": "60",
    "deadlock_timeout": "20ms",
    "max_prepared_transactions": "4",
    "shared_buffers": "128MB",
    "max_wal_size": "4GB",
}
"""What our own servers are started with: deadlocks are found soon, nothing else changes what a statement does."""


class PostgreSQL(Protocol):
    """A real server."""

    @property
    def kind(self) -> str:
        """What it is, for people."""

    @property
    def url(self) -> str:
        """Its address, with the password of a user who may do everything."""

    def query(self, statement: str) -> Sequence[tuple[Any, ...]]:
        """Run ``statement``, and return its rows, if it has any."""

    def crash(self) -> None:
        """Stop at once, as ``pg_ctl stop -m immediate`` does; the test is skipped where it is not ours."""

    def start(self) -> None:
        """Start again after :meth:`crash`."""

    def close(self) -> None:
        """Give everything back."""


def query(url: str, statement: str) -> Sequence[tuple[Any, ...]]:
    """Run ``statement`` (several, separated by semicolons, too) on a connection of its own, and return the last rows."""
    with psycopg.connect(url, autocommit=True) as connection:
        *_, last = connection.execute(statement.encode()).results()
        return last.fetchall() if last.description else []


class Given:
    """The server at an address from the environment."""

    def __init__(self, url: str) -> None:
        self.url = url

    @property
    def kind(self) -> str:
        """What it is, for people."""
        (row,) = self.query("SHOW server_version")
        return f"the given one, version {row[0]}"

    def query(self, statement: str) -> Sequence[tuple[Any, ...]]:
        """Run ``statement``."""
        return query(self.url, statement)

    def crash(self) -> None:
        """Refuse."""
        pytest.skip("the PostgreSQL at TEST_POSTGRESQL_URL is not ours to stop. To have one that is: unset it")

    def start(self) -> None:
        """Do nothing: it runs."""

    def close(self) -> None:
        """Leave it as it is."""


class Own:
    """A server with a fresh data folder, run from ``programs``; ``settings`` add to :data:`SETTINGS`."""

    def __init__(self, programs: Path, settings: Mapping[str, str] | None = None) -> None:
        self._programs = programs
        self._settings = SETTINGS | dict(settings or {})
        self._folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
        self._port = free_port()
        self._child: Child | None = None
        self._make_data()
        self.start()

    @property
    def kind(self) -> str:
        """What it is, for people."""
        (row,) = self.query("SHOW server_version")
        return f"version {row[0]} from {self._programs} on port {self._port}"

    @property
    def url(self) -> str:
        """Its address."""
        return f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{self._port}/postgres"

    def query(self, statement: str) -> Sequence[tuple[Any, ...]]:
        """Run ``statement``."""
        return query(self.url, statement)

    def crash(self) -> None:
        """Stop at once: the next start recovers."""
        self._stop(signal.SIGQUIT)

    def start(self) -> None:
        """Start, and wait until it answers."""
        settings = [f"--{name}={value}" for name, value in (self._settings | {"port": str(self._port)}).items()]
        argv = [*as_other_user(), str(self._programs / "postgres"), "-D", str(self._data), *settings]
        self._child = Child(argv, env=_environ(), folder=self._folder, log=self._folder / "log")
        wait_for(self._answers, f"PostgreSQL on port {self._port}", START_WITHIN)

    def close(self) -> None:
        """Stop, and remove everything."""
        self._stop(signal.SIGQUIT)
        shutil.rmtree(self._folder)

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _make_data(self) -> None:
        self._data.mkdir()
        password = self._folder / "password"
        password.write_text(PASSWORD, "utf-8")
        if os.geteuid() == 0:
            for path in (self._folder, self._data, password):
                shutil.chown(path, "nobody", "nogroup")
        initdb = [str(self._programs / "initdb"), "-D", str(self._data), "--no-sync", "--encoding=UTF8", "--locale=C"]
        login = [f"--username={USER}", f"--pwfile={password}", "--auth=scram-sha-256"]
        made = subprocess.run(
            [*as_other_user(), *initdb, *login], env=_environ(), cwd=self._folder, capture_output=True, text=True, check=False
        )
        assert made.returncode == 0, made.stderr

    def _answers(self) -> bool:
        assert self._child is not None
        assert self._child.running, f"PostgreSQL ended; its log ends:\n{self._child.tail()}"
        with suppress(psycopg.OperationalError):
            return bool(self.query("SELECT 1"))
        return False

    def _stop(self, number: signal.Signals) -> None:
        if self._child is not None:
            self._child.send(number)
            self._child.wait(START_WITHIN)
            self._child = None


def _environ() -> Mapping[str, str]:
    return {"PATH": os.environ["PATH"], "LC_ALL": "C"}


def as_other_user() -> Sequence[str]:
    """Run as ``nobody`` where this is root; the kernel still ends the server with the test run."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--pdeathsig=KILL", "--"]
