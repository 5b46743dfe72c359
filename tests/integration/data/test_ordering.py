from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.parts.app import Application
from tests.parts.behaviour import Reply, Request
from tests.parts.environ import sidecar_environ
from tests.parts.kafka import RealKafka
from tests.parts.process import SidecarProcess
from tests.parts.topics import create_topic, fresh_name, produce_numbered

RECORDS = 20_000


class Crowd:
    """Takes 20 ms for each request, and remembers how many it had at once."""

    def __init__(self) -> None:
        self.most = 0
        self._here = 0
        self._lock = threading.Lock()
        self._never = threading.Event()

    def __call__(self, _request: Request) -> Reply:
        with self._lock:
            self._here += 1
            self.most = max(self.most, self._here)
        self._never.wait(0.02)
        with self._lock:
            self._here -= 1
        return Reply()


@pytest.mark.parametrize(("ordering", "most"), [("partition", {1}), ("none", {2, 3, 4})])
def test_how_many_requests_with_records_of_one_partition_are_open_at_once(
    kafka: RealKafka, tmp_path: Path, ordering: str, most: set[int]
) -> None:
    topic = fresh_name("orders")
    create_topic(kafka.bootstrap, topic, partitions=1)
    produce_numbered(kafka.bootstrap, topic, range(RECORDS))
    crowd = Crowd()
    with Application(crowd) as app:
        bounds = {"FLUSH__MAX_BATCH": "100", "FLUSH__MAX_IN_FLIGHT": "4"}
        environ = sidecar_environ(kafka.bootstrap, topic, app.url, ORDERING=ordering, **bounds)
        with SidecarProcess(environ, tmp_path) as sidecar:
            sidecar.wait_status(
                lambda status: any(entry["committed"] == RECORDS for entry in status.get("partitions", ())), "all is committed"
            )
            code, flow = sidecar.get("/status/flow")
            sidecar.sigterm()
            assert sidecar.wait_exit() == 0
        assert sorted(app.ids) == list(range(RECORDS))
        assert crowd.most in most
        assert code == 200
        turns = [max(each["before"], each["after"]) for each in flow["decisions"] if each["dial"] == "concurrency"]
        assert max(turns) >= crowd.most  # it may have been turned down again since
