"""The four main cases on a real kubelet, with the sidecar's real image and a real Kafka.

What is asserted is what the simulated kubelet's cases assert (tests/integration/choreography): the books, and the order of events as the
kubelet's and the containers' logs tell it. Each case leaves its journal in ``.cache/kubelet-seen``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.kubelet.manifests import native_pod
from tests.parts.environ import sidecar_environ
from tests.parts.kafka import RealKafka
from tests.parts.kubelet.journal import Journal
from tests.parts.kubelet.load import Load
from tests.parts.node.build import CACHE
from tests.parts.node.kubelet import Kubelet
from tests.parts.node.sight import complaints, journal_of
from tests.parts.topics import fresh_name
from tests.parts.waiting import free_port, wait_for

SEEN = CACHE / "kubelet-seen"
LONG = 120.0
RECORDS = 10_000
UNDER_LOAD = 500
TOKEN = "of-the-hook"  # noqa: S105 -- shown in the manifest by its nature

SIDECAR_FIRST = ["created", "sidecar start", "sidecar startup probe passed", "app start", "sidecar: partitions.assigned"]
SIDECAR_LAST = [
    *("deleted", "sidecar hook begin", "sidecar: drain.started", "sidecar: group.left", "sidecar hook end"),
    *("sidecar TERM", "sidecar: sidecar.stopped", "sidecar exit"),
]
APP_FIRST = ["app TERM", "app exit", "sidecar TERM", "sidecar exit"]
DRAINED_BEFORE_APP = ["deleted", "app hook begin", "last delivery", "app hook end", *APP_FIRST]


@dataclass(frozen=True)
class Case:
    """``options`` are those of ``kafka-sidecar manifest``; ``app`` is the first application's environment."""

    name: str
    order: Sequence[str]
    options: Sequence[str] = ("--grace-period", "30")
    settings: Mapping[str, str] = field(default_factory=dict)
    app: Mapping[str, str] = field(default_factory=dict)
    restarts_app: bool = False
    undisturbed: bool = True

    def __str__(self) -> str:
        return self.name


HOOKED = ("--grace-period", "30", "--app-hook", "drain")
CASES = [
    Case("with the application's hook", DRAINED_BEFORE_APP, HOOKED),
    Case("without the application's hook", ["deleted", *APP_FIRST], undisturbed=False),
    Case(
        "the application is restarted",
        ["app hook begin", "app hook end", "app TERM", "app exit", "app start", *DRAINED_BEFORE_APP],
        HOOKED,
        restarts_app=True,
    ),
    Case(
        "the application heeds no SIGTERM, and the grace period ends",
        ["deleted", "last delivery", "app hook end", "app TERM", "sidecar TERM"],
        ("--grace-period", "13", "--app-stop", "1", "--app-hook", "drain"),
        {"DRAIN_TIMEOUT": "2s"},
        {"APP_STUBBORN": "1"},
    ),
]


class Node:
    """The kubelet with a case's records, and the ports of its application and of its sidecar."""

    def __init__(self, kubelet: Kubelet, kafka: RealKafka, case: Case, folder: Path) -> None:
        folder.chmod(0o777)  # the pod's processes are not root
        self.load = Load(kafka, RECORDS, folder / "taken")
        self._kubelet = kubelet
        self._case = case
        self._folder = folder
        self._app_port, self._admin_port = free_port(), free_port()

    def create(self, app: Mapping[str, str]) -> str:
        """Create a pod with this environment of its application; return its name."""
        name = fresh_name("pod")
        url = f"http://127.0.0.1:{self._app_port}"
        settings = {
            "KAFKA__GROUP_ID": self.load.group,
            "FLUSH__MAX_BATCH": "20",  # 800 records a second at most: of a kubelet's seconds there are several until the end
            "BUFFER__MAX_MESSAGES": "100",
            "ON_POISON": "drop",  # a failure that a drain took for the records' fault would show
            "DRAIN_TIMEOUT": "5s",
            "APP__HEALTH_URL": f"{url}/healthz",
            "APP__HEALTH_INTERVAL": "100ms",
            "APP__HEALTH_TIMEOUT": "30s",  # an application that is only late on a busy machine is not one that is ill
            "HTTP__LISTEN": f"0.0.0.0:{self._admin_port}",
            **({"HTTP__TOKEN": TOKEN} if "drain" in self._case.options else {}),  # without a hook no manifest may show it
            **self._case.settings,
        }
        environ = sidecar_environ(self.load.bootstrap, self.load.topic, f"{url}/records", **settings)
        del environ["SIDECAR_MEMORY__LIMIT"]  # the container's own
        environment = {"APP_PORT": str(self._app_port), "APP_TAKEN": "/case/taken", "APP_SICK": "/case/sick", **app}
        options = ["--name", "sidecar", *self._case.options]
        self._kubelet.create(native_pod(name, environ, options, environment, self._folder))
        return name

    def restart_app(self, pod: str) -> None:
        """Let the application's liveness probe fail; return when it is started again."""
        (self._folder / "sick").touch()
        wait_for(lambda: self._kubelet.statuses(pod)["app"]["restartCount"] == 1, "the application is started again", LONG)

    def wait_taken(self, more: int) -> None:
        """Return when ``more`` records than now were taken for the first time, or all."""
        count = min(len(self.load.places()) + more, RECORDS)
        try:
            wait_for(lambda: len(self.load.places()) >= count, f"{count} records are taken", LONG)
        except TimeoutError as error:
            raise TimeoutError("\n".join([str(error), *complaints(self._kubelet)])) from None

    def delete(self, pod: str) -> None:
        """Have a pod ended; return when it is gone."""
        self._kubelet.delete(pod)
        wait_for(lambda: self._kubelet.is_gone(pod), f"{pod} is gone", LONG)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_real_kubelet_ends_the_pod_in_the_promised_order_and_no_record_is_lost_or_repeated(
    kubelet: Kubelet, kafka: RealKafka, tmp_path: Path, case: Case
) -> None:
    node = Node(kubelet, kafka, case, tmp_path)
    pod = node.create({"APP_WORK": "0.1", **case.app})
    node.wait_taken(UNDER_LOAD)
    if case.restarts_app:
        node.restart_app(pod)
        node.wait_taken(UNDER_LOAD)
    node.delete(pod)
    taken, uncommitted = node.load.taken(), node.load.uncommitted()
    successor = node.create({})
    node.wait_taken(RECORDS)
    node.delete(successor)

    journal = journal_of(kubelet, pod)
    journal.add("last delivery", at=taken[-1].at)
    keep(case, journal)
    assert len(taken) < RECORDS, "it did not end under load"
    assert uncommitted == 0
    assert {record.place for record in node.load.taken()} == node.load.all_places
    assert len(node.load.taken()) == RECORDS
    assert node.load.committed() == node.load.log_ends()
    journal.assert_order(SIDECAR_FIRST)
    journal.assert_order(SIDECAR_LAST)
    journal.assert_order(case.order)
    assert case.undisturbed == (not journal.times("sidecar: flush.failed")), journal


def keep(case: Case, journal: Journal) -> None:
    """Leave the journal for people."""
    SEEN.mkdir(exist_ok=True)
    (SEEN / f"{case.name.replace(' ', '-')}.txt").write_text(f"{journal}\n", "utf-8")
