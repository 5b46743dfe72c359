"""The scene of the faults of a database: one topic, one consumer group, one table of a real PostgreSQL, and sidecars that write into it.

The topic's records are numbered and have no gaps, so the table tells all: what is missing, what is there twice, and what another one has been in the way of.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg

from tests.parts.environ import sidecar_environ
from tests.parts.kafka import RealKafka
from tests.parts.postgresql import PostgreSQL
from tests.parts.process import RunningSidecar, SidecarProcess
from tests.parts.progress import wait_caught_up, wait_committed
from tests.parts.topics import committed, create_topic, fresh_name, log_ends, produce_numbered
from tests.parts.waiting import wait_for

LONG = 60.0
"""Seconds within which all that these tests wait for happens, also on a machine that others use too."""

PARTITIONS = 4


class Table:
    """A topic, a group, a table and a database role of their own. In statements ``{t}``, ``{o}`` and ``{r}`` stand for table, offsets' table and role."""

    def __init__(self, kafka: RealKafka, server: PostgreSQL, folder: Path) -> None:
        self.topic = fresh_name("orders")
        self.group = fresh_name("group")
        self.produced = 0
        self.server = server
        self._names = {letter: fresh_name(letter).replace("-", "_") for letter in "tor"}
        self._kafka = kafka
        self._folder = folder
        create_topic(kafka.bootstrap, self.topic, PARTITIONS)
        self.query("CREATE ROLE {r} LOGIN PASSWORD 'hunter2'; GRANT CREATE, USAGE ON SCHEMA public TO {r}")

    @property
    def url(self) -> str:
        """The address for the role."""
        parts = urlsplit(self.server.url)
        return parts._replace(netloc=f"{self._names['r']}:hunter2@{parts.hostname}:{parts.port}").geturl()

    def produce(self, count: int) -> None:
        """Produce ``count`` records more, spread evenly over the partitions."""
        produce_numbered(self._kafka.bootstrap, self.topic, range(self.produced, self.produced + count), PARTITIONS)
        self.produced += count

    def sidecar(self, url: str | None = None, **more: str) -> SidecarProcess:
        """Start a sidecar of the group that writes to ``url`` (None: straight to the server), with ``more`` settings of its own."""
        settings = {
            "KAFKA__GROUP_ID": self.group,
            "WRITER__TABLE": self._names["t"],
            "WRITER__OFFSETS_TABLE": self._names["o"],
            "WRITER__VALUE": "text",
            "WRITER__CREATE": "true",
            "FLUSH__MAX_BATCH": "200",
            **more,
        }
        return SidecarProcess(sidecar_environ(self._kafka.bootstrap, self.topic, url or self.url, **settings), self._folder)

    def query(self, statement: str) -> Sequence[tuple[Any, ...]]:
        """Run a statement as the user who may do everything."""
        return self.server.query(self.statement(statement))

    def statement(self, text: str) -> str:
        """Return a statement with the names in it."""
        return text.format(**self._names)

    def session(self) -> psycopg.Connection[Any]:
        """Return a session of somebody else who may do everything, with a transaction open at its first statement."""
        return psycopg.connect(self.server.url)

    def count(self) -> int:
        """Count the rows."""
        return int(self.query("SELECT count(*) FROM {t}")[0][0])

    def wait_rows(self, count: int) -> None:
        """Return when the table, which is there, has at least ``count`` rows."""
        wait_for(lambda: self.count() >= count, f"{count} rows", LONG)

    def wait_made(self) -> None:
        """Return when the table is there."""
        wait_for(lambda: self.query("SELECT to_regclass('{t}')")[0][0], "the table is made", LONG)

    def wait_caught_up(self, sidecar: RunningSidecar) -> None:
        """Return when ``sidecar`` has all of the topic, and each record so far has its outcome."""
        wait_caught_up(sidecar, self._kafka.bootstrap, self.topic, LONG)

    def wait_committed(self) -> None:
        """Return when all of the topic is committed to Kafka."""
        wait_committed(self._kafka.bootstrap, self.group, self.topic, LONG)

    def terminate(self) -> None:
        """End all sessions of the role."""
        self.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{r}'")

    def assert_each_once(self, *missing: int) -> None:
        """Assert that each record is in the table once, except those numbered ``missing``, and that both offsets are at the ends of the log."""
        numbers = [row[0] for row in self.query("SELECT (value::json ->> 'id')::bigint FROM {t} ORDER BY 1")]
        assert numbers == [number for number in range(self.produced) if number not in missing]
        places = self.query("SELECT partition, \"offset\" FROM {t} WHERE value::json ->> 'id' IS NOT NULL")
        assert len(places) == len(set(places))
        ends = log_ends(self._kafka.bootstrap, self.topic)
        assert dict(self.query("SELECT partition, next_offset FROM {o}")) == ends
        assert committed(self._kafka.bootstrap, self.group, self.topic) == ends

    def close(self) -> None:
        """Remove the tables and the role."""
        self.terminate()
        self.query("DROP TABLE IF EXISTS {t}, {o} CASCADE; DROP OWNED BY {r}; DROP ROLE {r}")


@contextmanager
def table(kafka: RealKafka, server: PostgreSQL, folder: Path, *, records: int = 0) -> Iterator[Table]:
    """Set a scene with ``records`` in the topic."""
    made = Table(kafka, server, folder)
    try:
        made.produce(records)
        yield made
    finally:
        made.close()
