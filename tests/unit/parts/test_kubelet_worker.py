from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

import pytest

from tests.parts.kubelet.worker import (
    Container,
    Created,
    Deleted,
    Event,
    Exited,
    HookEnded,
    PodWorker,
    Started,
    Tick,
    Unhealthy,
    Verb,
)

NEVER = float("inf")


@dataclass(frozen=True)
class Program:
    """How long its hook lasts (None: it has none), and how long it runs on after TERM."""

    stops: float
    hook: float | None = None


def told(pod: str, programs: dict[str, Program], grace: int, first: Event, until: float = 60) -> str:
    """Return what the worker does to a running pod after ``first`` at second 0: ``0 hook app, 3 TERM app, 4 app gone, ...``.

    ``pod`` names the containers in the manifest's order, sidecars with a star.
    """
    worker = PodWorker(tuple(_containers(pod, programs)), grace)
    worker.handle(Created(), -1)
    said: list[str] = []
    coming: list[tuple[float, int, Event]] = []

    def comes(at: float, event: Event) -> None:
        heappush(coming, (at, len(said) + len(coming), event))

    comes(0, first)
    while coming or worker.next_due is not None:
        due = min(coming[0][0] if coming else NEVER, NEVER if worker.next_due is None else worker.next_due)
        if due > until:
            break
        now, event = (coming[0][0], heappop(coming)[2]) if coming and coming[0][0] <= due else (due, Tick())
        if isinstance(event, Exited):
            said.append(f"{now:g} {event.name} gone")
            coming = [later for later in coming if later[2] != event]
        for verb, name in worker.handle(event, now):
            said.append(f"{now:g} {verb.value} {name}")
            match verb:
                case Verb.RUN_HOOK:
                    comes(now + (programs[name].hook or 0), HookEnded(name))
                case Verb.TERM if programs[name].stops < NEVER:
                    comes(now + programs[name].stops, Exited(name))
                case Verb.KILL:
                    comes(now, Exited(name))
    return ", ".join(said)


def _containers(pod: str, programs: dict[str, Program]) -> Sequence[Container]:
    names = [(name.strip("*"), name.endswith("*")) for name in pod.split()]
    return [Container(name, is_sidecar, has_hook=programs[name].hook is not None) for name, is_sidecar in names]


@pytest.mark.parametrize(
    ("pod", "programs", "happens"),
    [
        pytest.param(
            "sidecar* app",
            {"sidecar": Program(stops=0.5, hook=3), "app": Program(stops=5)},
            "0 hook sidecar, 0 TERM app, 5 app gone, 5 TERM sidecar, 5.5 sidecar gone",
            id="native: the app is asked at once and the sidecar when it is gone, though its hook ended long before",
        ),
        pytest.param(
            "sidecar* app",
            {"sidecar": Program(stops=0, hook=2), "app": Program(stops=1, hook=2.5)},
            "0 hook sidecar, 0 hook app, 2.5 TERM app, 3.5 app gone, 3.5 TERM sidecar, 3.5 sidecar gone",
            id="native: all hooks begin at once, and the app's holds back its signal",
        ),
        pytest.param(
            "sidecar* app",
            {"sidecar": Program(stops=1, hook=6), "app": Program(stops=1)},
            "0 hook sidecar, 0 TERM app, 1 app gone, 6 TERM sidecar, 7 sidecar gone",
            id="native: the sidecar's own hook holds back its signal when the app is gone",
        ),
        pytest.param(
            "sidecar app",
            {"sidecar": Program(stops=1), "app": Program(stops=3)},
            "0 TERM sidecar, 0 TERM app, 1 sidecar gone, 3 app gone",
            id="classic: both are asked at once",
        ),
        pytest.param(
            "app* sidecar",
            {"app": Program(stops=1), "sidecar": Program(stops=4)},
            "0 TERM sidecar, 4 sidecar gone, 4 TERM app, 5 app gone",
            id="inverted: the app stays until the sidecar is gone",
        ),
        pytest.param(
            "one* two* app",
            {"one": Program(stops=1), "two": Program(stops=1), "app": Program(stops=1)},
            "0 TERM app, 1 app gone, 1 TERM two, 2 two gone, 2 TERM one, 3 one gone",
            id="sidecars go in the reverse order of their start",
        ),
        pytest.param(
            "sidecar* app",
            {"sidecar": Program(stops=1), "app": Program(stops=NEVER)},
            "0 TERM app, 10 TERM sidecar, 10 KILL app, 10 app gone, 11 sidecar gone",
            id="an app that will not stop is killed after the grace period, and the sidecar is asked then",
        ),
        pytest.param(
            "sidecar* app",
            {"sidecar": Program(stops=NEVER), "app": Program(stops=NEVER)},
            "0 TERM app, 10 TERM sidecar, 10 KILL app, 10 app gone, 12 KILL sidecar, 12 sidecar gone",
            id="the sidecar has two seconds then",
        ),
        pytest.param(
            "sidecar* app",
            {"sidecar": Program(stops=1, hook=NEVER), "app": Program(stops=1, hook=NEVER)},
            "0 hook sidecar, 0 hook app, 10 TERM sidecar, 10 TERM app, 11 sidecar gone, 11 app gone",
            id="hooks that never end use the grace period up, and with it the order",
        ),
        pytest.param(
            "sidecar app",
            {"sidecar": Program(stops=NEVER, hook=2.7), "app": Program(stops=0)},
            "0 hook sidecar, 0 TERM app, 0 app gone, 2.7 TERM sidecar, 10.7 KILL sidecar, 10.7 sidecar gone",
            id="what a hook took is paid in whole seconds",
        ),
    ],
)
def test_a_deleted_pod_ends_in_the_order_of_the_kubelet(pod: str, programs: dict[str, Program], happens: str) -> None:
    assert told(pod, programs, 10, Deleted()) == happens


