from __future__ import annotations

import threading
from pathlib import Path

import pytest

from sidecar.core.books import DropReason
from sidecar.observe.drop_record import INTENT
from tests.integration.data.stage import drain, wait_done
from tests.parts.app import Application
from tests.parts.behaviour import held_until
from tests.parts.environ import sidecar_environ
from tests.parts.kafka import RealKafka
from tests.parts.process import SidecarProcess
from tests.parts.topics import create_topic, fresh_name, produce_numbered

RECORDS = 10_000

ROOM = 4000
"""Of the buffer, in records. However polls fall, of a quarter of it each at most: `sample` begins with 2,000 to 2,999 in it, and keeps 1 in 10 of the others, for which there is room."""


@pytest.mark.parametrize("strategy", ["drop_oldest", "drop_newest", "sample"])
def test_an_overload_drops_by_the_strategy_and_every_record_is_accounted_for(
    kafka: RealKafka, tmp_path: Path, strategy: str
) -> None:
    topic = fresh_name("telemetry")
    create_topic(kafka.bootstrap, topic)
    gate = threading.Event()
    with Application(held_until(gate)) as app:
        environ = sidecar_environ(
            kafka.bootstrap, topic, app.url, BUFFER__STRATEGY=strategy, BUFFER__MAX_MESSAGES=str(ROOM), FLUSH__MAX_BATCH="50"
        )
        with SidecarProcess(environ, tmp_path) as sidecar:
            produce_numbered(kafka.bootstrap, topic, range(RECORDS))
            sidecar.wait_status(
                lambda status: status["books"]["polled"] == RECORDS, "everything is taken while nothing is delivered"
            )
            gate.set()
            wait_done(sidecar, kafka.bootstrap, topic)
            counted = sidecar.metric(
                "sidecar_records_dropped_total", topic=topic, reason=strategy, intent=INTENT[DropReason(strategy)]
            )
            books = drain(sidecar)
            lines = sidecar.events("records.dropped")
    dropped = books["dropped"][strategy]
    assert books["dropped"] == {strategy: dropped}
    assert (counted, books["delivered"]) == (dropped, RECORDS - dropped)
    assert 0 < books["delivered"] <= ROOM
    assert sorted(app.ids) == sorted(set(app.ids))
    assert len(app.ids) == books["delivered"]
    assert {line["reason"] for line in lines} == {strategy}
    assert sum(line["records"] for line in lines) == dropped
    app.assert_in_order()
    assert _is_as_promised(strategy, app)


def _is_as_promised(strategy: str, app: Application) -> bool:
    """Whether what was delivered is what the strategy keeps of records that came all at once."""
    if strategy == "drop_oldest":
        return app.ids[-1] == RECORDS - 1
    if strategy == "drop_newest":
        return app.ids[-1] < RECORDS - 1
    weights = [taken.line.get("weight", 1) for records in app.taken.values() for taken in records]
    return set(weights) == {1, 10}
