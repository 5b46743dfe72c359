"""Fault 47: a disk that is full, one that fails, and a file that ends in the middle of a line."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.integration.faults.conftest import FailingDisk
from tests.integration.faults.files import TableFile
from tests.integration.lifecycle.scene import LONG, drain
from tests.parts.environ import sidecar_environ
from tests.parts.kafka import RealKafka
from tests.parts.process import SidecarProcess, caught_up
from tests.parts.topics import committed, create_topic, fresh_name, log_ends, produce_numbered

RECORDS = 10_000


def test_fault_47_a_full_disk_holds_everything_until_there_is_room(kafka: RealKafka, tmp_path: Path, small_disk: Path) -> None:
    (small_disk / "filler").write_bytes(bytes(8_000_000))
    file = small_disk / "out.ndjson"
    topic, environ = topic_with(kafka, RECORDS, file)
    with SidecarProcess(environ, tmp_path) as sidecar:
        full = sidecar.wait_status(lambda status: status["breaker"]["state"] == "open", "the disk is full", LONG)
        assert "No space left on device" in full["breaker"]["reason"]
        (small_disk / "filler").unlink()
        sidecar.wait_status(caught_up, "it is caught up", LONG)
        drain(sidecar)
    assert_each_once(kafka, topic, environ, file)


def test_fault_47_a_disk_that_fails_holds_everything_until_it_works_again(
    kafka: RealKafka, tmp_path: Path, failing_disk: FailingDisk
) -> None:
    """The file system takes what is written, and fails when it is to be on the disk: so it must not be committed."""
    file = failing_disk.folder / "out.ndjson"
    topic, environ = topic_with(kafka, RECORDS, file)
    with SidecarProcess(environ, tmp_path) as sidecar:
        sidecar.wait_status(caught_up, "it writes", LONG)
        failing_disk.fail()
        produce_numbered(kafka.bootstrap, topic, range(RECORDS, 2 * RECORDS))
        failed = sidecar.wait_status(lambda status: status["breaker"]["state"] == "open", "the disk fails", LONG)
        assert "Input/output error" in failed["breaker"]["reason"]
        failing_disk.mend()
        sidecar.wait_status(
            lambda status: caught_up(status) and status["books"]["delivered"] == 2 * RECORDS, "it is caught up", LONG
        )
        drain(sidecar)
    assert_each_once(kafka, topic, environ, file)


def test_fault_47_a_full_disk_below_a_file_of_sqlite_holds_everything_until_there_is_room(
    kafka: RealKafka, tmp_path: Path, small_disk: Path
) -> None:
    it = TableFile(kafka, tmp_path, small_disk / "orders.db")
    it.produce(RECORDS)
    with it.sidecar() as sidecar:
        sidecar.wait_status(caught_up, "it writes", LONG)
        filler = small_disk / "filler"
        fill(filler)
        it.produce(RECORDS)
        full = sidecar.wait_status(lambda status: status["breaker"]["state"] == "open", "the disk is full", LONG)
        assert "SQLITE_FULL" in full["breaker"]["reason"]
        it.assert_whole()
        filler.unlink()
        sidecar.wait_status(
            lambda status: caught_up(status) and status["books"]["delivered"] == 2 * RECORDS, "it is caught up", LONG
        )
        drain(sidecar)
    it.assert_each_once()


def fill(filler: Path) -> None:
    """Take up what is left of a disk."""
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass


def test_fault_47_a_torn_last_line_is_cut_off_and_written_again(kafka: RealKafka, tmp_path: Path) -> None:
    """What is torn was never answered for, so it was never committed: it is what a crash, or a lost power supply, leaves of the last write."""
    file = tmp_path / "out.ndjson"
    topic, environ = topic_with(kafka, RECORDS, file)
    with SidecarProcess(environ, tmp_path) as sidecar:
        sidecar.wait_status(caught_up, "it is caught up", LONG)
        drain(sidecar)
    produce_numbered(kafka.bootstrap, topic, range(RECORDS, 2 * RECORDS))
    with file.open("ab") as torn:
        torn.write(b'{"topic":"' + topic.encode() + b'","partition":0,"off')
    with SidecarProcess(environ, tmp_path) as sidecar:
        sidecar.wait_status(caught_up, "it is caught up", LONG)
        drain(sidecar)
    assert_each_once(kafka, topic, environ, file)


def topic_with(kafka: RealKafka, records: int, file: Path) -> tuple[str, dict[str, str]]:
    """Return a topic of one partition with ``records``, and the environment of a sidecar that writes them to ``file``."""
    topic = fresh_name("orders")
    create_topic(kafka.bootstrap, topic)
    produce_numbered(kafka.bootstrap, topic, range(records))
    return topic, sidecar_environ(kafka.bootstrap, topic, f"file://{file}", FLUSH__MAX_BATCH="200")


def assert_each_once(kafka: RealKafka, topic: str, environ: dict[str, str], file: Path) -> None:
    """Assert that the file has each record of the topic once and in order, and that all is committed."""
    ends = log_ends(kafka.bootstrap, topic)
    lines: list[dict[str, Any]] = [json.loads(line) for line in file.read_bytes().splitlines()]
    assert [line["offset"] for line in lines] == list(range(ends[0]))
    assert committed(kafka.bootstrap, environ["SIDECAR_KAFKA__GROUP_ID"], topic) == ends
