from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.lifecycle.scene import drain, scene
from tests.parts.docker import DockerEngine, NoEngine
from tests.parts.kafka import Unavailable
from tests.parts.kafka.container import ContainerKafka
from tests.parts.kafka.image import make_image
from tests.parts.missing import part_missing
from tests.parts.topics import create_topic, fresh_name, log_ends, produce_numbered


@pytest.fixture(scope="module")
def container_kafka(engine: DockerEngine) -> Iterator[ContainerKafka]:
    try:
        broker = ContainerKafka(engine, make_image(engine))
    except (NoEngine, Unavailable) as missing:
        part_missing(str(missing), "python -m tests.parts")
    yield broker
    broker.close()


def test_records_go_through_a_kafka_that_testcontainers_started(container_kafka: ContainerKafka, tmp_path: Path) -> None:
    with scene(container_kafka, tmp_path, records=1_000) as it, it.sidecar() as sidecar:
        it.wait_taken(1_000)
        drain(sidecar)
        it.assert_all_taken_once()


def test_it_keeps_its_records_and_its_address_over_a_restart(container_kafka: ContainerKafka) -> None:
    topic = fresh_name("orders")
    create_topic(container_kafka.bootstrap, topic, partitions=2)
    produce_numbered(container_kafka.bootstrap, topic, range(100), partitions=2)
    container_kafka.restart()
    assert log_ends(container_kafka.bootstrap, topic) == {0: 50, 1: 50}
