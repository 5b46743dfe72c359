"""Holds cost no memory: a partition that is paused and resumed ten thousand times, on the real broker."""

from __future__ import annotations

import resource
from pathlib import Path

from sidecar.core.records import TopicPartition
from tests.integration.client.members import Member
from tests.parts.kafka import RealKafka
from tests.parts.topics import create_topic, fresh_name, produce_numbered

CYCLES = 10_000
SETTLED = 2_000
"""Cycles after which everything that is allocated once is allocated."""

MOST_GROWTH = 4 * 2**20


def test_ten_thousand_cycles_of_pause_and_resume_leave_the_memory_flat(kafka: RealKafka) -> None:
    topic = fresh_name("orders")
    create_topic(kafka.bootstrap, topic)
    produce_numbered(kafka.bootstrap, topic, range(1_000), padding=1_000)
    tp = TopicPartition(topic, 0)
    with Member(kafka, topic=topic) as member:
        member.poll_until(lambda: member.owns(tp))
        settled = 0
        for cycle in range(CYCLES):
            member.client.pause([tp])
            member.client.resume({tp: cycle % 1_000})
            member.notes.took(member.client.poll(100, 0.001, 0.0))
            if cycle == SETTLED:
                settled = resident()
        assert resident() - settled < MOST_GROWTH


def resident() -> int:
    """Return the resident memory of this process, in bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()
