from __future__ import annotations

import json
import threading
from pathlib import Path

from tests.integration.data.stage import drain, wait_done
from tests.parts.app import Application
from tests.parts.behaviour import held_until
from tests.parts.environ import sidecar_environ
from tests.parts.kafka import RealKafka
from tests.parts.process import SidecarProcess
from tests.parts.topics import create_topic, fresh_name, produce_numbered

ORDERS = range(5_000)
CLICKS = range(100_000, 110_000)


def test_while_the_downstream_is_away_a_topic_that_may_drop_makes_room_for_one_that_must_not_and_what_was_dropped_can_be_found(
    kafka: RealKafka, tmp_path: Path
) -> None:
    orders, clicks = fresh_name("orders"), fresh_name("clicks")
    for topic in (orders, clicks):
        create_topic(kafka.bootstrap, topic)
    policies = [{"topic": "clicks*", "strategy": "drop_oldest", "priority": -1}]
    gate = threading.Event()
    with Application(held_until(gate)) as app:
        environ = sidecar_environ(
            kafka.bootstrap,
            f"{orders},{clicks}",
            app.url,
            TOPIC_POLICIES=json.dumps(policies),
            BUFFER__MAX_MESSAGES="2000",
            FLUSH__MAX_BATCH="50",
        )
        with SidecarProcess(environ, tmp_path) as sidecar:
            produce_numbered(kafka.bootstrap, clicks, CLICKS)
            sidecar.wait_status(lambda status: status["books"]["polled"] == len(CLICKS), "the flood is here")
            produce_numbered(kafka.bootstrap, orders, ORDERS)
            sidecar.wait_status(
                lambda status: status["books"]["polled"] > len(CLICKS) + 1_000,
                "a share of the buffer is made free for the orders",
            )
            gate.set()
            for topic in (orders, clicks):
                wait_done(sidecar, kafka.bootstrap, topic)
            _, drops = sidecar.get("/status/drops")
            books = drain(sidecar)
    taken = set(app.ids)
    assert taken >= set(ORDERS)
    assert {each["topic"] for each in drops["ranges"]} == {clicks}
    assert sum(each["records"] for each in drops["ranges"]) == books["dropped"]["drop_oldest"] == len(set(CLICKS) - taken)
    assert books["polled"] == len(ORDERS) + len(CLICKS) == books["delivered"] + books["dropped"]["drop_oldest"]
    app.assert_in_order()
