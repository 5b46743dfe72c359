from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.data.stage import assert_balanced, drain, wait_done
from tests.parts.app import Application
from tests.parts.behaviour import Behaviour, accept, answer, endless_body, error_page, hang_up
from tests.parts.environ import sidecar_environ
from tests.parts.kafka import RealKafka
from tests.parts.process import SidecarProcess
from tests.parts.topics import create_topic, fresh_name, produce_numbered

JSON = {"Content-Type": "application/json"}
NOT_SENT = b'{"failures": [{"topic": "other", "partition": 0, "offset": 5, "action": "reject"}]}'
NO_FAILURE = b'{"failures": [{"topic": "other", "partition": "first"}]}'
NOT_THE_CONTRACT = "the answer is not what the contract says: "


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (error_page(502), "answered 502 Bad Gateway"),
        (endless_body, "the answer is longer than "),
        (answer(200, JSON, b'{"failures": ['), NOT_THE_CONTRACT + "its body is not valid JSON"),
        (answer(200, JSON, NOT_SENT), NOT_THE_CONTRACT + "`failures` names a record that was not sent, or one record twice"),
        (answer(200, JSON, NO_FAILURE), NOT_THE_CONTRACT + "in `failures`: "),
        (hang_up, "the connection was lost (RemoteDisconnected)"),
    ],
    ids=["HTML", "endless", "no JSON", "not sent", "no failure", "hang up"],
)
def test_an_answer_that_breaks_the_contract_delivers_nothing_and_loses_nothing(
    kafka: RealKafka, tmp_path: Path, bad: Behaviour, said: str
) -> None:
    topic = fresh_name("orders")
    create_topic(kafka.bootstrap, topic)
    produce_numbered(kafka.bootstrap, topic, range(100))
    with Application(bad) as app, SidecarProcess(sidecar_environ(kafka.bootstrap, topic, app.url), tmp_path) as sidecar:
        status = sidecar.wait_status(lambda status: bool(status["flow"]["last_failure"]), "a flush failed")
        assert_balanced(status["books"])
        assert status["books"]["delivered"] == 0
        assert status["partitions"][0]["committed"] in {None, 0}  # where it started
        assert status["flow"]["last_failure"].startswith(said)
        sidecar.wait_status(lambda _: len(app.requests) > 2, "it is tried again")
        app.behave = accept
        wait_done(sidecar, kafka.bootstrap, topic)
        books = drain(sidecar)
        told = sidecar.events("flush.failed")[0]
    assert books["delivered"] == 100
    assert set(app.ids) == set(range(100))
    assert told["reason"].startswith(said)
    assert told["records"] > 0
    assert len({request.idempotency_key for request in app.requests[:2]}) == 1  # the same records under the same name


def test_a_refusal_of_everything_opens_the_breaker_and_holds_the_partition_until_it_is_over(
    kafka: RealKafka, tmp_path: Path
) -> None:
    topic = fresh_name("orders")
    create_topic(kafka.bootstrap, topic)
    produce_numbered(kafka.bootstrap, topic, range(100))
    with Application(answer(401)) as app, SidecarProcess(sidecar_environ(kafka.bootstrap, topic, app.url), tmp_path) as sidecar:
        held = sidecar.wait_status(lambda status: status["why"]["verdict"] == "downstream_down", "the breaker is open")
        assert held["breaker"]["reason"] == "answered 401 Unauthorized"
        assert "answered 401 Unauthorized" in held["why"]["sentence"]
        scraped = sidecar.metrics()  # at one moment: the breaker probes the application again and again
        assert scraped["sidecar_breaker_state", frozenset({("state", "closed")})] == 0
        assert sum(value for (name, _), value in scraped.items() if name == "sidecar_breaker_state") == 1
        app.behave = accept
        wait_done(sidecar, kafka.bootstrap, topic)
        assert drain(sidecar)["delivered"] == 100
    assert app.ids == tuple(range(100))
