"""Fault 46: a dead-letter topic that takes nothing, where the downstream keeps offsets. (Of other downstreams: tests/integration/data/test_dead_letters.py.)."""

from __future__ import annotations

from tests.integration.faults.tables import LONG, Table
from tests.integration.lifecycle.scene import drain
from tests.parts.kafka import RealKafka
from tests.parts.log import messages_in_log
from tests.parts.process import caught_up
from tests.parts.topics import committed, create_topic

RECORDS = 20_000
BAD = 2_001
"""The number of the record that the table does not take: partition 1, offset 500."""


def test_fault_46_neither_offset_passes_a_dead_letter_that_its_topic_does_not_take_and_a_crash_does_not_lose_it(
    it: Table, kafka: RealKafka
) -> None:
    small, dead = f"{it.topic}.small", f"{it.topic}.dead"
    create_topic(kafka.bootstrap, small, config={"max.message.bytes": "100"})
    create_topic(kafka.bootstrap, dead)
    member = {"KAFKA__SESSION_TIMEOUT_MS": "6000", "KAFKA__GROUP_INSTANCE_ID": "pod-0"}
    with it.sidecar(**member, DEAD_LETTER__TOPIC=small) as sidecar:
        it.wait_made()
        it.query("ALTER TABLE {t} ADD CONSTRAINT wanted CHECK ((value::json ->> 'id')::bigint <> " + f"{BAD})")
        it.produce(RECORDS)
        sidecar.wait_status(
            lambda status: any("dead_letter" in each["holds"] for each in status["partitions"]), "it waits for its letter", LONG
        )
        it.wait_rows(RECORDS // 4 * 3 + 500)  # the other partitions go on to their ends
        sidecar.sigkill()
    assert it.query("SELECT next_offset FROM {o} WHERE partition = 1") == [(500,)]
    assert committed(kafka.bootstrap, it.group, it.topic).get(1, 0) <= 500
    with it.sidecar(**member, DEAD_LETTER__TOPIC=dead) as sidecar:
        sidecar.wait_status(caught_up, "it is caught up", LONG)
        drain(sidecar)
    it.assert_each_once(BAD)
    assert [letter.value() for letter in messages_in_log(kafka.bootstrap, dead)] == [b'{"id": %d}' % BAD]
