from __future__ import annotations

from pathlib import Path

from tests.integration.data.stage import drain, offsets_taken, wait_done
from tests.parts.app import Application
from tests.parts.behaviour import slow
from tests.parts.environ import sidecar_environ
from tests.parts.kafka import RealKafka
from tests.parts.log import offsets_in_log
from tests.parts.process import SidecarProcess, caught_up
from tests.parts.topics import (
    COMPACTED,
    Message,
    create_topic,
    fresh_name,
    grow_topic,
    log_ends,
    produce,
    produce_aborted,
    produce_committed,
    produce_numbered,
)
from tests.parts.waiting import wait_for


def keyed(numbers: range) -> list[Message]:
    return [Message(b'{"id": %d}' % number, key=b"key-%d" % (number % 10)) for number in numbers]


def test_a_compacted_topic_is_delivered_with_its_gaps_and_its_lag_reaches_zero(kafka: RealKafka, tmp_path: Path) -> None:
    topic = fresh_name("compacted")
    create_topic(kafka.bootstrap, topic, config=COMPACTED)
    produce(kafka.bootstrap, topic, keyed(range(1000)))

    def is_compacted() -> bool:
        produce(kafka.bootstrap, topic, keyed(range(1000, 1001)))  # a later record begins a new segment
        return len(offsets_in_log(kafka.bootstrap, topic)) < 500

    wait_for(is_compacted, "the broker compacts the topic", 60)
    before = offsets_in_log(kafka.bootstrap, topic)
    with Application() as app, SidecarProcess(sidecar_environ(kafka.bootstrap, topic, app.url), tmp_path) as sidecar:
        done = wait_done(sidecar, kafka.bootstrap, topic)
        books = drain(sidecar)
    delivered = offsets_taken(app, topic)
    assert delivered == sorted(delivered)
    assert (
        set(offsets_in_log(kafka.bootstrap, topic)) <= set(delivered) <= set(before)
    )  # the broker may compact what is left of it
    assert len(delivered) == books["polled"] < log_ends(kafka.bootstrap, topic)[0]
    assert done["lag"]["records"] == 0


def test_aborted_records_are_never_delivered_and_the_commit_passes_the_markers(kafka: RealKafka, tmp_path: Path) -> None:
    topic = fresh_name("transactional")
    create_topic(kafka.bootstrap, topic)
    produce_committed(kafka.bootstrap, topic, keyed(range(20)))
    produce_aborted(kafka.bootstrap, topic, keyed(range(1000, 1030)))
    produce_committed(kafka.bootstrap, topic, keyed(range(20, 30)))
    with Application() as app, SidecarProcess(sidecar_environ(kafka.bootstrap, topic, app.url), tmp_path) as sidecar:
        wait_done(sidecar, kafka.bootstrap, topic)
        produce_aborted(kafka.bootstrap, topic, keyed(range(1030, 1040)))  # nothing but what nobody may read
        done = wait_done(sidecar, kafka.bootstrap, topic)
        assert drain(sidecar)["polled"] == 30
    assert app.ids == tuple(range(30))
    assert done["partitions"][0]["committed"] == log_ends(kafka.bootstrap, topic)[0] == 30 + 40 + 4  # a marker each
    assert caught_up(done)


def test_partitions_that_are_added_under_load_are_taken_too(kafka: RealKafka, tmp_path: Path) -> None:
    topic = fresh_name("growing")
    create_topic(kafka.bootstrap, topic)
    produce_numbered(kafka.bootstrap, topic, range(5000))
    with Application(slow(0.02)) as app, SidecarProcess(sidecar_environ(kafka.bootstrap, topic, app.url), tmp_path) as sidecar:
        sidecar.wait_status(lambda status: status["books"]["delivered"] > 0, "it delivers")
        grow_topic(kafka.bootstrap, topic, 3)
        produce_numbered(kafka.bootstrap, topic, range(5000, 8000), partitions=3)
        wait_done(sidecar, kafka.bootstrap, topic)
        assert drain(sidecar)["delivered"] == 8000
        assert (
            sidecar.events("partitions.assigned")[-1]["partitions"].count(topic) == 2
        )  # the new ones alone: nothing was taken away
        assert [line["event"] for line in sidecar.events()].count("partitions.revoked") <= 1  # at the end
    assert sorted(app.ids) == list(range(8000))
    app.assert_in_order()
