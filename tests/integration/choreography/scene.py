"""The scene of each case: one topic, one group, and one pod after the other, treated by the simulated kubelet.

A case says what the pods are like, the story what happens to the first, and a second pod with a well-behaved application takes the rest.
The records are numbered by their places and have no gaps, so what the applications noted and what the group committed tell all.
"""

from __future__ import annotations

import enum
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from tests.parts.environ import sidecar_environ
from tests.parts.kafka import RealKafka
from tests.parts.kubelet import sample_app
from tests.parts.kubelet.journal import Journal, monotonic_time
from tests.parts.kubelet.load import Load, Place
from tests.parts.kubelet.pod import Exec, Hook, HttpGet, Pod, Program, Sleep, get
from tests.parts.waiting import free_port, wait_for

LONG = 90.0
"""Seconds within which all that is waited for happens, also when many cases share the processors."""

RECORDS = 10_000
UNDER_LOAD = 500
"""Records taken, after which things begin to happen to a pod."""

WORK = "0.1"
"""Seconds that the application works on a request of the first pod: most records are still to come when it ends."""


class Shape(enum.Enum):
    """The sidecar a native one; both main containers; the application the native sidecar of the sidecar."""

    NATIVE = "native"
    CLASSIC = "classic"
    INVERTED = "inverted"


class AppHook(enum.Enum):
    """The application's preStop hook: ``httpGet`` of the sidecar's ``/drain?wait``, the same by a command, ``sleep``, none."""

    DRAIN = "drain"
    COMMAND = "command"
    SLEEP = "sleep"
    NONE = "none"


class Repeats(enum.Enum):
    """What may be taken again: nothing; of what was taken and not committed when something ended, some; exactly that, and there is some."""

    NOTHING = "nothing"
    SOME = "some"
    EXACTLY = "exactly"


@dataclass(frozen=True, slots=True)
class Case:
    """``own_hook``: the sidecar's preStop is ``kafka-sidecar drain --wait``. ``name`` is what is special about the story.

    ``order``: what must be seen in the first pod's journal, each entry after the one before it. ``exits``: the sidecar's exit statuses there
    (negative: the signal that ended it). ``undisturbed``: no request of a sidecar failed.
    """

    name: str
    shape: Shape
    story: Callable[[Stage], None]
    own_hook: bool = False
    app_hook: AppHook = AppHook.NONE
    order: Sequence[str] = ()
    exits: Sequence[int] = (0,)
    undisturbed: bool = False
    repeats: Repeats = Repeats.NOTHING
    grace: int = 30
    settings: Mapping[str, str] = field(default_factory=dict)
    app: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        hooks = [
            *(["own hook"] if self.own_hook else []),
            *([] if self.app_hook is AppHook.NONE else [f"app {self.app_hook.value}"]),
        ]
        return f"{self.shape.value}, {' and '.join(hooks) or 'no hooks'}: {self.name}"


