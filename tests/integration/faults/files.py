"""The scene of a file of SQLite: one topic, one consumer group, and sidecars that write into a table of the file."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from tests.integration.faults import dying
from tests.integration.lifecycle.scene import LONG
from tests.parts.environ import sidecar_environ
from tests.parts.kafka import RealKafka
from tests.parts.process import SidecarProcess
from tests.parts.progress import wait_committed
from tests.parts.topics import committed, create_topic, fresh_name, log_ends, produce_numbered

PARTITIONS = 4


class TableFile:
    """A topic, a group, and a file of their own at ``path``."""

    def __init__(self, kafka: RealKafka, folder: Path, path: Path) -> None:
        """Create the topic; the file is made by the first sidecar."""
        self.path = path
        self.topic, self.group = fresh_name("orders"), fresh_name("group")
        self.produced = 0
        self.bootstrap = kafka.bootstrap
        self.trail = folder / "trail"
        self._folder = folder
        create_topic(self.bootstrap, self.topic, PARTITIONS)

    def produce(self, count: int) -> None:
        """Produce ``count`` records more, spread evenly over the partitions."""
        produce_numbered(self.bootstrap, self.topic, range(self.produced, self.produced + count), PARTITIONS)
        self.produced += count

    def sidecar(self, **more: str) -> SidecarProcess:
        """Start a sidecar of the group, with ``more`` settings of its own."""
        return SidecarProcess(self._environ(more), self._folder)

    def dying(self, at: str, times: int, **more: str) -> SidecarProcess:
        """Start one that dies at a statement; :attr:`trail` tells what was before. See :mod:`tests.integration.faults.dying`."""
        prefix = [sys.executable, dying.__file__, str(self.trail), at, str(times)]
        return SidecarProcess(self._environ(more), self._folder, prefix)

    def written(self) -> tuple[dict[int, int], list[tuple[int, int]]]:
        """Return the offsets in the file, and partition and offset of each row, both of one moment."""
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute("BEGIN")
            offsets = dict(connection.execute(f"SELECT partition, next_offset FROM {dying.OFFSETS}"))  # noqa: S608 -- our own name
            rows = connection.execute(f"SELECT partition, offset FROM {dying.TABLE} ORDER BY 1, 2")  # noqa: S608 -- our own name
            return offsets, rows.fetchall()

    def stored(self) -> dict[int, int]:
        """Return the offsets in the file."""
        return self.written()[0]

    def committed(self) -> dict[int, int]:
        """Return what the group committed to Kafka."""
        return committed(self.bootstrap, self.group, self.topic)

    def wait_committed(self) -> None:
        """Return when all of the topic is committed to Kafka."""
        wait_committed(self.bootstrap, self.group, self.topic, LONG)

    def assert_whole(self) -> None:
        """Assert that each record below the offsets in the file is there once, and no other."""
        offsets, rows = self.written()
        assert rows == [(partition, offset) for partition, end in sorted(offsets.items()) for offset in range(end)]

    def assert_each_once(self) -> None:
        """Assert that each record is there once, and that both offsets are at the ends of the log."""
        self.assert_whole()
        assert self.stored() == self.committed() == log_ends(self.bootstrap, self.topic)
        assert sum(self.stored().values()) == self.produced

    def _environ(self, more: dict[str, str]) -> dict[str, str]:
        settings = {
            "KAFKA__GROUP_ID": self.group,
            "KAFKA__SESSION_TIMEOUT_MS": "6000",
            "KAFKA__HEARTBEAT_INTERVAL_MS": "500",
            "KAFKA__GROUP_INSTANCE_ID": "pod-0",  # the next process takes the place of the dead one at once
            "WRITER__TABLE": dying.TABLE,
            "WRITER__OFFSETS_TABLE": dying.OFFSETS,
            "WRITER__CREATE": "true",
            "FLUSH__MAX_BATCH": "200",
            **more,
        }
        return sidecar_environ(self.bootstrap, self.topic, f"sqlite://{self.path}", **settings)