@pytest.mark.parametrize(
    ("program", "happens"),
    [
        (Program(stops=1, hook=2), "0 hook app, 2 TERM app, 3 app gone, 3 start app"),
        (Program(stops=1), "0 TERM app, 1 app gone, 1 start app"),
        (Program(stops=NEVER), "0 TERM app, 10 KILL app, 10 app gone, 10 start app"),
    ],
)
def test_an_unhealthy_container_leaves_alone_by_its_own_hook_and_is_started_again(program: Program, happens: str) -> None:
    assert told("sidecar* app", {"sidecar": Program(stops=1, hook=1), "app": program}, 10, Unhealthy("app")) == happens


def test_a_container_that_ends_by_itself_is_started_again_without_a_hook() -> None:
    programs = {"sidecar": Program(stops=1, hook=1), "app": Program(stops=1)}
    assert told("sidecar* app", programs, 10, Exited("sidecar")) == "0 sidecar gone, 0 start sidecar"


def test_a_sidecar_that_crashes_while_the_pod_ends_is_not_started_again_and_nobody_waits_for_it() -> None:
    worker = PodWorker((Container("app", is_sidecar=True), Container("sidecar", has_hook=True)), 10)
    worker.handle(Created(), 0)
    assert worker.handle(Deleted(), 0) == [(Verb.RUN_HOOK, "sidecar")]
    assert worker.handle(Exited("sidecar"), 1) == [(Verb.TERM, "app")]
    assert worker.handle(Exited("app"), 2) == []
    assert worker.over


def test_main_containers_start_when_each_sidecar_has_passed_its_startup_probe() -> None:
    containers = (Container("one", is_sidecar=True), Container("two", is_sidecar=True, has_startup_probe=True), Container("app"))
    worker = PodWorker(containers, 10)
    assert worker.handle(Created(), 0) == [(Verb.START, "one"), (Verb.START, "two")]
    assert worker.handle(Tick(), 1) == []
    assert worker.handle(Started("two"), 2) == [(Verb.START, "app")]
    assert not worker.over


def test_a_startup_probe_that_passes_while_the_container_stops_leaves_it_to_be_killed() -> None:
    worker = PodWorker((Container("sidecar", is_sidecar=True, has_startup_probe=True),), 10)
    worker.handle(Created(), 0)
    worker.handle(Deleted(), 1)
    worker.handle(Started("sidecar"), 2)
    assert worker.handle(Tick(), 11) == [(Verb.KILL, "sidecar")]
