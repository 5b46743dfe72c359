from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.parts import behaviour
from tests.parts.app import Application
from tests.parts.kafka import RealKafka
from tests.parts.process import SidecarProcess
from tests.parts.topics import create_topic, fresh_name, produce_numbered

PARTITIONS = 6
RECORDS = 120_000


def delivered(status: Any) -> int:
    books: dict[str, int] = status["books"]
    return books["delivered"]


def test_under_a_backlog_of_large_batches_every_partition_gets_its_share(kafka: RealKafka, tmp_path: Path) -> None:
    """The producer's batches are larger than one fetch of a partition: the client alone would read partition after partition."""
    topic = fresh_name("large-batches")
    create_topic(kafka.bootstrap, topic, PARTITIONS)
    produce_numbered(kafka.bootstrap, topic, range(RECORDS), PARTITIONS, padding=500)
    env = {
        "SIDECAR_TOPICS": topic,
        "SIDECAR_KAFKA__BOOTSTRAP_SERVERS": kafka.bootstrap,
        "SIDECAR_KAFKA__GROUP_ID": fresh_name("group"),
        "SIDECAR_BUFFER__MAX_MESSAGES": "5000",
        "SIDECAR_FLUSH__MAX_BATCH": "500",
    }
    with Application(behaviour.slow(0.02)) as application:
        with SidecarProcess(env | {"SIDECAR_WRITER__URL": application.url}, tmp_path) as sidecar:
            half = sidecar.wait_status(lambda status: delivered(status) >= RECORDS // 2, "half is delivered", within=60)
            positions = [partition["committable"] for partition in half["partitions"]]
            assert len(positions) == PARTITIONS
            assert min(positions) > 0
            sidecar.wait_status(lambda status: status["lag"]["records"] == 0, "everything is delivered", within=60)
            sidecar.sigterm()
            assert sidecar.wait_exit() == 0
        application.assert_in_order()
        assert application.duplicates == 0
        assert len(application.ids) == RECORDS
