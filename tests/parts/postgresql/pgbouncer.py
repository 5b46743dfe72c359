"""pgbouncer for tests: Debian's package, unpacked into ``.cache``. One runs in front of a server, in transaction mode."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from tests.parts.child import Child
from tests.parts.kafka import Unavailable
from tests.parts.missing import part_missing
from tests.parts.postgresql.server import as_other_user, query
from tests.parts.unpacked import unpack
from tests.parts.waiting import free_port, wait_for

CACHE = Path(__file__).parents[3] / ".cache"
FOLDER = CACHE / "pgbouncer"
PACKAGES = ("pgbouncer", "libc-ares2", "libevent-2.1-7")
START_WITHIN = 30.0

CONFIGURATION = """\
[databases]
* = host={host} port={server_port} user={user} password={password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {sessions}
"""


def fetch() -> None:
    """Unpack Debian's packages into the cache unless they are there; raises :class:`Unavailable`."""
    if FOLDER.is_dir():
        return
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        unpacked = unpack(PACKAGES, Path(scratch))
        if not FOLDER.is_dir():  # another run was quicker: its folder stays
            unpacked.rename(FOLDER)


@contextmanager
def pgbouncer(server: str, sessions: int) -> Iterator[str]:
    """Run one that shares ``sessions`` sessions of the server at that URL among all who come; give its own URL."""
    program = _program_or_skip()
    parts, port = urlsplit(server), free_port()
    folder = Path(tempfile.mkdtemp(prefix="pgbouncer-"))
    configuration = folder / "pgbouncer.ini"
    configuration.write_text(
        CONFIGURATION.format(
            host=parts.hostname,
            server_port=parts.port or 5432,
            user=parts.username,
            password=parts.password,
            port=port,
            sessions=sessions,
        ),
        "utf-8",
    )
    libraries = ":".join(str(path) for path in (FOLDER / "usr" / "lib").glob("*-linux-gnu"))
    env = {"PATH": os.environ["PATH"], "LD_LIBRARY_PATH": libraries}
    folder.chmod(0o755)
    child = Child([*as_other_user(), str(program), str(configuration)], env=env, folder=folder, log=folder / "log")
    url = f"postgresql://anybody@127.0.0.1:{port}{parts.path}"
    try:
        wait_for(lambda: _answers(url, child), f"pgbouncer on port {port}", START_WITHIN)
        yield url
    finally:
        child.end(0)
        shutil.rmtree(folder)


def _answers(url: str, child: Child) -> bool:
    assert child.running, f"pgbouncer ended; its log ends:\n{child.tail()}"
    with suppress(psycopg.OperationalError):
        return bool(query(url, "SELECT 1"))
    return False


def _program_or_skip() -> Path:
    try:
        fetch()
    except Unavailable as unavailable:
        part_missing(str(unavailable), "python -m tests.parts")
    return FOLDER / "usr" / "sbin" / "pgbouncer"
