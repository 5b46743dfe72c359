from __future__ import annotations

import json
from http.client import HTTPConnection, RemoteDisconnected

import pytest

from tests.parts.app import Application
from tests.parts.behaviour import answer, failing, hang_up


def post(app: Application, *offsets: int) -> tuple[int, bytes]:
    """Send records of one partition, each with its offset as its id, and return status and body of the answer."""
    lines = [json.dumps({"topic": "orders", "partition": 0, "offset": offset, "value": {"id": offset}}) for offset in offsets]
    connection = HTTPConnection("127.0.0.1", app.port, timeout=5)
    try:
        connection.request("POST", "/records", "\n".join(lines).encode(), {"Idempotency-Key": f"batch of {len(offsets)}"})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def test_it_takes_records_in_order_and_counts_repeats() -> None:
    with Application() as app:
        post(app, 0, 1)
        post(app, 1, 2)
        assert app.ids == (0, 1, 1, 2)
        assert app.duplicates == 1
        assert [request.idempotency_key for request in app.requests] == ["batch of 2", "batch of 2"]
        app.assert_in_order()


def test_a_record_that_comes_first_after_a_later_one_is_out_of_order() -> None:
    with Application() as app:
        post(app, 0, 2)
        post(app, 1)
        with pytest.raises(AssertionError, match="offset 1 came first after 2"):
            app.assert_in_order()


def test_what_it_does_not_acknowledge_it_has_not_taken() -> None:
    with Application() as app:
        app.behave = answer(503)
        assert post(app, 0)[0] == 503
        app.behave = hang_up
        with pytest.raises(RemoteDisconnected):
            post(app, 0)
        app.behave = failing([("orders", 0, 1)], "reject")
        assert json.loads(post(app, 0, 1)[1])["failures"][0]["offset"] == 1
        assert app.ids == (0,)
        assert len(app.requests) == 3


def test_it_goes_down_and_comes_back_on_the_same_port() -> None:
    with Application() as app:
        app.go_down()
        with pytest.raises(ConnectionRefusedError):
            post(app, 0)
        app.come_back()
        post(app, 0)
        assert app.ids == (0,)
