"""The scene of copies: one topic, one consumer group, and sidecars that copy the topic's records into another topic, as a reader of committed records sees it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from tests.parts.environ import sidecar_environ
from tests.parts.kafka import RealKafka
from tests.parts.log import messages_in_log
from tests.parts.process import RunningSidecar, SidecarProcess
from tests.parts.progress import wait_caught_up, wait_committed
from tests.parts.topics import committed, create_topic, fresh_name, log_ends, produce_numbered

LONG = 90.0
"""Seconds within which all that these tests wait for happens, also on a machine that others use too."""

PARTITIONS = 4


class Copy:
    """Two topics and a group of their own."""

    def __init__(self, kafka: RealKafka, folder: Path) -> None:
        """Create both topics."""
        self.source, self.group = fresh_name("orders"), fresh_name("group")
        self.copy = f"{self.source}.copy"
        self.produced = 0
        self.bootstrap = kafka.bootstrap
        self._folder = folder
        create_topic(self.bootstrap, self.source, PARTITIONS)
        create_topic(self.bootstrap, self.copy, PARTITIONS, {"max.message.bytes": "100000"})

    def produce(self, count: int) -> None:
        """Produce ``count`` records more, spread evenly over the partitions."""
        produce_numbered(self.bootstrap, self.source, range(self.produced, self.produced + count), PARTITIONS)
        self.produced += count

    def sidecar(self, name: str = "a", **more: str) -> SidecarProcess:
        """Start the sidecar ``name`` of the group, with ``more`` settings of its own."""
        settings = {
            "KAFKA__GROUP_ID": self.group,
            "KAFKA__SESSION_TIMEOUT_MS": "6000",
            "KAFKA__HEARTBEAT_INTERVAL_MS": "500",
            "WRITER__PARTITION": "same",
            "WRITER__TRANSACTIONAL_ID_PREFIX": f"{self.group}-{name}",
            "WRITER__TRANSACTION_TIMEOUT": "5s",
            "FLUSH__MAX_BATCH": "200",
            **more,
        }
        settings = {key: text for key, text in settings.items() if text}
        url = f"kafka://{self.bootstrap}/{{topic}}.copy"
        return SidecarProcess(sidecar_environ(self.bootstrap, self.source, url, **settings), self._folder)

    def numbers(self, partition: int) -> list[int]:
        """Return the numbers of the records of a partition of the copy, in their order."""
        messages = messages_in_log(self.bootstrap, self.copy, partition)
        return [msgspec.json.decode(message.value() or b"")["id"] for message in messages]

    def wait_caught_up(self, sidecar: RunningSidecar) -> None:
        """Return when ``sidecar`` has all of the source, and each record so far has its outcome."""
        wait_caught_up(sidecar, self.bootstrap, self.source, LONG)

    def wait_committed(self) -> None:
        """Return when all of the source is committed."""
        wait_committed(self.bootstrap, self.group, self.source, LONG)

    def assert_each_once(self, *missing: int) -> None:
        """Assert that each record is in the copy once, in its order, except those numbered ``missing``, and that all is committed."""
        for partition in range(PARTITIONS):
            wanted = [number for number in range(partition, self.produced, PARTITIONS) if number not in missing]
            assert self.numbers(partition) == wanted, f"partition {partition}"
        assert committed(self.bootstrap, self.group, self.source) == log_ends(self.bootstrap, self.source)