class Stage:
    """Where a case is played. ``bound``: how many records may come again, since they were not committed when something ended."""

    def __init__(self, case: Case, kafka: RealKafka, folder: Path, meet: Callable[[], object]) -> None:
        self.case = case
        self.load = Load(kafka, RECORDS, folder / "taken")
        self.meet = meet
        self.hangs = folder / "hangs"
        """While this file is there, the applications of the first pod answer nothing."""
        self._waits = folder / "waits"
        self.bound = 0
        self.pods: list[Pod] = []
        self._folder = folder
        self._app_port, self._sidecar_port = free_port(), free_port()

    @property
    def pod(self) -> Pod:
        """The present pod."""
        return self.pods[-1]

    def raise_pod(self) -> Pod:
        """Create the next pod; the first has the application of the case, the others one that is quick and well-behaved."""
        folder = self._folder / f"pod-{len(self.pods) + 1}"
        folder.mkdir()
        app, sidecar = self._app(), self._sidecar(folder)
        ordered = [app, sidecar] if self.case.shape is Shape.INVERTED else [sidecar, app]
        self.pods.append(Pod(ordered, self.case.grace, folder, self._before_start))
        self.pod.create()
        return self.pod

    def wait_taken(self, more: int) -> None:
        """Return when ``more`` records than now were taken for the first time, or all."""
        count = min(len(self.load.places()) + more, RECORDS)
        self.pod.wait_for(lambda: len(self.load.places()) >= count, f"{count} records are taken", LONG)

    def hold(self) -> None:
        """Have the application of the first pod take nothing more; return when something waits there, which is taken when it is :meth:`let_go`."""
        self._waits.touch()
        self.pod.wait_for(lambda: get(self._app_port, "/waitz").startswith("200"), "a request waits at the application", LONG)

    def let_go(self) -> None:
        """Have the application take what waits, and all that comes."""
        self._waits.unlink()

    def count_uncommitted(self) -> None:
        """Let what was taken and is not committed now come again."""
        self.bound += self.load.uncommitted()

    def app_answers(self) -> bool:
        """Tell whether the application of the present pod answers."""
        return get(self._app_port, "/healthz").startswith("200")

    def sidecar_drains(self) -> bool:
        """Tell whether the sidecar of the present pod has begun to drain for good."""
        return get(self._sidecar_port, "/livez").startswith("200 drain")

    def _before_start(self, name: str) -> None:
        """Count what may come again when a container is started again, once the application is done with what it had got."""
        if self.pod.journal.times(f"{name} start"):
            wait_for(lambda: not get(self._app_port, "/idlez").startswith("503"), "the application is idle", LONG)
            self.count_uncommitted()

    def _app(self) -> Program:
        files = {"APP_HANGS": str(self.hangs), "APP_WAITS": str(self._waits)}
        first = {"APP_WORK": WORK, **files, **self.case.app} if not self.pods else {}
        env = {"APP_PORT": str(self._app_port), "APP_TAKEN": str(self.load.noted), **first}
        is_sidecar = self.case.shape is Shape.INVERTED
        startup = self.app_answers if is_sidecar else None
        return Program("app", [sys.executable, sample_app.__file__], env, is_sidecar, self._app_hook(), startup)

    def _app_hook(self) -> Hook | None:
        match self.case.app_hook:
            case AppHook.DRAIN:
                return HttpGet(self._sidecar_port, "/drain?wait")
            case AppHook.COMMAND:
                return Exec([sys.executable, "-c", f"import urllib.request as r; r.urlopen('{self._drain_address}')"])
            case AppHook.SLEEP:
                return Sleep(4.0)  # a second more than the drain may take: a sleep only hopes that it is over
            case AppHook.NONE:
                return None

    @property
    def _drain_address(self) -> str:
        return f"http://127.0.0.1:{self._sidecar_port}/drain?wait"

    def _sidecar(self, folder: Path) -> Program:
        app = f"http://127.0.0.1:{self._app_port}"
        settings = {
            "KAFKA__GROUP_ID": self.load.group,
            "FLUSH__MAX_BATCH": "50",
            "BUFFER__MAX_MESSAGES": "300",  # what is delivered well within the drain's time, however few flushes run at once
            "ON_POISON": "drop",  # a failure that a drain took for the records' fault would show
            "DRAIN_TIMEOUT": "3s",
            "DRAIN_MARKER": str(folder / "drain"),
            "GRACE_PERIOD": f"{self.case.grace}s",
            "HTTP__LISTEN": f"127.0.0.1:{self._sidecar_port}",
            **self.case.settings,
        }
        if self.case.own_hook or self.case.app_hook is not AppHook.NONE:
            settings |= {"APP__HEALTH_URL": f"{app}/healthz", "APP__HEALTH_INTERVAL": "100ms", "APP__HEALTH_TIMEOUT": "30s"}
        env = sidecar_environ(self.load.bootstrap, self.load.topic, f"{app}/records", **settings)
        own_hook = Exec([sys.executable, "-m", "sidecar", "drain", "--wait"]) if self.case.own_hook else None
        is_sidecar = self.case.shape is Shape.NATIVE
        startup = (lambda: get(self._sidecar_port, "/startupz").startswith("200")) if is_sidecar else None
        return Program("sidecar", [sys.executable, "-m", "sidecar", "run"], env, is_sidecar, own_hook, startup)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a case: the first pod's journal, the books of each sidecar that could close them, and what was taken and committed."""

    journal: Journal
    books: Sequence[Mapping[str, Any]]
    taken_by_first: int
    taken: Sequence[Place]
    all_places: set[Place]
    committed: Mapping[int, int]
    log_ends: Mapping[int, int]
    bound: int

    @property
    def repeats(self) -> int:
        """How many records were taken beyond the first time."""
        return len(self.taken) - len(set(self.taken))


def perform(case: Case, kafka: RealKafka, folder: Path, meet: Callable[[], object]) -> Outcome:
    """Play a case to its end. ``meet()`` waits for the other cases of the moment, where a story does."""
    folder.mkdir()
    stage = Stage(case, kafka, folder, meet)
    try:
        case.story(stage)
        taken = stage.load.taken()
        stage.count_uncommitted()
        stage.raise_pod()
        stage.wait_taken(RECORDS)
        stage.pod.delete()
        stage.pod.wait_over(LONG)
    finally:
        for pod in stage.pods:
            pod.close()
    journal = stage.pods[0].journal
    journal.add("last delivery", at=taken[-1].at)
    logs = [_log_lines(folder / f"pod-{number}" / "sidecar.log") for number in (1, 2)]
    for line in logs[0]:
        journal.add(f"sidecar: {line['event']}", line.get("reason", ""), at=monotonic_time(line["timestamp"]))
    return Outcome(
        journal=journal,
        books=[line["books"] for log in logs for line in log if line["event"] == "sidecar.stopped"],
        taken_by_first=len({record.place for record in taken}),
        taken=[record.place for record in stage.load.taken()],
        all_places=stage.load.all_places,
        committed=stage.load.committed(),
        log_ends=stage.load.log_ends(),
        bound=stage.bound,
    )


def _log_lines(log: Path) -> list[dict[str, Any]]:
    """Return a sidecar's log; a line that was cut off when it was killed is left out, and what is no event (stacks, say) is shown on a failure."""
    lines = [line for line in log.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
    for line in lines:
        if not line.startswith(b"{"):
            print(f"{log}: {line.decode('utf-8', 'replace')}", end="")  # noqa: T201 -- pytest shows it with a failure
    return [msgspec.json.decode(line) for line in lines if line.startswith(b"{")]
